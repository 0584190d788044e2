"""Small modules of Flax, losses and data, as a user of ``seqjax.sweep`` has them."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx

import seqjax
from seqjax.types import named_key

D, H = 3, 4


def examples(n, seed):
    """Inputs (n, D), and the sign of their sum as a value."""
    x = np.random.default_rng(seed).normal(size=(n, D)).astype(np.float32)
    return x, np.sign(x.sum(axis=1)).astype(np.float32)


DATA = {"train": examples(20, 0), "validation": examples(7, 1), "test": examples(9, 2)}


class Perceptron(nnx.Module):
    """Two layers, the first with a gain."""

    def __init__(self, hidden: int = H, gain: float = 1.0, *, rngs: nnx.Rngs):
        self.gain = gain
        self.first = nnx.Linear(D, hidden, rngs=rngs)
        self.second = nnx.Linear(hidden, 1, rngs=rngs)

    def __call__(self, x):
        return self.second(jnp.tanh(self.gain * self.first(x)))[:, 0]


class Alone(Perceptron):
    """A module that cannot be stacked."""

    def __call__(self, x):
        return super().__call__(x) + 0 * unstacked(jax.lax.stop_gradient(self.second.bias[...]))


@jax.custom_batching.custom_vmap
def unstacked(x):
    return x


@unstacked.def_vmap
def _(axis_size, in_batched, x):
    raise NotImplementedError("one at a time")


class Inner(Perceptron):
    """A module with an array and a compiled method, whose attributes must be no traced arrays."""

    def __init__(self, gain: float = 1.0, *, rngs: nnx.Rngs):
        super().__init__(gain=gain, rngs=rngs)
        self.mask = jnp.ones((1, D))

    @nnx.jit
    def __call__(self, x):
        return super().__call__(x * self.mask)


class Noisy(nnx.Module):
    """Dropout and batch statistics: state that is not trained.

    Dropout compares its rate with 0, so it cannot be traced. There is no bias before the
    statistics, because its gradient is a rounding error, which Adam scales up.
    """

    def __init__(self, rate: float = 0.5, *, rngs: nnx.Rngs):
        self.first = nnx.Linear(D, H, use_bias=False, kernel_init=ONES, rngs=rngs)
        self.norm = nnx.BatchNorm(H, momentum=0.5, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.second = nnx.Linear(H, 1, kernel_init=ONES, rngs=rngs)

    def __call__(self, x):
        return self.second(self.dropout(self.norm(self.first(x))))[:, 0]


class NoisyLinen(linen.Module):
    """The same in linen."""

    rate: float = 0.5

    @linen.compact
    def __call__(self, x, training):
        x = linen.Dense(H, use_bias=False, kernel_init=ONES)(x)
        x = linen.BatchNorm(use_running_average=not training, momentum=0.5)(x)
        x = linen.Dropout(self.rate, deterministic=not training)(x)
        return linen.Dense(1, kernel_init=ONES)(x)[:, 0]


class Counting(linen.Module):
    """Dropout of the inputs, and a variable that counts the calls in which it may be changed."""

    @linen.compact
    def __call__(self, x, training):
        x = linen.Dropout(0.5, deterministic=not training)(x)
        calls = self.variable("counts", "calls", jnp.zeros, ())
        if self.is_mutable_collection("counts") and not self.is_initializing():
            calls.value = calls.value + 1
        x = linen.Dense(1, kernel_init=ONES)(x)[:, 0]
        return x if training else x + calls.value


ONES = jax.nn.initializers.ones
"""Initial weights that do not depend on a key."""


def recurrent(gain: float, *, rngs: nnx.Rngs):
    """A model of seqjax that reads the inputs as a sequence."""
    init = seqjax.InitSpec(recurrent_gain=gain)
    spec = seqjax.ModelSpec("gru", H)
    options = {"every_step": False, "symbols": False, "init": init}
    return seqjax.SequenceModel(spec, 1, 1, key=rngs.params(), **options)


def errors(predictions, y):
    return jnp.mean(jnp.square(predictions - y)), {"mae": jnp.mean(jnp.abs(predictions - y))}


def loss(model, batch):
    x, y = batch
    return errors(model(x), y)


def linen_loss(model, batch):
    x, y = batch
    return errors(model(x, training=model.training), y)


def recurrent_loss(model, batch):
    x, y = batch
    return errors(model(x.T[:, :, None])[:, 0], y)


def order_of_data(seed, steps, size, n=20):
    """Numbers of the training examples of each step: a permutation of them in every epoch."""
    key = named_key(named_key(jax.random.key(seed), "data"), "training")
    per_epoch = n // size
    epochs = range(-(-steps // per_epoch))
    orders = [jax.random.permutation(jax.random.fold_in(key, k), n) for k in epochs]
    rows = [np.asarray(order)[: per_epoch * size].reshape(-1, size) for order in orders]
    return np.concatenate(rows)[:steps]
