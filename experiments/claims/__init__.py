"""Claims: one module each, with its experiment, and the evidence and protocol that they share."""
