"""The peers, a module each; ``PEERS`` gives the package that has to be installed."""

PEERS = {
    "torch": "torch",
    "linen": "flax",
    "nnx": "flax",
    "haiku": "dm-haiku",
    "equinox": "equinox",
    "keras": "keras",
    "cudnn": "jax",
}
