"""MNIST and Fashion-MNIST as sequences: row by row, pixel by pixel, or pixels in another order."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from seqjax.data.folder import DataError
from seqjax.data.idx import CLASSES, SIDE, mnist
from seqjax.tasks.base import DataSetTask

PARTS = {"train": 55_000, "validation": 5_000, "test": 10_000}
"""Images; those of validation are the last of the training file."""
PERMUTATION_SEED = 0
WHITE = 255


@dataclasses.dataclass(frozen=True)
class MnistRows(DataSetTask):
    """A 28 x 28 image read in 28 steps of one row; ten classes at the last step.

    55,000 training, 5,000 validation and 10,000 test images, kept as bytes and scaled to [0, 1] in
    the batch. Metric: ``accuracy``, 1/10 at chance; of the digits .1135 for the answer 1.
    """

    name = "mnist_rows"
    inputs, outputs = SIDE, CLASSES
    examples = PARTS["train"]
    release: ClassVar[str] = "mnist"

    def read(self):
        """x (n, T, D), uint8.

        Raises:
          DataError: a file is missing or damaged, or has another number of images.
        """
        (x, y), test = (mnist(self.release)[part] for part in ("train", "test"))
        n, rest = PARTS["train"], PARTS["validation"]
        for part, found, wanted in (("train", y, n + rest), ("test", test[1], PARTS["test"])):
            if len(found) != wanted:
                said = f"expected {wanted} images to {part}, got {len(found)}"
                raise DataError(f"{self.name}: {said}")
        parts = {"train": (x[:n], y[:n]), "validation": (x[n:], y[n:]), "test": test}
        return {part: (self.steps(x), y.astype(np.int32)) for part, (x, y) in parts.items()}

    def steps(self, images: np.ndarray) -> np.ndarray:
        """Images (n, 28, 28) as sequences (n, T, D)."""
        return images.reshape(len(images), -1, self.inputs)

    def batch(self, data, row, batch_size):
        batch = super().batch(data, row, batch_size)
        return batch._replace(x=batch.x.astype(jnp.float32) / WHITE)


@dataclasses.dataclass(frozen=True)
class MnistPixels(MnistRows):
    """The same image read in 784 steps of one pixel, row after row."""

    name = "mnist_pixels"
    inputs = 1


@dataclasses.dataclass(frozen=True)
class MnistPixelsPermuted(MnistPixels):
    """The pixels in an order drawn once: by NumPy's legacy generator, seed 0, for all images."""

    name = "mnist_pixels_permuted"

    def steps(self, images):
        order = np.random.RandomState(PERMUTATION_SEED).permutation(SIDE**2)  # its stream is frozen
        return super().steps(images)[:, order]


@dataclasses.dataclass(frozen=True)
class FashionRows(MnistRows):
    """As ``MnistRows``, of Fashion-MNIST: ten kinds of clothes, each equally often."""

    name = "fashion_rows"
    release = "fashion_mnist"
