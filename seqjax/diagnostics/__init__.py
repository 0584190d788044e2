"""What happens inside a network: gradients through time, Jacobians, gates, probes, depth."""
