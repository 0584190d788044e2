"""Diagnostics of a network: gradients through time, Jacobians, gates, probes, depth; observers."""
