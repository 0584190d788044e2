"""Published tables and our reproductions of them."""
