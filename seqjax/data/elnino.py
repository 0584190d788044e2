"""A sea's temperature month by month, 1950 to 2010: a series with a yearly season, and El Niños.

Source: surface of the Pacific between 0 and 10° S, 90 and 80° W (Niño 1+2), °C, NOAA, ERSST.V3B,
public domain; the file that arrives with statsmodels, a line a year, a column a month.
"""

import functools
import pathlib

import numpy as np

from seqjax.data import csv_series
from seqjax.data.folder import DataError, find

FIRST, LAST, SEASON = 1950, 2010, 12
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def elnino() -> np.ndarray:
    """(732,) °C, float64, from January 1950 on.

    The file lies in the folder elnino, or else where the package statsmodels has it.

    Raises:
      DataError: it is in neither place, or damaged.
    """
    return read(find("elnino/elnino.csv"))


@functools.cache
def read(path: pathlib.Path) -> np.ndarray:
    """The months of a file in their order.

    Raises:
      DataError: it is no such table, or not of the years ``FIRST`` to ``LAST``.
    """
    years, *months = csv_series.read(path, ("YEAR", *MONTHS)).T
    if years.tolist() != list(range(FIRST, LAST + 1)):
        raise DataError(f"{path}: expected a line for each year, {FIRST} to {LAST}")
    series = np.stack(months, axis=1).ravel()
    series.setflags(write=False)  # it is shared
    return series
