"""Numbers of a comparison in words: the cells of its tables, and sentences on missing effects."""

import math
from collections.abc import Sequence

from seqjax.published.agreement import Agreement
from seqjax.published.effects import EffectResult
from seqjax.published.join import Cell, cell_of
from seqjax.published.levels import Level, Order
from seqjax.records.record import Record
from seqjax.reporting.formats import label, mean_and_interval
from seqjax.reporting.reproduction.comparison import NOT_RUN

NONE = "–"
NO_VALUE = "no value"


def published_text(level: Level, confidence: bool) -> str:
    """The published figure, with its confidence if rows differ in it.

    Figures from memory are in brackets, and figures read off a plot begin with ≈.
    """
    figure = level.figure
    if figure is None:
        return NONE
    spread = "" if figure.spread is None else f" ± {figure.spread:g}"
    about = "" if figure.read == "printed" else "≈ "
    text = f"{about}{figure.text}{spread}" + f" [{figure.source.confidence}]" * confidence
    return f"({text})" if figure.from_memory else text


def ours_text(level: Level) -> str:
    """Our mean with its interval, our share with its limits, or "not run"."""
    if level.cell is None:
        return NOT_RUN
    if math.isnan(level.mean):
        return NONE
    if level.measure.criterion:
        k, n = round(level.mean * len(level.cell.runs)), len(level.cell.runs)
        return f"{k} of {n}: {level.mean:.2f} [{level.lower:.2f}, {level.upper:.2f}]"
    return mean_and_interval(level.mean, level.half_width)


def difference_text(level: Level) -> str:
    """Our value less the published one, with the decimals of both that carry information."""
    if math.isnan(level.difference):
        return NONE
    return signed(level.difference, level.figure.digits + 1)


def signed(value: float, digits: int) -> str:
    """A number with its sign.

    >>> signed(-0.467, 3), signed(0.0450, 3), signed(0.0000421, 4)
    ('−0.467', '+0.045', '+4.2e-05')
    """
    if math.isnan(value):
        return NONE
    small = 0 < abs(value) < 0.5 * 10.0**-digits
    text = f"{value:+.1e}" if small else f"{value:+.{digits}f}"
    return f"−{text[1:]}" if text.startswith("-") else text


def inside_text(level: Level) -> str:
    """Return whether the published value agrees with ours."""
    return NONE if level.inside is None else "yes" if level.inside else "no"


def runs_text(cell: Cell | None) -> str:
    """The number of runs, and of failed ones."""
    if cell is None:
        return NONE
    return f"{len(cell.runs)} ({cell.failed} failed)" if cell.failed else str(len(cell.runs))


def chosen_text(cell: Cell | None) -> str:
    """The selected value, with † if it is the first or last of its axis."""
    if cell is None or cell.chosen is None:
        return NONE
    return f"{label(cell.chosen)}{'†' * at_edge(cell)}"


def at_edge(cell: Cell) -> bool:
    """Return whether the selected value is the first or last of several."""
    single = not isinstance(cell.chosen, tuple)
    return single and len(cell.tried) > 1 and cell.chosen in (cell.tried[0], cell.tried[-1])


def clipped_text(cell: Cell | None) -> str:
    """The share of clipped steps in per cent."""
    if cell is None or math.isnan(cell.clipped_fraction):
        return NONE
    return f"{100 * cell.clipped_fraction:.0f} %"


def place_text(task: str, point: dict) -> str:
    """The data set and the values of a point, joined by commas; "" for neither."""
    values = (f"{path.rpartition('.')[2]} = {label(value)}" for path, value in point.items())
    return ", ".join(filter(None, (task, *values)))


def effect_rows(effects: Sequence[EffectResult]) -> list[list[str]]:
    """Rows of the table of effects; the first row is the head."""
    head = ["better", "worse", "where", "ours", "95 % interval", "published", "ratio", "n", "sign"]
    return [head, *map(_effect_row, effects)]


