"""MNIST and Fashion-MNIST as sequences of rows, of pixels, or of permuted pixels."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from seqjax.data.idx import CLASSES, SIDE, mnist
from seqjax.tasks.base import Batch, DataSetTask

PARTS = {"train": 55_000, "validation": 5_000, "test": 10_000}
"""Images of each part; validation images are the last ones of the training file."""
PERMUTATION_SEED = 0
WHITE = 255


@dataclasses.dataclass(frozen=True)
class MnistRows(DataSetTask):
    """Classify a 28 x 28 image, read in 28 steps of one row, at the last step.

    55,000 training, 5,000 validation and 10,000 test images, stored as bytes and scaled to [0, 1]
    in the batch. Metric: ``accuracy`` over ten classes, 1/10 at chance, .1135 for the constant
    answer 1.
    """

    name = "mnist_rows"
    inputs, outputs, balanced = SIDE, CLASSES, True
    examples = PARTS["train"]
    release: ClassVar[str] = "mnist"

    def read(self) -> dict[str, tuple[np.ndarray, ...]]:
        """Return x (n, T, D), uint8, and classes (n,) of each part.

        Raises:
          DataError: a file is missing or differs from the published one.
        """
        (x, y), test = (mnist(self.release)[part] for part in ("train", "test"))
        n = PARTS["train"]
        parts = {"train": (x[:n], y[:n]), "validation": (x[n:], y[n:]), "test": test}
        return {part: (self.steps(x), y.astype(np.int32)) for part, (x, y) in parts.items()}

    def steps(self, images: np.ndarray) -> np.ndarray:
        """Return images (n, 28, 28) as sequences (n, T, D)."""
        return images.reshape(len(images), -1, self.inputs)

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        batch = super().batch(data, row, batch_size)
        return batch._replace(x=batch.x.astype(jnp.float32) / WHITE)


@dataclasses.dataclass(frozen=True)
class MnistPixels(MnistRows):
    """As ``MnistRows``, read in 784 steps of one pixel, row after row."""

    name = "mnist_pixels"
    inputs = 1


@dataclasses.dataclass(frozen=True)
class MnistPixelsPermuted(MnistPixels):
    """As ``MnistPixels``, with the pixels of all images in one fixed random order."""

    name = "mnist_pixels_permuted"

    def steps(self, images: np.ndarray) -> np.ndarray:
        order = np.random.RandomState(PERMUTATION_SEED).permutation(SIDE**2)  # its stream is frozen
        return super().steps(images)[:, order]


@dataclasses.dataclass(frozen=True)
class FashionRows(MnistRows):
    """As ``MnistRows``, on Fashion-MNIST, whose ten classes are balanced."""

    name = "fashion_rows"
    release = "fashion_mnist"
