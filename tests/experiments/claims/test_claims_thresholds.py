"""Claims 4 to 6: their plans, and their verdicts on simulated records."""

import copy
import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.claims import completed, curves, decided, registered, without
from support.commands import command
from support.made_up import record, replace

from experiments.claims import claim_4, claim_5, claim_6
from seqjax.records import jsonl
from seqjax.stats.decisions import EvidenceError
from seqjax.sweeps.plan import plan_runs
from seqjax.tasks.base import first_of
from seqjax.training.config import as_settings

N = 10
FOUR, FIVE, SIX = (module.experiment(False) for module in (claim_4, claim_5, claim_6))
RATE = "optim.learning_rate"
S, P, C = "supported", "supported in part", "contradicted"


def done(run, score, failed=False, **changes):
    """A record with this score on validation and test, failed or not."""
    chance = run.config.task.chance_metric()
    made = record(
        dict(run.point),
        arm=run.arm,
        seed=run.seed,
        test=chance + score * (1 - chance),
        failed="above_chance" if failed else None,
        settings=as_settings(run.config),
        score=0.0 if failed else score,
        study=run.study,
        purpose=run.purpose,
        **changes,
    )
    return replace(made, id=run.id)


def spread(mean, seed):
    """Scores about a mean, in steps, as runs have them."""
    return float(np.clip(mean + 0.004 * (seed % 5 - 2), 0, 1))


# ---- claim 4


def clipped(fails, tuned=0.9, best="q50"):
    """Unclipped runs fail at rates of .1 and more; ``fails`` (kind, task) do so too."""

    def leave(run):
        arm = FOUR.study.arm(run.arm)
        rate = run.config.optim.learning_rate
        kind, threshold = arm.tags["kind"], arm.tags["quantile"]
        bad = rate > 0.05 and (kind == "none" or fails(kind, arm.task))
        score = 0.7 if kind == "none" else tuned
        if run.purpose == "tuning" and threshold != best:
            score -= 0.2  # the others look worse there, and there alone
        if run.purpose == "evaluation" and threshold == "q10":
            score = 1.0
        return done(run, 0.0 if bad else spread(score, run.seed), bad)

    return leave


@pytest.fixture(scope="module")
def clear():
    return completed(FOUR, clipped(lambda kind, task: False))


def test_claim_4_where_a_kind_enters_at_the_threshold_that_the_tuning_seeds_choose(clear):
    found = registered(FOUR, clear)["4"]
    assert (found.verdict, found.n) == (S, N)
    assert list(curves(FOUR, clear).lines["temporal_order, none"]) == [0, 0, 1, 1]
    assert "norm_q50 on temporal_order" in found.because and "q10" not in found.because
    (gain,) = (c for c in found.comparisons if c.name == "norm − none on temporal_order")
    assert gain.mean == pytest.approx(0.2)  # q10 scored 1 on the seeds that are reported


def test_claim_4_where_clipping_by_value_fails():
    recorded = completed(FOUR, clipped(lambda kind, task: kind == "value"))
    assert registered(FOUR, recorded)["4"].verdict == P


@pytest.mark.parametrize(
    "lack",
    [
        ("temporal_order: norm_q10", None, "tuning"),
        ("digits_pixels: value_q50 at 0.1", 3, "evaluation"),
        ("temporal_order: none", None, "evaluation"),
    ],
)
def test_claim_4_needs_all_runs(lack, clear):
    with pytest.raises(EvidenceError):
        decided(FOUR, without(clear, *lack))


# ---- claim 5


def floored(solved=0.3, lost=0.1, ratio=0.1):
    """``solved`` and ``lost`` are the scores with floors where gradients arrive and vanish."""

    def leave(run):
        tags = FIVE.study.arm(run.arm).tags
        model, floor = tags.get("model", tags.get("clipped")), tags.get("floor", "none")
        none, other = {"gain_0.5": (0.1, lost)}.get(model, (0.95, solved))
        steps = run.config.task.length
        profile = np.full(steps, 9.0)
        profile[:8] = ratio / 2
        profile[[0, 4]] = 1.0, ratio  # t1, and the largest of t2 to t8, which t9 is not
        before = np.full(steps, 7.0)
        seen = {f"gradients.{name}": [before.tolist(), profile.tolist()] for name in "xhc"}
        score = spread(none if floor == "none" else other, run.seed)
        return done(run, score, observed=seen if run.config.train.observe else {})

    return leave


