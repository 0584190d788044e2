"""The page of a published table beside ours, as Markdown and LaTeX."""

import dataclasses
from collections.abc import Iterator, Sequence

from seqjax.published.agreement import VERSION, Agreement
from seqjax.published.figures import MEMORY, Source
from seqjax.published.join import has_chance
from seqjax.published.levels import Level
from seqjax.published.table import PROTOCOLS
from seqjax.reporting import formats
from seqjax.reporting.reproduction import words
from seqjax.reporting.reproduction.comparison import Reproduction

EXPLANATION = (
    "Ours is the mean with its 95 % Student-t interval over n runs, or the share of runs with its "
    "Clopper-Pearson interval. In interval: the published value lies in the 95 % prediction "
    "interval of one more run, widened by half a unit of its last digit; for shares, Newcombe's "
    "interval of the difference holds 0. An effect is our difference in the direction that is "
    "published, with its 95 % interval. Failed runs count as chance."
)
PERCENTILE = (
    "Percentile: percentage of results below the published value if the best of as many trials, "
    "drawn from ours with replacement and ranked on validation data, is reported."
)
READ_OFF = "≈: read off a plot; its error takes the place of half a unit."
EDGE = "† is the first or last value tried."
FROM_MEMORY = (
    "Figures in brackets are from memory, not checked against the paper; they enter no statistic."
)


@dataclasses.dataclass(frozen=True)
class Block:
    """The rows of one data set, measure and part under one protocol.

    Attributes:
      title: data set, quantity and part.
      levels: the rows.
      rows: the rows as text; the first is the head.
    """

    title: str
    levels: tuple[Level, ...]
    rows: Sequence[Sequence[str]]


def blocks(agreement: Agreement, tuned: Sequence[str]) -> list[Block]:
    """The levels of one protocol as tables of text.

    Args:
      agreement: agreement under the protocol.
      tuned: paths of the tuned fields, the head of a column.
    """
    groups: dict[tuple, list[Level]] = {}
    for level in agreement.levels:
        groups.setdefault((level.task, level.measure, level.part), []).append(level)
    made = []
    for (task, measure, part), levels in groups.items():
        title = ", ".join(filter(None, (task, measure.title, "training set" * (part == "train"))))
        made.append(Block(title, tuple(levels), _text_rows(levels, tuned)))
    return made


def _text_rows(levels: Sequence[Level], tuned: Sequence[str]) -> list[list[str]]:
    figures = [level.figure for level in levels if level.figure is not None]
    confidences = sorted({figure.source.confidence for figure in figures})
    several = len(confidences) > 1
    points = list(dict.fromkeys(path for level in levels for path in level.point))
    tested = any(level.percentile == level.percentile for level in levels)
    head = [
        "arm",
        *(path.rpartition(".")[2].replace("_", " ") for path in points),
        "published" if several or not confidences else f"published [{confidences[0]}]",
        *("ours", "difference", "in interval"),
        *["percentile of best of N"] * tested,
        *("n", _rate_title(tuned), "clipped"),
    ]
    rows = [
        [
            level.row,
            *(formats.label(level.point.get(path, "")) for path in points),
            words.published_text(level, several),
            words.ours_text(level),
            words.difference_text(level),
            words.inside_text(level),
            *[_percentile(level)] * tested,
            words.runs_text(level.cell),
            words.chosen_text(level.cell),
            words.clipped_text(level.cell),
        ]
        for level in levels
    ]
    return [head, *rows]


def _percentile(level: Level) -> str:
    return f"{level.percentile:.0f}" if level.percentile == level.percentile else words.NONE


def _rate_title(tuned: Sequence[str]) -> str:
    return ", ".join(path.rpartition(".")[2].replace("_", " ") for path in tuned) or "tuned"


def to_markdown(made: Reproduction) -> str:
    """The page: per protocol rows, effects, order and deviations; then sources and rules."""
    text = formats.escape_markdown
    parts = [f"**{text(made.title)}**", *map(text, made.notes)]
    for agreement in made.agreements:
        protocol = f"{agreement.protocol}: {agreement.verdict}{_share_compared(agreement)}"
        parts.append(f"**{text(protocol[0].upper() + protocol[1:])}** ({text(meaning(agreement))})")
        for block in blocks(agreement, made.tuned):
            parts += [text(block.title), formats.markdown(block.rows)]
        if agreement.effects:
            rows = formats.markdown(words.effect_rows(agreement.effects))
            parts += [text(words.effects_text(agreement)), rows]
        parts += [text(line) for line in _order_lines(agreement)]
        parts += [text(line) for line in deviation_lines(made, agreement.protocol)]
        parts += [text(line) for line in missing_lines(agreement)]
    if not made.agreements:
        parts.append("Nothing was run yet.")
    parts += [text(line) for line in source_lines(made)]
    parts += [text(line) for line in (*made.remarks, caption(made))]
    parts += [f"    {made.command}"] if made.command else []
    return "\n\n".join(parts) + "\n"


