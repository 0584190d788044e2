"""All numbers of a published table beside ours, as CSV and JSON."""

import math
from collections.abc import Mapping
from typing import Any

from seqjax.published.agreement import VERSION, Agreement
from seqjax.published.effects import EffectResult
from seqjax.published.levels import Level, Order
from seqjax.records import codec
from seqjax.reporting import formats
from seqjax.reporting.reproduction.comparison import Reproduction


def to_csv(made: Reproduction) -> str:
    """One line for each row under each protocol; empty fields do not exist."""
    lines = [
        {"protocol": agreement.protocol, **_level(level)}
        for agreement in made.agreements
        for level in agreement.levels
    ]
    lines = [{**line, "point": _point_text(line["point"])} for line in lines]
    head = list(lines[0]) if lines else ["protocol"]
    body = [["" if line[name] is None else line[name] for name in head] for line in lines]
    return formats.csv_text([head, *body])


def _point_text(point: Mapping[str, Any]) -> str:
    return "; ".join(f"{path}={formats.label(value)}" for path, value in point.items())


def to_json(made: Reproduction) -> str:
    """The content of the page as strict JSON: rows, effects, orders, deviations and sources."""
    table = made.table
    content = {
        "name": table.name,
        "title": table.title,
        "agreement": VERSION,
        "verdict": made.verdict,
        "notes": list(made.notes),
        "protocols": [_agreement(made, agreement) for agreement in made.agreements],
        "selection": table.selection,
        "convention": table.convention,
        "sources": [vars(source) for source in table.sources],
        "misreadings": list(table.misreadings),
        "remarks": list(made.remarks),
        "runs": made.runs,
        "minutes": round(made.minutes, 1),
        "command": made.command,
    }
    return codec.dumps(formats.rounded(content), indent=1) + "\n"


def _agreement(made: Reproduction, agreement: Agreement) -> dict[str, Any]:
    agreeing, known = agreement.agreeing
    return {
        "protocol": agreement.protocol,
        "verdict": agreement.verdict,
        "signs": {"agree": agreeing, "known": known, "declared": len(agreement.effects)},
        "rows": [_level(level) for level in agreement.levels],
        "effects": [_effect(effect) for effect in agreement.effects],
        "orders": [_order(order) for order in agreement.orders],
        "deviations": [
            {
                "field": one.deviation.field,
                "name": one.deviation.title,
                "published": one.published,
                "ours": one.ours,
                "kind": kind,
                "why": one.why,
                "task": one.deviation.task,
            }
            for kind, stated in made.stated.get(agreement.protocol, {}).items()
            for one in stated
        ],
    }


def _level(level: Level) -> dict[str, Any]:
    figure, cell = level.figure, level.cell
    chosen = None if cell is None or cell.chosen is None else formats.label(cell.chosen)
    return {
        "task": level.task,
        "point": dict(level.point),
        "row": level.row,
        "measure": level.measure.name,
        "part": level.part,
        "published": figure and figure.value,
        "digits": figure and figure.digits,
        "confidence": figure and figure.source.confidence,
        "read": figure and figure.read,
        "spread": figure and figure.spread,
        "spread_kind": figure and figure.spread_kind,
        "published_n": figure and figure.n,
        "ours": _number(level.mean),
        "half_width": _number(level.half_width),
        "lower": _number(level.lower),
        "upper": _number(level.upper),
        "difference": _number(level.difference),
        "difference_lower": _number(level.difference_lower),
        "difference_upper": _number(level.difference_upper),
        "inside": level.inside,
        "percentile": _number(level.percentile),
        "runs": len(cell.runs) if cell else 0,
        "failed": cell.failed if cell else 0,
        "tuned": chosen,
        "clipped_fraction": _number(cell.clipped_fraction) if cell else None,
    }


def _effect(result: EffectResult) -> dict[str, Any]:
    effect = result.effect
    return {
        "better": effect.better,
        "worse": effect.worse,
        "task": effect.task,
        "point": dict(effect.point),
        "why": effect.why,
        "published": _number(result.size),
        "rounding": _number(result.rounding),
        "ours": _number(result.difference),
        "lower": _number(result.lower),
        "upper": _number(result.upper),
        "ratio": _number(result.ratio),
        "n": result.n,
        "paired": result.paired,
        "agrees": result.agrees if result.known else None,
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "task": order.task,
        "point": dict(order.point),
        "measure": order.measure.name,
        "part": order.part,
        "tau": _number(order.tau),
        "p": _number(order.p),
        "rows": order.rows,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
