"""Tasks on data sets of sequences."""
