"""Tasks over one long stream of symbols, with the state carried from batch to batch."""
