"""Studies: one module each, with its question, arms and axes, and its ``EXPERIMENT``."""
