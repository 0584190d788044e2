"""Claims 2, 2b and 3: measurements at small sizes, and verdicts on simulated evidence."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import made_up
from support.claims import decided, registered
from support.commands import command
from support.made_up import record

from experiments.claims import claim_2, claim_2b, claim_3
from seqjax.stats.decisions import EvidenceError
from seqjax.stats.decisions.theory import DEPTHS
from seqjax.types import named_key

TWO, TWO_B, THREE = (module.experiment(False) for module in (claim_2, claim_2b, claim_3))


# ---- claim 2


def measured_points(slope=-0.1, accuracy=0.13, draws=12):
    """Points of claim 2; ``slope`` and ``accuracy`` are numbers, or functions of the point."""

    def at(value, point):
        return value(point) if callable(value) else value

    wiggle = np.linspace(-0.004, 0.004, draws)
    return [
        made_up.measured(
            point,
            slope=at(slope, point) + wiggle,
            accuracy=[at(accuracy, point)] * draws,
            curve=[[1.0, at(accuracy, point)]] * 3,
        )
        for point in TWO.measurement.points
    ]


def kept(point):
    return 0.95 if point["gain"] <= 1 else 0.13


@pytest.mark.parametrize(
    ("says", "points"),
    [("supported", measured_points()), ("supported in part", measured_points(accuracy=kept))],
    ids=["both", "slopes alone"],
)
def test_claim_2_on_clear_evidence(says, points):
    assert registered(TWO, points=points)["2"].verdict == says


def test_claim_2_needs_every_place_and_slopes_that_are_numbers():
    with pytest.raises(EvidenceError, match=r"'elman_sigmoid', 2\.0, True"):
        decided(TWO, [], measured_points()[:-1])
    with pytest.raises(EvidenceError, match=r"slope: .*'tanh', 0\.5"):
        slope = measured_points(slope=lambda point: np.nan if point["gain"] < 0.9 else 0.1)
        decided(TWO, [], slope)


def test_trained_networks_stand_beside_the_verdict_and_decide_nothing():
    arms = dict.fromkeys((arm.title for arm in TWO.study.arms), 1.0) | {"lag 50: tanh gain 1": 0.25}
    runs = [
        record(arm=arm, seed=seed, score=score, study="claim_2")
        for arm, score in arms.items()
        for seed in range(10)
    ]
    *others, trained = decided(TWO, runs, measured_points())
    assert others == decided(TWO, [], measured_points())
    assert trained.verdict == "descriptive" and trained.exploratory and trained.n == 10
    means = {level.name: level.mean for level in trained.comparisons}
    assert means == pytest.approx(arms)


@pytest.fixture(scope="module")
def measured():
    """Claim 2 at a small size, with later inputs and without."""
    size = {"cell": "elman_sigmoid", "gain": 1.5, "units": 6, "length": 52, "draws": 2}
    return {driven: claim_2.measure({**size, "input": driven}) for driven in (False, True)}


@jax.jit
@partial(jax.vmap, in_axes=(0, None))
def _drawn(key, driven):
    params = claim_2._network(key, jnp.float32(6), "elman_sigmoid", 6)
    x, _ = claim_2._sequences(named_key(key, "backward"), claim_2.BACKWARD, 52, driven)
    w = jax.random.normal(named_key(key, "readout"), (6,), jnp.float32)
    return params.w_DGH[:, 0], params.u_HGH[:, 0], x, w


def drawn(driven):
    """W, U, inputs and readout of two draws."""
    keys = jax.random.split(jax.random.key(0), 2)
    return [np.float64(array) for array in _drawn(keys, jnp.float32(driven))]


@pytest.mark.slow
@pytest.mark.parametrize("driven", [False, True], ids=["no input", "with input"])
def test_the_slope_is_that_of_a_plain_loop(measured, driven):
    """Jacobians by NumPy in float64, from the same draws."""
    slopes = []
    for w_x, u, x, w in zip(*drawn(float(driven)), strict=True):
        assert np.allclose(u @ u.T, 36 * np.eye(6), atol=1e-4)  # orthogonal, times 1.5 / (1/4)
        assert np.all(x[1:] == 0) != driven and np.all(x[0].sum(axis=1) == 1)
        h, states = np.zeros((claim_2.BACKWARD, 6)), []
        for x_t in x:
            h = 1 / (1 + np.exp(-(x_t @ w_x + h @ u)))
            states.append(h)
        d, logs = np.tile(w, (claim_2.BACKWARD, 1)), []
        for h in reversed(states):
            logs.append(np.log10(np.linalg.norm(d, axis=1)).mean())
            d = (d * h * (1 - h)) @ u.T
        slopes.append(np.polyfit(np.arange(52), logs, 1)[0])
    assert measured[driven]["slope"] == pytest.approx(slopes, abs=1e-6)


def test_the_first_input_is_read_at_once_and_lost_under_later_ones(measured):
    for found in measured.values():
        lowest, middle, highest = found["curve"]
        assert lowest[0] > 0.98 and np.all(lowest <= middle) and np.all(middle <= highest)
        after = found["accuracy"]
        assert (after.min(), after.max()) == pytest.approx((lowest[49], highest[49]), abs=1e-4)
    assert np.all(measured[True]["accuracy"] < 0.2)


# ---- claim 2b


def folded(**rates):
    """Points of claim 2b whose pieces double so often a step."""
    points = TWO_B.measurement.points
    draws = np.linspace(0.9, 1.1, 12)
    counts = [
        2.0 ** (rates["shared" if point["shared"] else "independent"] * np.arange(1, 6))
        for point in points
    ]
    return [
        made_up.measured(point, pieces=count[:, None] * draws, coarse=0.75 * count[:, None] * draws)
        for point, count in zip(points, counts, strict=True)
    ]


def test_claim_2b_describes_the_growth_and_what_the_grid_misses():
    points = folded(shared=0.5, independent=0.25)
    one = registered(TWO_B, points=points)["2b"]
    assert one.verdict == "descriptive" and one.because.startswith("scale 2: ")
    assert "half the grid misses 25.0%" in one.because
    assert [c.mean for c in one.comparisons] == pytest.approx([0.5, 0.25], abs=0.01)
    assert [v.exploratory for v in decided(TWO_B, [], points)] == [False, True, True]
    with pytest.raises(EvidenceError, match=r"\(2\.0, False\)"):
        decided(TWO_B, [], [points[0], *points[2:]])


@pytest.mark.slow
def test_rounding_makes_no_folds():
    """In float32 it does: the last of these draws then has 31 pieces, and 13 on half the grid."""
    size = {"scale": 1.0, "shared": True, "units": 64, "depth": 15, "grid": 2**13, "draws": 10}
    found = claim_2b.measure(size)
    assert found["pieces"].shape == (15, 10) and found["pieces"].max() <= 5
    assert np.array_equal(found["pieces"], found["coarse"])


# ---- claim 3


def windows(own, shared, edge=0.0):
    """Points of claim 3 with these largest shares, by family; at the first scale ``edge``."""
    points = THREE.measurement.points
    return [
        made_up.measured(
            point,
            inside=[[round(200 * edge), round(200 * share), 0]] * len(DEPTHS),
            spread=[0.1, 0.2, 0.5],
        )
        for point in points
        for share in [(shared if point["shared"] else own)]
    ]


@pytest.mark.parametrize(
    ("says", "shares"), {"supported": (0.99, 0.4), "contradicted": (1.0, 1.0)}.items()
)
def test_claim_3_on_clear_evidence(says, shares):
    one = registered(THREE, points=windows(*shares))["3"]
    assert one.verdict == says and "(SD 0.50/0.50, +0.010/+0.010)" in one.because


def test_claim_3_needs_all_families_one_number_of_draws_and_scales_that_reach_beyond_the_best():
    with pytest.raises(EvidenceError, match="orthogonal tanh"):
        decided(THREE, [], windows(0.99, 0.4)[:-1])
    with pytest.raises(EvidenceError, match=r"^draws: "):
        decided(THREE, [], [])
    with pytest.raises(EvidenceError, match=r"^inside: .* edge"):
        decided(THREE, [], windows(0.9, 0.9, edge=0.95))
    assert registered(THREE, points=windows(0.9, 0.9, edge=0.9))  # a plateau may reach the edge


def test_powers_of_an_orthogonal_matrix_keep_their_gradient_where_the_scale_says():
    point = {"family": "orthogonal linear", "shared": True, "draws": 3, "scales": 9}
    found = claim_3.measure(point)
    decades = np.outer(DEPTHS, np.log10(2) * np.linspace(-1, 1, 9))
    assert np.array_equal(found["inside"], 3 * (np.abs(decades) <= 1))
    assert np.all(found["spread"] < 1e-4)


# ---- all of them


@pytest.mark.parametrize("module", [claim_2, claim_2b, claim_3], ids=lambda m: m.__name__[-2:])
def test_a_measurement_has_its_sizes_in_its_points_and_fits_json(module):
    small, full = (module.experiment(full).measurement for full in (False, True))
    assert [len(s.points) for s in (small, full)] == [len(small.points)] * 2
    assert small.identity().points != full.identity().points


@pytest.mark.slow
def test_claim_2_end_to_end(tmp_path, monkeypatch):
    """One arm trained for two steps, and simulated points."""
    study = TWO.study
    tiny = {**study.base, "train.steps": 2, "train.eval_every": 1, "model.hidden": 4}
    small = dataclasses.replace(study, arms=study.arms[:1], base=tiny, seeds=1, tuning_seeds=1)
    monkeypatch.setattr(claim_2, "_study", lambda *_: small)
    made = {str(sorted(at.point.items())): at.measured for at in measured_points(draws=10)}
    monkeypatch.setattr(claim_2, "measure", lambda point: made[str(sorted(point.items()))])
    run = ("--study=claim_2", f"--workdir={tmp_path / 'claim_2'}")
    planned = command(*run, "--dry_run")
    assert "24 points to measure at" in planned.out and "then 1 runs" in planned.out
    done = command(*run)
    assert done.code == 0, done.err
    assert "| 2     | After many steps" in done.out and "lag 10: tanh gain 0.9" in done.out
