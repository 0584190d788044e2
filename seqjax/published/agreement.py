"""Agreement of our runs with a published table: levels, effects, orders, and one verdict.

The statistics of reproductions are those of ``levels``, ``effects`` and this module, computed here
once. Their rule has a separate version: raise ``VERSION``, with a line in ``CHANGES``, whenever
the same figures and records can give another number or verdict. Figures from memory enter none.
"""

import dataclasses
import math
from collections.abc import Sequence

from seqjax.published.effects import EffectResult, compare
from seqjax.published.join import Cell
from seqjax.published.levels import Level, Order, levels_of, orders_of
from seqjax.published.table import PublishedTable

VERSION = 2
CHANGES = {
    1: "levels, best of N, effects, order, success rates, and the verdict, as first defined",
    2: "no prediction interval decides where runs failed, and no percentile of fewer than N trials",
}
"""Change of each version."""

REPRODUCED = "reproduced"
OTHER_SIZE = "same signs, other size"
SIGNS_DIFFER = "signs differ"
UNDECIDED = "not decidable at this size"
VERDICTS = (REPRODUCED, OTHER_SIZE, SIGNS_DIFFER, UNDECIDED)


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Agreement of the runs under one protocol with the table.

    Attributes:
      protocol: the protocol of the runs.
      levels: rows of the comparison.
      effects: declared effects.
      orders: rank correlations.
      verdict: one of ``VERDICTS``.
    """

    protocol: str
    levels: tuple[Level, ...]
    effects: tuple[EffectResult, ...]
    orders: tuple[Order, ...]
    verdict: str

    @property
    def agreeing(self) -> tuple[int, int]:
        """Number of effects whose sign agrees, and of those with runs on both sides."""
        known = [effect for effect in self.effects if effect.known]
        return sum(effect.agrees for effect in known), len(known)


def agree(table: PublishedTable, cells: Sequence[Cell]) -> tuple[Agreement, ...]:
    """Agreement under each protocol of the table that has runs, in its order.

    Args:
      table: the published table.
      cells: its rows with runs, see ``join.join``.
    """
    found = []
    for protocol in table.protocols:
        own = [cell for cell in cells if cell.key.protocol == protocol]
        if own:
            levels = levels_of(table, protocol, own)
            effects = tuple(compare(table, effect, own, protocol) for effect in table.effects)
            orders = tuple(orders_of(levels))
            found.append(Agreement(protocol, levels, effects, orders, verdict_of(effects)))
    return tuple(found)


def verdict_of(effects: Sequence[EffectResult]) -> str:
    """The verdict on the effects with runs on both sides, by the first rule that holds.

    1. No interval excludes 0: not decidable at this size.
    2. An interval excludes 0 with the opposite sign: signs differ.
    3. All signs agree, and every published size lies in our interval: reproduced.
    4. All signs agree: same signs, other size.
    5. Otherwise: not decidable at this size.
    """
    known = [effect for effect in effects if effect.known]
    if not any(effect.shown or effect.opposed for effect in known):
        return UNDECIDED
    if any(effect.opposed for effect in known):
        return SIGNS_DIFFER
    if not all(effect.agrees for effect in known):
        return UNDECIDED
    sized = [effect for effect in known if not math.isnan(effect.size)]
    return REPRODUCED if all(effect.same_size for effect in sized) else OTHER_SIZE
