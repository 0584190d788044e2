"""Golden decisions: verdicts, failures, scores and selections under ``rules.VERSION``.

Write them with ``PYTHONPATH=.:tests python tests/support/golden_decisions.py``. Where the same
inputs give another result, first raise ``rules.VERSION`` and add a line to ``rules.CHANGES``:
verdicts on records of earlier versions then become exploratory.
"""

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from support.clear_evidence import CLEAR
from support.near_limits import near_limits

from seqjax.stats import rules
from seqjax.stats.decisions import CLAIMS, base, gates, memory, uses

GOLDEN = Path(__file__).with_name("golden_decisions.json")

FAILURES = {
    "mean of the last tenth at 1.1 times chance": (None, [0.1] * 36 + [0.0, 0.0, 2.2, 2.2], [0.9]),
    "mean of the last tenth above it": (None, [0.1] * 36 + [0.0, 0.0, 2.21, 2.21], [0.9]),
    "one step is the last tenth of six": (None, [0.1] * 5 + [1.2], [0.9]),
    "final score half of the best": (None, [0.1] * 40, [0.2, 0.8, 0.4]),
    "final score below half of the best": (None, [0.1] * 40, [0.2, 0.8, 0.39]),
    "best score below what counts as learnt": (None, [0.1] * 40, [0.0, 0.09, 0.0]),
    "best score just learnt": (None, [0.1] * 40, [0.0, 0.1, 0.04]),
    "not finite before anything else": (17, [9.0] * 40, [0.9, 0.0]),
    "the best step selected, the final score below half": (None, [0.1] * 40, [0.8, 0.1], True),
    "the best step selected, losses above chance": (None, [1.2] * 40, [0.8, 0.1], True),
}
"""(step that was not finite, losses, validation scores, and perhaps whether the best step is
selected); the loss at chance is 1."""

SCORES = [
    # metric, higher is better, chance, best loss
    (0.75, True, 0.5, 0.0),
    (0.25, True, 0.5, 0.0),
    (0.25, False, 1.0, 0.0),
    (0.25, False, 2.0, 0.5),
    (3.0, False, 1.0, 0.0),
    (None, True, 0.5, 0.0),
    (float("nan"), False, 1.0, 0.0),
]

SELECTIONS = {
    "best mean": (True, {0.1: [0.5, 0.7], 0.3: [0.9, 0.4], 1.0: [0.55]}),
    "lower is better": (False, {0.1: [0.2], 0.3: [0.1]}),
    "failed runs count as chance": (True, {0.1: [0.5, 0.5], 0.3: [None, 0.7]}),
    "fewer failures between equal means": (True, {0.1: [None], 0.3: [0.25]}),
    "the first between equal means": (True, {0.1: [0.5], 0.3: [0.5]}),
    "below chance is as good as chance": (True, {0.1: [0.1], 0.3: [0.2]}),
}
"""Validation metrics of the runs by value of the tuned axis; None failed; chance is .25."""


CONSTANTS = {
    rules: ("CONFIDENCE", "ABOVE_CHANCE", "COLLAPSED", "LEARNT", "SOLVED", "RARELY", "ALWAYS"),
    base: ("MIN_SEEDS", "ROUNDING", "MARGINS"),
    gates: ("REGISTERED", "ENOUGH_TASKS"),
    memory: ("TUTORIAL_DISTANCE", "GAP"),
    uses: ("FORM", "FORMLESS"),
}


def constant(module: str, name: str) -> str:
    return repr(getattr(sys.modules[module], name))


def decide(claim: str, arguments: tuple) -> dict[str, Any]:
    """Verdicts of the rule, and how often each comparison occurs, without names and wording."""
    verdicts = CLAIMS[claim.rstrip("abcfio")](*arguments)
    words = [
        f"{v.claim} {v.verdict}{', fragile' * v.fragile}{', exploratory' * v.exploratory}, n={v.n}"
        for v in verdicts
    ]
    comparisons = Counter(
        f"{c.mean:.6g} [{c.lower:.6g}, {c.upper:.6g}] {' '.join(c.conclusions)}".strip()
        for v in verdicts
        for c in v.comparisons
    )
    return {"verdicts": words, "comparisons": dict(sorted(comparisons.items()))}


def fail(
    nonfinite_step: int | None, losses: list[float], scores: list[float], *best_selected: bool
) -> str | None:
    failure = rules.failure(nonfinite_step, np.array(losses), 1.0, scores, *best_selected)
    return failure and f"{failure['reason']} at step {failure['step']}"


def select(higher_is_better: bool, tried: dict[float, list[float | None]]) -> float:
    def run(metric):
        return SimpleNamespace(
            metric="m",
            higher_is_better=higher_is_better,
            chance=SimpleNamespace(metric=0.25),
            failed=None if metric is not None else "nonfinite",
            validation={"m": metric},
        )

    return rules.select_best({value: [*map(run, metrics)] for value, metrics in tried.items()})


def results() -> dict[str, dict[str, Any]]:
    """Inputs (as a digest) and result of every case."""
    cases = {f"claim {case}": (decide, (claim, given)) for case, (claim, _, given) in CLEAR.items()}
    cases |= {f"near a limit of claim {case}": (decide, one) for case, one in near_limits().items()}
    cases |= {
        f"constant {name}": (constant, (module.__name__, name))
        for module, names in CONSTANTS.items()
        for name in names
    }
    cases |= {f"failure: {case}": (fail, given) for case, given in FAILURES.items()}
    cases |= {f"score of {given}": (rules.metric_score, given) for given in SCORES}
    cases |= {f"selection: {case}": (select, given) for case, given in SELECTIONS.items()}
    return {
        case: {"inputs": _digest(given), "result": function(*given)}
        for case, (function, given) in cases.items()
    }


def _digest(given: Any) -> str:
    with np.printoptions(threshold=sys.maxsize, precision=9):
        return hashlib.sha256(repr(given).encode()).hexdigest()[:12]


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Cases with the same inputs and another result."""
    return [
        case
        for case, one in after.items()
        if before.get(case, one)["inputs"] == one["inputs"] and before.get(case, one) != one
    ]


if __name__ == "__main__":
    now = results()
    if GOLDEN.exists():
        golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
        differ = changed(golden["cases"], now)
        if differ and golden["version"] == rules.VERSION:
            sys.exit(
                f"rules.VERSION: expected more than {rules.VERSION}, with a line in rules.CHANGES, "
                f"as results differ for: {'; '.join(differ)}"
            )
    text = json.dumps({"version": rules.VERSION, "cases": now}, indent=1, ensure_ascii=False)
    GOLDEN.write_text(text + "\n", encoding="utf-8")
