"""A sea's temperature month by month, 1950 to 2010, with El Niños: a series with a yearly season.

Source: surface temperatures of the Pacific between 0 and 10° S, 90 and 80° W (Niño 1+2) in °C,
NOAA, ERSST.V3B, public domain; the file that arrives with statsmodels.
"""

import functools
import pathlib

import numpy as np

from seqjax.data import raw
from seqjax.data.folder import DataError, brought, find

FIRST, LAST, SEASON = 1950, 2010, 12
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def elnino() -> np.ndarray:
    """(732,) °C, float64, from January 1950 on.

    The file is elnino.csv of the folder elnino, or else of the package statsmodels.

    Raises:
      DataError: the file is in neither place, or damaged.
    """
    also = brought("statsmodels", "datasets/elnino/elnino.csv")
    return read(find("elnino/elnino.csv", also=also))


@functools.cache
def read(path: pathlib.Path) -> np.ndarray:
    """The values of a file: a head, then a line a year, ``FIRST`` to ``LAST``, a column a month.

    Raises:
      DataError: naming the first line that is not that.
    """
    head, *lines = [line.replace('"', "").split(",") for line in raw.lines(path)]
    if head != ["YEAR", *MONTHS]:
        raise DataError(f"{path}:1: expected YEAR,JAN,…,DEC, got {','.join(head)!r:.100}")
    if len(lines) != 1 + LAST - FIRST:
        raise DataError(f"{path}: {len(lines)} years, expected {FIRST} to {LAST}")
    values = []
    for year, (written, *months) in enumerate(lines, start=FIRST):
        found = [raw.number(month) for month in months]
        if written != str(year) or len(found) != SEASON or None in found:
            said = f"expected {year} and {SEASON} numbers, got {','.join([written, *months])!r:.100}"
            raise DataError(f"{path}:{2 + year - FIRST}: {said}")
        values += found
    series = np.array(values, np.float64)
    series.setflags(write=False)  # it is shared
    return series
