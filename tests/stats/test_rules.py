"""Scores and the version; ``support.golden_decisions`` has failures and selections."""

from types import SimpleNamespace

import pytest

from seqjax.stats import rules


@pytest.mark.core
@pytest.mark.parametrize(
    ("score", "expected"),
    [
        *((rules.loss_score(x, chance=2.0, best=0.5), y)
          for x, y in ((2.5, 0.0), (0.5, 1.0), (1.25, 0.5), (0.2, 1.2))),
        *((rules.accuracy_score(x, chance=0.25), y)
          for x, y in ((0.1, 0.0), (1.0, 1.0), (0.625, 0.5))),
    ],
)  # fmt: skip
def test_scores_are_0_at_chance_and_1_at_the_best(score, expected):
    assert score == pytest.approx(expected, abs=0)


def test_failed_runs_count_as_chance():
    run = SimpleNamespace(metric="m", chance=SimpleNamespace(metric=0.25), failed=None)
    run.validation, run.test = {"m": 0.5}, {"m": 1.5}
    metrics = [rules.metric_or_chance(run, part) for part in ("validation", "test")]
    run.failed = "collapsed"
    assert [*metrics, rules.metric_or_chance(run, "test")] == [0.5, 1.5, 0.25]


def test_the_version_has_a_line_of_the_changelog_and_old_hashes_a_version():
    assert sorted(rules.CHANGES) == list(range(1, rules.VERSION + 1))
    assert {rules.version_of(old) for old in rules.HASHES} == {1}
