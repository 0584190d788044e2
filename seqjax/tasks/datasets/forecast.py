"""Forecast of the El Niño series, some months ahead."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from seqjax.baselines.classical import windows
from seqjax.data.elnino import FIRST, LAST, SEASON, elnino
from seqjax.metrics import losses
from seqjax.tasks.base import Batch, DataSetTask
from seqjax.types import Array, check_size

STARTS = {"train": FIRST, "validation": 1986, "test": 1996}
"""First year of the targets of each part."""
MOST = 10 * SEASON
"""Upper bound of ``length`` and ``horizon``, in months."""


def months(part: str) -> slice:
    """Return the months of a part as a slice of the series."""
    ends = [SEASON * (year - FIRST) for year in (*STARTS.values(), LAST + 1)]
    place = list(STARTS).index(part)
    return slice(ends[place], ends[place + 1])


@dataclasses.dataclass(frozen=True)
class Forecast(DataSetTask):
    """Predict the temperature ``horizon`` months after a window of ``length`` months.

    The series is ``seqjax.data.elnino``. Training targets are the months of 1950 to 1985 without
    the first length + horizon - 1 months, validation targets 1986 to 1995, test targets 1996 to
    2010; windows may reach back into an earlier part. Values are standardised by mean and deviation
    of 1950 to 1985 and not differenced; the month of the year is not an input. The loss is the
    squared error of standardised values.

    Metrics: ``mae`` in °C, at chance the error of the median training target; ``mse`` in °C².

    Attributes:
      length: months of input before each forecast.
      horizon: months from the last input to the target.

    Raises:
      ValueError: ``length`` or ``horizon`` is not in 1 … 120.
    """

    length: int = 2 * SEASON
    horizon: int = 1

    name = "forecast"
    targets, inputs, outputs = "values", 1, 1
    links = ("linear",)
    metric = "mae"

    def __post_init__(self) -> None:
        for field in ("length", "horizon"):
            check_size(field, getattr(self, field), 1, MOST)

    @property
    def examples(self) -> int:
        return len(self.steps("train"))

    def steps(self, part: str) -> np.ndarray:
        """Return the indices (n,) of a part's targets in the series."""
        own = months(part)
        return np.arange(max(own.start, self.length + self.horizon - 1), own.stop)

    def read(self) -> dict[str, tuple[np.ndarray, ...]]:
        mean, deviation = self._scale()
        standardised_N = ((elnino() - mean) / deviation).astype(np.float32)
        parts = {}
        for part in STARTS:
            steps_S = self.steps(part)
            window_ST = windows(standardised_N, steps_S, self.horizon, self.length)
            parts[part] = (window_ST[:, :, None], standardised_N[steps_S])
        return parts

    def _scale(self) -> tuple[float, float]:
        """Return mean and standard deviation of the training months, °C."""
        known_N = elnino()[months("train")]
        return float(np.mean(known_N)), float(np.std(known_N))

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        error = (losses.value(link, logits) - batch.y) * self._scale()[1]
        return {"mae": (jnp.abs(error), batch.weight), "mse": (jnp.square(error), batch.weight)}

    def chance_metric(self) -> float:
        """Return the mean absolute deviation of the training targets from their median, °C."""
        targets_S = elnino()[self.steps("train")]
        return float(np.mean(np.abs(targets_S - np.median(targets_S))))

    def chance_loss(self, link: str) -> float:
        """Return the variance of the standardised training targets."""
        del link
        return float(np.var(elnino()[self.steps("train")]) / self._scale()[1] ** 2)