@pytest.fixture(scope="module")
def raised():
    return completed(FIVE, floored())


def test_claim_5_with_the_x_ratio_of_t2_to_t8_after_training(raised):
    found = registered(FIVE, raised)["5"]
    assert (found.verdict, found.n) == (S, N)
    ratios = {c.name: c.mean for c in found.comparisons if c.name.startswith("x-ratio")}
    assert ratios == {f"x-ratio, recall_{lag} gain_1": pytest.approx(0.1) for lag in (9, 30)}


def test_a_gradient_that_is_not_there_speaks_against_the_claim(raised):
    changed = [replace(r, observed=copy.deepcopy(r.observed)) for r in raised]
    (one,) = (r for r in changed if r.arm == "recall_9: gain_1 none" and r.seed == 0)
    one.observed["gradients.x"][-1] = [np.nan] * 10
    found = registered(FIVE, changed)["5"]
    assert found.verdict == P and "x-ratio, recall_9 gain_1 100000" in found.because


# ---- claim 6


def agreeing(**accuracy):
    def leave(run):
        made = done(run, 0.9)
        at = spread(accuracy.get(run.arm, 0.8), run.seed)
        made.test.update(dict.fromkeys(claim_6.METRICS.values(), at))
        return made

    return leave


@pytest.mark.parametrize(
    ("a", "b", "accuracy"),
    [(S, S, (0.99, 0.6)), (C, "undecided", (0.8, 0.85))],
)
def test_claim_6(a, b, accuracy):
    recorded = completed(SIX, agreeing(lstm=accuracy[0], elman=accuracy[1]))
    assert [v.verdict for v in registered(SIX, recorded).values()] == [a, b]
    assert curves(SIX, recorded).lines["lstm"].shape == (N, 3)


@pytest.mark.parametrize("distance", [0, 4])
def test_the_last_noun_by_enumeration(distance):
    """A word between is neutral, a noun of the subject's number, or one of the other."""
    chances = {"neutral": 0.75, "same": 0.125, "other": 0.125}
    right, weight = [0.0, 0.0], [0.0, 0.0]
    for words in itertools.product(chances, repeat=distance):
        chance = float(np.prod([chances[word] for word in words]))
        last = [word for word in ("same", *words) if word != "neutral"][-1]
        for opposite in (False, True):
            if not opposite or "other" in words:
                weight[opposite] += chance
                right[opposite] += chance * (last == "same")
    for opposite in (False, True) if distance else (False,):
        expected = right[opposite] / weight[opposite]
        found = claim_6.last_noun_accuracy(distance, opposite)
        assert found == pytest.approx(expected)


def test_what_claim_6_reads_is_measured():
    config = plan_runs(SIX.study, range(1))[0].config
    row = first_of(config.task.evaluation_rows(None, jnp.int32(1)))
    batch = jax.eval_shape(lambda row: config.task.evaluation_batch(None, row), row)
    assert set(claim_6.METRICS.values()) <= set(batch.subsets)


@pytest.mark.slow
def test_a_real_run_has_what_claim_5_reads(tmp_path):
    result = command(
        "--study=claim_5",
        "--arms=recall_9: gain_1 none",
        "--set=train.steps=2; train.eval_every=2; train.batch_size=4; model.hidden=4",
        f"--sweep={RATE}=0.01",
        "--tuning_seeds=1",
        "--seeds=2",
        f"--workdir={tmp_path}",
    )
    assert result.code == 0, result.err
    assert "no verdict yet: " in result.err
    arms = tuple(arm for arm in FIVE.study.arms if arm.title == "recall_9: gain_1 none")
    alone = dataclasses.replace(FIVE, study=dataclasses.replace(FIVE.study, arms=arms))
    lines = curves(alone, jsonl.read_all(tmp_path)).lines
    assert {name: rows.shape for name, rows in lines.items()} == {
        "gain_1, x": (2, 10),
        "gain_1, h": (2, 10),
    }
