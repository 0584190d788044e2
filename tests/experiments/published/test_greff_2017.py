"""The pattern of significance: Welch's t-test on the best trials, with Bonferroni's correction."""

import math

import numpy as np
import pytest
from scipy import special
from support.made_up import record

from experiments.published.greff_2017 import CELLS, PATTERN, VANILLA, remarks, significance

RATE = "optim.learning_rate"
DRAWS = np.random.default_rng(0).uniform(0, 1, (9, 6))
SHIFTS = dict.fromkeys(CELLS, 0.0) | {"NOAF": 3.0, "FGR": 3.0, "CIFG": -3.0}


def trials(rows=CELLS):
    return [
        record(
            {RATE: 0.01 * (1 + k)},
            arm=row,
            test=2.0 + SHIFTS[row] + 0.1 * value,
            validation=3.0 - 0.1 * k,
            settings={"task.name": "adding"},
            metric="frame_nll",
        )
        for at, row in enumerate(rows)
        for k, value in enumerate(DRAWS[at])
    ]


def values(records, row, top):
    own = sorted((r for r in records if r.arm == row), key=lambda r: r.validation["frame_nll"])
    return np.array([r.test["frame_nll"] for r in own[:top]])


@pytest.fixture
def records(monkeypatch):
    from seqjax.tasks import TASKS

    adding = TASKS["adding"]
    monkeypatch.setattr(adding, "metric", "frame_nll")
    monkeypatch.setattr(adding, "chance_metric", lambda self: 11.0)
    return trials()


def test_welch_with_the_number_of_variants_as_factor(records):
    found = significance(records, top=4)
    assert list(found) == list(PATTERN)
    for row, one in found.items():
        a, b = values(records, row, 4), values(records, VANILLA, 4)
        u, v = a.var(ddof=1) / 4, b.var(ddof=1) / 4
        t, freedom = (a.mean() - b.mean()) / math.sqrt(u + v), (u + v) ** 2 / (u**2 + v**2) * 3
        p = 8 * 2 * special.stdtr(freedom, -abs(t))
        assert one.p == pytest.approx(min(1, p), rel=1e-6)
        assert one.difference == pytest.approx(a.mean() - b.mean())
        shifted = {3.0: "worse", -3.0: "better", 0.0: "no effect"}[SHIFTS[row]]
        assert one.effect == shifted


def test_sentences_count_variants_that_agree(records):
    first, *others = remarks(records, 4)
    assert "6 of 8" in first and len(others) == 8  # NFG is worse in the paper, CIFG no different
    assert remarks([r for r in records if r.arm == VANILLA], 4) == []
