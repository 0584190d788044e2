"""Tasks on one long stream of symbols, with the state carried from batch to batch."""