def _share_compared(agreement: Agreement) -> str:
    """The number of effects behind a verdict, if some are not compared; else ""."""
    known, declared = agreement.agreeing[1], len(agreement.effects)
    return f", from {known} of {declared} effects" if known < declared else ""


def meaning(agreement: Agreement) -> str:
    """Meaning of the protocol."""
    return PROTOCOLS[agreement.protocol]


def _order_lines(agreement: Agreement) -> list[str]:
    orders = "; ".join(map(words.order_text, agreement.orders))
    return [f"order: {orders}"] if orders else []


def deviation_lines(made: Reproduction, protocol: str) -> list[str]:
    """A line for each kind of deviation, without those that are the same."""
    stated = made.stated.get(protocol, {})
    lines = []
    for kind in ("reduced", "differs", "unknown"):
        if found := stated.get(kind):
            reasons = (f"{one.text} ({one.why})" for one in found)
            lines.append(f"{kind}: {' · '.join(reasons)}")
    return lines


def missing_lines(agreement: Agreement) -> list[str]:
    """Sentences on effects that are not shown."""
    cells = list({id(level.cell): level.cell for level in agreement.levels if level.cell}.values())
    return words.missing_effects(agreement, cells)


def source_lines(made: Reproduction) -> Iterator[str]:
    """A line for each source, then the misreadings."""
    for source in made.table.sources:
        yield source_text(source)
    for misreading in made.table.misreadings:
        yield f"misreading: {misreading}"


def source_text(source: Source) -> str:
    """Citation, place, version and confidence of a source, and its note."""
    place = ", ".join(filter(None, (source.where, source.version)))
    confidence = f"[{source.confidence}] {source.taken_from}"
    citation = (
        source.citation if source.citation.endswith("?") else f"{source.citation.rstrip('.')}."
    )
    where = "; ".join(filter(None, (place, confidence)))
    return f"source: {citation} {where}.{' ' + source.note if source.note else ''}"


def caption(made: Reproduction) -> str:
    """Explanation of the numbers, the convention, and the version of the rule."""
    levels = [level for agreement in made.agreements for level in agreement.levels]
    memory = any(one.figure and one.figure.source.confidence == MEMORY for one in levels)
    edge = any(one.cell and words.at_edge(one.cell) for one in levels)
    own = sorted({one.measure.name for one in levels if one.cell and _fails_without_chance(one)})
    table = made.table
    selection = "" if table.selection == "mean" else f"The publication reports {table.selection}."
    sentences = [
        EXPLANATION,
        f"Chance of {' and '.join(own)} is not known: failed runs have their own values there."
        if own
        else "",
        PERCENTILE * any(one.percentile == one.percentile for one in levels),
        READ_OFF * any(one.figure and one.figure.read != "printed" for one in levels),
        EDGE * edge,
        FROM_MEMORY * memory,
        selection,
        f"Convention: {table.convention.rstrip('.')}." if table.convention else "",
        f"Agreement version {VERSION}; {made.runs:,} reported runs; {_duration(made.minutes)} of "
        "training, tuning included.",
    ]
    return " ".join(filter(None, sentences))


def _fails_without_chance(level: Level) -> bool:
    """Return whether a failed run of a row has no chance value of the measure."""
    runs = level.cell.runs
    return any(run.failed is not None and not has_chance(run, level.measure) for run in runs)


def _duration(minutes: float) -> str:
    """Minutes, or hours of long trainings."""
    return f"{minutes:.0f} minutes" if minutes < 180 else f"{minutes / 60:.1f} hours"


def to_latex(made: Reproduction) -> str:
    """A ``table`` environment for each block and protocol; figures from memory are grey."""
    parts = []
    for agreement in made.agreements:
        for block in blocks(agreement, made.tuned):
            title = f"{made.table.title}, {block.title}, {agreement.protocol}"
            lines = [words.effects_text(agreement), *deviation_lines(made, agreement.protocol)]
            first = " ".join([*made.notes, f"{agreement.verdict}."])
            notes = f"{first} {'. '.join(lines)}. {caption(made)}"
            parts.append(formats.latex(title, notes, block.rows, grey=_from_memory(block)))
    return "\n".join(parts)


def _from_memory(block: Block) -> set[int]:
    """Indices of the rows whose figures are from memory."""
    return {k for k, one in enumerate(block.levels) if one.figure and one.figure.from_memory}
