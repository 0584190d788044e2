"""Failed runs in words: counts by reason, and warnings about tables that show little else."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from seqjax.stats import rules

REASONS = {
    "nonfinite": "a loss, a gradient or a final metric was not finite",
    "above_chance": "the training loss ended above 1.1 times that of chance",
    "collapsed": "the final score is less than half of the best one",
}
"""Meaning of the reasons of failures, see ``stats.rules.failure``."""


def count_failures(runs: Iterable[rules.Result]) -> dict[str, int]:
    """Number of failed runs by reason, the most frequent reason first."""
    counts = Counter(run.failed.reason for run in runs if run.failed is not None)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def in_words(reason: str) -> str:
    """A reason as tables print it."""
    return reason.replace("_", " ")


def by_reason(runs: Iterable[rules.Result]) -> str:
    """The failed runs as "4 nonfinite (…), 1 collapsed (…)", with the meaning of each reason."""
    meanings = {reason: f" ({meaning})" for reason, meaning in REASONS.items()}
    return ", ".join(
        f"{number:,} {in_words(reason)}{meanings.get(reason, '')}"
        for reason, number in count_failures(runs).items()
    )


def better_than_chance(run: rules.Result) -> bool:
    """Return whether a run is better than chance, by its score if it has one."""
    if not math.isnan(run.score):
        return run.score > 0
    value, chance = rules.metric_or_chance(run, "test"), run.chance.metric
    return value > chance if run.higher_is_better else value < chance


def warning(records: Sequence[rules.Result]) -> str:
    """Sentences if most runs failed, or if none is better than chance; otherwise ""."""
    failed = sum(record.failed is not None for record in records)
    sentences = []
    if 2 * failed > len(records):
        sentences.append(
            f"FAILED: {failed:,} of {len(records):,} runs failed: {by_reason(records)}."
        )
    if not any(map(better_than_chance, records)):
        sentences.append("CHANCE: no run is better than chance.")
    return " ".join(sentences)
