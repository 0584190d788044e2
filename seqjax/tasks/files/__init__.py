"""The task on a CSV or NPZ file of one's own: file to examples to parts; warnings; baselines."""
