"""Tasks over data sets of sequences."""