def _effect_row(result: EffectResult) -> list[str]:
    effect = result.effect
    sized = not math.isnan(result.size)
    digits = 3
    if sized and result.rounding:
        digits = max(0, math.ceil(-math.log10(2 * result.rounding) - 1e-9)) + 1
    published = signed(result.size, digits - 1) if sized else NONE
    place = place_text(effect.task, dict(effect.point)) or NONE
    row = [effect.better, effect.worse, place]
    if not result.known:
        ours, n = (NO_VALUE, str(result.n)) if result.n else (NOT_RUN, NONE)
        return [*row, ours, NONE, published, NONE, n, NONE]
    limits = NONE
    if not math.isnan(result.lower):
        limits = f"[{signed(result.lower, digits)}, {signed(result.upper, digits)}]"
    n = f"{result.n} pairs" if result.paired else str(result.n)
    sign = "agrees" if result.agrees else "differs" if result.difference else "no difference"
    open_sign = "" if result.shown or result.opposed else ", interval holds 0"
    ratio = f"{result.ratio:.2f}".replace("-", "−") if sized else NONE
    ours = signed(result.difference, digits)
    return [*row, ours, limits, published, ratio, n, sign + open_sign]


def effects_text(agreement: Agreement) -> str:
    """The number of effects whose signs agree, as a sentence."""
    agreeing, known = agreement.agreeing
    empty = sum(bool(effect.n) and not effect.known for effect in agreement.effects)
    left = len(agreement.effects) - known - empty
    missing = f"; {left} not run" if left else ""
    missing += f"; {empty} without a value" if empty else ""
    unsized = known and all(math.isnan(e.size) for e in agreement.effects if e.known)
    signs_only = "; no sizes are published" if unsized else ""
    return f"effects: {agreeing} of {known} signs agree{missing}{signs_only}"


def order_text(order: Order) -> str:
    """Kendall's τ-b with its p-value, as a phrase."""
    if math.isnan(order.tau):
        tau = "τ undefined, as all values of one side are equal"
    else:
        tau = f"τ = {order.tau:.2f}".replace("-", "−")
    p = "" if math.isnan(order.p) else f", p = {order.p:.2g}"
    where = place_text(order.task, order.point)
    part = "" if order.part == "test" else f" ({order.part})"
    return f"{where + ': ' if where else ''}{tau} (m = {order.rows}{p}){part}"


def missing_effects(agreement: Agreement, cells: Sequence[Cell]) -> list[str]:
    """A sentence on each effect that is not shown: clipping, failures, tuning, convergence.

    Args:
      agreement: agreement under one protocol.
      cells: rows with runs.
    """
    sentences = []
    for result in agreement.effects:
        if not result.known or result.shown:
            continue
        effect = result.effect
        place = place_text(effect.task, dict(effect.point))
        where = f" ({place})" if place else ""
        pair = [
            f"{row}: {_diagnostics(cell)}"
            for row in (effect.better, effect.worse)
            if (cell := cell_of(cells, agreement.protocol, row, effect.task, effect.point))
        ]
        name = f"{effect.better} over {effect.worse}{where}"
        fact = "is not shown, as its interval holds 0"
        if result.opposed:
            fact = "has the other sign"
        elif math.isnan(result.lower):
            fact = "has no interval"
        sentences.append(f"{name} {fact}. {'; '.join(pair)}.")
    return sentences


def _diagnostics(cell: Cell) -> str:
    """Facts on training that may explain a result."""
    late = sum(map(_best_is_last, cell.runs))
    facts = [
        f"{clipped_text(cell)} of steps clipped" if clipped_text(cell) != NONE else "",
        f"{cell.failed} of {len(cell.runs)} runs failed" if cell.failed else "no run failed",
        f"tuned to {label(cell.chosen)}" if cell.chosen is not None else "not tuned",
        f"the first or last of {len(cell.tried)} values" if at_edge(cell) else "",
        f"{late} of {len(cell.runs)} runs best at the last validation" if late else "",
    ]
    return ", ".join(filter(None, facts))


def _best_is_last(run: Record) -> bool:
    """Return whether the last validation is a new best, so that more updates might help.

    False for a run that stopped early: its last validation solved the task, or was no new best.
    """
    curve = run.curve[f"validation_{run.metric}"]
    *before, last = [value for value in curve if math.isfinite(value)] or [math.nan]
    if run.updates < run.settings["train.steps"] or not before:
        return False
    return last > max(before) if run.higher_is_better else last < min(before)
