"""Peers, one module each; ``PEERS`` has the required package of each module."""

PEERS = {
    "torch": "torch",
    "linen": "flax",
    "nnx": "flax",
    "haiku": "dm-haiku",
    "equinox": "equinox",
    "keras": "keras",
    "cudnn": "jax",
}
