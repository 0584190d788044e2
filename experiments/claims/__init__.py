"""Claims: one module each, with its experiment, and their common evidence and protocol."""
