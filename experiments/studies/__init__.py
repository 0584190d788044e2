"""Studies: a module each, with its question, arms and axes."""
