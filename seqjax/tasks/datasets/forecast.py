"""Forecasting one real series: the temperature of a sea, some months ahead."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from seqjax.baselines.classical import windows
from seqjax.data.elnino import FIRST, LAST, SEASON, elnino
from seqjax.metrics import losses
from seqjax.tasks.base import DataSetTask, check_length
from seqjax.types import check_most

STARTS = {"train": FIRST, "validation": 1986, "test": 1996}
"""The first year of each part's targets; a part ends where the next begins."""
MOST = 10 * SEASON
"""Months of a window, and ahead of it."""


def months(part: str) -> slice:
    """The places in the series that belong to a part."""
    ends = [SEASON * (year - FIRST) for year in (*STARTS.values(), LAST + 1)]
    place = list(STARTS).index(part)
    return slice(ends[place], ends[place + 1])


@dataclasses.dataclass(frozen=True)
class Forecast(DataSetTask):
    """``length`` months of ``seqjax.data.elnino`` up to one; the value is ``horizon`` months later.

    Parts are apart in time: targets are the months of 1950 to 1985 but the first length + horizon -
    1, those of 1986 to 1995, and those of 1996 to 2010. Windows of later parts reach back into what
    is then the past. Values are standardised by mean and deviation of 1950 to 1985, and not
    differenced; nothing says which month it is. The loss is the squared error of standardised
    values.

    Metrics: ``mae`` in °C; ``mse`` in °C².
    """

    length: int = 2 * SEASON
    horizon: int = 1

    name = "forecast"
    inputs, outputs = 1, 1
    links = ("linear",)
    metric, higher_is_better = "mae", False

    def __post_init__(self):
        check_length(self, 1)
        if self.horizon < 1:
            raise ValueError(f"horizon: {self.name} needs at least 1, got {self.horizon}")
        check_most(length=(self.length, MOST), horizon=(self.horizon, MOST))

    @property
    def examples(self) -> int:
        return len(self.steps("train"))

    def steps(self, part: str) -> np.ndarray:
        """(n,) the places in the series of a part's targets."""
        own = months(part)
        return np.arange(max(own.start, self.length + self.horizon - 1), own.stop)

    def read(self):
        mean, deviation = self._scale()
        standardised_N = ((elnino() - mean) / deviation).astype(np.float32)
        parts = {}
        for part in STARTS:
            steps_S = self.steps(part)
            window_ST = windows(standardised_N, steps_S, self.horizon, self.length)
            parts[part] = (window_ST[:, :, None], standardised_N[steps_S])
        return parts

    def _scale(self) -> tuple[float, float]:
        """Mean and standard deviation of the training months, °C."""
        known_N = elnino()[months("train")]
        return float(np.mean(known_N)), float(np.std(known_N))

    def loss(self, link, logits, batch):
        return losses.value_loss(link, logits, batch.y)

    def metrics(self, link, logits, batch):
        error = (losses.value(link, logits) - batch.y) * self._scale()[1]
        return {"mae": (jnp.abs(error), batch.weight), "mse": (jnp.square(error), batch.weight)}

    def chance_metric(self) -> float:
        """The mean absolute error of the median of the training targets, on these, °C."""
        targets_S = elnino()[self.steps("train")]
        return float(np.mean(np.abs(targets_S - np.median(targets_S))))

    def chance_loss(self, link: str) -> float:
        """The variance of the standardised training targets, their mean being the best constant."""
        del link
        return float(np.var(elnino()[self.steps("train")]) / self._scale()[1] ** 2)
