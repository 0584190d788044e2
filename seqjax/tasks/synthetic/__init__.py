"""Tasks whose sequences are generated from a key."""
