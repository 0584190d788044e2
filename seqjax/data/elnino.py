"""Monthly sea surface temperature from 1950 to 2010, with a yearly season and El Niño events.

Source: Pacific Ocean between 0 and 10° S, 90 and 80° W (Niño 1+2), °C, NOAA, ERSST.V3B, public
domain.
"""

import functools

import numpy as np

from seqjax.data.folder import BUNDLED

FIRST, LAST, SEASON = 1950, 2010, 12


@functools.cache
def elnino() -> np.ndarray:
    """Return the temperatures (732,) in °C, float64, read-only, from January 1950 on."""
    series = np.loadtxt(BUNDLED / "elnino.csv", delimiter=",", skiprows=1)[:, 1:].ravel()
    series.setflags(write=False)  # the cached array is shared
    return series
