"""Peers, one module each; ``PEERS`` has the package that each needs."""

PEERS = {
    "torch": "torch",
    "linen": "flax",
    "nnx": "flax",
    "haiku": "dm-haiku",
    "equinox": "equinox",
    "keras": "keras",
    "cudnn": "jax",
}
