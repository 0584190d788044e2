"""Claims 7 to 10: their plans, and their verdicts on simulated records of every planned run."""

import dataclasses

import jax
import numpy as np
import pytest
from support.claims import completed, curves, decided, registered
from support.made_up import NORMS, record, replace

from experiments.claims import claim_7, claim_8, claim_9, claim_10
from experiments.claims.protocol import PLAIN, PROTOCOL, on_tasks
from experiments.experiment import find
from seqjax.records.record import Failure
from seqjax.stats.decisions import EvidenceError
from seqjax.stats.decisions.base import CONTRADICTED, IN_PART, SUPPORTED, UNDECIDED
from seqjax.sweeps import executor
from seqjax.sweeps.plan import cell_key, plan_runs
from seqjax.sweeps.study import Arm
from seqjax.sweeps.widths import recurrent_parameters
from seqjax.training.config import as_settings

S, P, C, U = SUPPORTED, IN_PART, CONTRADICTED, UNDECIDED
MODULES = {"7": claim_7, "8": claim_8, "9": claim_9, "10": claim_10}
TRAINED = ("2", "4", "5", "6", *MODULES)
CPU = {claim: module.experiment(False) for claim, module in MODULES.items()}
SEEDS, RATE = range(10), "optim.learning_rate"


def recorded(
    claim, score=lambda task, arm: 0.5, failed=lambda task, arm: False, full=False, **more
):
    """Records of all runs of a claim: reported ones with these scores and failures."""
    experiment, of_arm = MODULES[claim].experiment(full), {}

    def leave(run):
        if run.arm not in of_arm:
            of_arm[run.arm] = record(arm=run.arm, settings=as_settings(run.config), **more)
        made, arm = of_arm[run.arm], experiment.study.arm(run.arm)
        reason = Failure("above_chance", 1) if failed(arm.task, arm.name) else None
        # The second rate is the best of the grid, which thus does not grow.
        better = run.point.get(RATE) == PROTOCOL.rates(full)[1]
        sign = 1 if made.higher_is_better else -1
        validation = made.chance.metric * (1 + 0.1 * sign * better)
        return replace(
            made,
            id=run.id,
            study=run.study,
            point=dict(run.point),
            seed=run.seed,
            purpose=run.purpose,
            failed=reason,
            score=0.0 if reason else score(arm.task, arm.name) + 0.001 * (run.seed % 3),
            validation={made.metric: validation},
        )

    return completed(experiment, leave, SEEDS)


def says(claim, records):
    return {name: v.verdict for name, v in registered(CPU[claim], records).items()}


# ---- the plans


@pytest.mark.parametrize("full", [False, True], ids=["cpu", "full"])
@pytest.mark.parametrize("claim", TRAINED)
def test_a_plan_is_valid_and_its_matched_arms_have_equal_parameters(claim, full):
    study = find(f"claim_{claim}{'_full' * full}").study
    runs = plan_runs(study, range(study.seeds))
    assert study.seeds == (20 if full else 10) and study.tuning_seeds == (5 if full else 2)
    config = {run.arm: run.config for run in runs}
    size = {
        (study.arm(title).task, study.arm(title).name): recurrent_parameters(one.model, one.task)
        for title, one in config.items()
    }
    for arm in study.arms:
        if arm.matched:
            matched = size[arm.task, arm.matched]
            assert abs(size[arm.task, arm.name] / matched - 1) <= 0.01, arm.title
    assert len({cell_key(study, run) for run in runs}) == len(study.arms)  # only rates are tuned
    protocol = PLAIN if claim in ("4", "5") else PROTOCOL
    for arm in {run.arm for run in runs if run.purpose == "tuning"}:
        assert {run.point[RATE] for run in runs if run.arm == arm} == set(protocol.rates(full))


def test_a_width_of_a_task_is_for_the_arms_that_are_not_matched():
    made = on_tasks({"t": {"model.hidden": 3}}, [Arm("a"), Arm("b", matched="a")])
    assert [arm.settings for arm in made] == [{"model.hidden": 3}, {}]
    assert [(arm.title, arm.matched) for arm in made] == [("t: a", ""), ("t: b", "a")]


# ---- claim 7


def solving(**means):
    """Scores of claim 7: the LSTM solves both tasks, the others neither, but for ``means``."""
    return lambda task, arm: means.get(arm, 0.9 if arm == "lstm" else 0.1)


def exploding(*arms):
    """Unclipped runs of these arms fail at the two largest rates."""
    names = [f"{arm} unclipped at {rate:g}" for arm in arms for rate in PROTOCOL.rates(False)[2:]]
    return lambda task, arm: arm in names


def test_claim_7():
    found = says("7", recorded("7", solving(), exploding("elman")))
    assert found == {"7a": S, "7b": S, "7c": S}
    assert says("7", recorded("7", solving(irnn=0.9))) == {"7a": S, "7b": U, "7c": C}


def test_claim_7_shows_the_largest_norms_by_rate():
    records = [
        replace(one, gradient_norm=replace(one.gradient_norm, q100=10.0 + 100 * one.seed))
        if one.arm.startswith("adding: lstm unclipped")
        else one
        for one in recorded("7")
    ]
    lines = curves(CPU["7"], records).lines
    assert len(lines) == 4 and {rows.shape for rows in lines.values()} == {(10, 4)}
    assert lines["lstm on adding"][3].tolist() == [310] * 4
    assert lines["elman on adding"].max() == NORMS[-1]


# ---- claim 8


def gates(shares):
    """Records with observed gates; ``shares`` gives the share by task, gate, time and edge."""

    def observed(task):
        made = {}
        for layer in range(claim_8.LAYERS[task]):
            for gate in "ifgo":
                at = [[shares(task, gate, k, edge) / 2 for edge in range(3)] for k in range(5)]
                place = f"gates.layer{layer}_forward.{gate}"
                made |= {f"{place}.low": at, f"{place}.high": at}
                made[f"{place}.histogram"] = [[0.05 * k] * 20 for k in range(5)]
        return made

    records = recorded("8")
    of_task = {task: observed(task) for task in claim_8.LAYERS}
    return [replace(one, observed=of_task[CPU["8"].study.arm(one.arm).task]) for one in records]


def test_claim_8_is_about_three_gates_after_the_first_steps():
    assert says("8", gates(lambda task, gate, k, edge: 0.9 if gate != "g" else 0)) == {"8": S}
    assert says("8", gates(lambda task, gate, k, edge: 0.6 if k == 1 else 0.9)) == {"8": P}


def test_claim_8_reads_each_cut_off_at_its_time():
    """The reason names the share before training too."""
    at = {(k, edge): 0.02 + 0.1 * k + 0.03 * edge for k in range(5) for edge in range(3)}
    found = decided(CPU["8"], gates(lambda task, gate, k, edge: at[k, edge]))
    first = next(v for v in found if not v.exploratory)
    assert first.because.endswith("before training at most 2.0% of a gate's values")
    assert len(first.comparisons) == 3 * 5
    for times in (1, 2, 4):
        for edge, cut in enumerate((0.1, 0.05, 0.01)):
            beyond = f"(beyond {cut:g}, {times} × the steps)"
            own = first if (cut, times) == (0.1, 1) else next(
                v for v in found if v.statement.rstrip(".").endswith(beyond)
            )  # fmt: skip
            means = {round(c.mean, 6) for c in own.comparisons}
            assert means == {round(at[times, edge], 6)}, (cut, times)


@pytest.mark.slow
def test_claim_8_reads_what_a_run_observes():
    """A real run of two layers: shares that fit its histograms, before training and four times."""
    (arm,) = (arm for arm in CPU["8"].study.arms if arm.title == "digits_rows: lstm")
    tiny = {"model.layers": 2, "train.steps": 4, "train.eval_every": 1}
    arm = dataclasses.replace(arm, settings={**arm.settings, **tiny})
    base = {**CPU["8"].study.base, "model.hidden": 4, "train.batch_size": 4}
    study = dataclasses.replace(CPU["8"].study, arms=(arm,), base=base)
    run = plan_runs(study, SEEDS)[0]
    ((one, _),) = executor.train_group([run], 1, jax.local_devices()[:1])
    for gate in "ifo":
        for layer in range(2):
            names = ("low", "high", "histogram")
            low, high, histogram = (
                np.array(one.observed[f"gates.layer{layer}_forward.{gate}.{name}"])
                for name in names
            )
            assert low.shape == high.shape == (5, 3) and histogram.shape == (5, 20)
            outer = histogram[:, :2].sum(axis=1) + histogram[:, -2:].sum(axis=1)
            np.testing.assert_allclose((low + high)[:, 0], outer, atol=1e-6)
    records = [replace(planned, observed=one.observed) for planned in recorded("8")]
    assert set(says("8", records)) == {"8"}
    lines = curves(CPU["8"], records).lines
    assert {gate: rows.shape for gate, rows in lines.items()} == dict.fromkeys("ifo", (10, 20))


# ---- claims 9 and 10


def biased(**gains):
    """Scores of claim 9: the GRU is ahead by .2 on three tasks; ``gains`` of each LSTM_x."""

    def score(task, arm):
        if arm == "gru":
            return 0.5 if task == "xml" else 0.7
        return 0.5 + gains.get(arm.removeprefix("lstm_"), 0.0)

    return score


def test_claim_9():
    """A gain of .2 is level with the GRU, one of .1 is not, and none is none."""
    found = says("9", recorded("9", biased(f=0.2, i=0.1, f_drawn=0.2)))
    assert found == {"9f": S, "9i": P, "9o": C, "9f_drawn": S, "9i_drawn": C, "9o_drawn": C}
    lines = curves(CPU["9"], recorded("9", biased(f=0.2))).lines
    assert list(lines) == ["adding", "temporal_order", "xml", "characters"]
    np.testing.assert_allclose(lines["xml"][0], [0.5, 0.5, 0.7, *[0.5] * 5])


def test_other_biases_are_exploratory_and_at_full_size_alone():
    score = biased(f=0.2, i=0.1, **{"f_-2": 0.1, "f_4": 0.2})
    found = decided(claim_9.experiment(True), recorded("9", score, full=True))
    others = {v.claim: v.verdict for v in found if "medians" not in v.statement and v.exploratory}
    assert others == {"9f_-2": P, "9f_-1": C, "9f_2": C, "9f_4": S}
    assert {v.statement for v in found if v.claim == "9f_-2"} >= {
        "b_f = -2 makes an LSTM about as good as a GRU."
    }


def removed(forget, inputs, output, tasks=("adding", "temporal_order", "xml", "characters")):
    """Scores of claim 10: costs of removed gates on these tasks; .1 each on the others."""
    costs = {"lstm": 0.0, "nfg": forget, "nig": inputs, "nog": output}
    return lambda task, arm: 0.9 - (costs[arm] if task in tasks else 0.1 * (arm != "lstm"))


THREE = ("temporal_order", "xml", "characters")


@pytest.mark.parametrize(
    ("score", "expected"),
    [(removed(0.5, 0.3, 0.1, THREE), S), (removed(0.1, 0.3, 0.5), C)],
    ids=["in order", "output first"],
)
def test_claim_10(score, expected):
    assert says("10", recorded("10", score)) == {"10": expected}


def test_equal_parameters_are_exploratory_and_at_full_size_alone():
    units, parameters = removed(0.5, 0.3, 0.1), removed(0.1, 0.3, 0.5)

    def score(task, arm):
        task = "xml" if task == "arithmetic" else task
        chosen = parameters if arm.endswith("_equal") else units
        return chosen(task, arm.removesuffix("_equal"))

    own, _, beside, _ = decided(claim_10.experiment(True), recorded("10", score, full=True))
    assert (own.verdict, own.exploratory) == (S, False)
    assert (beside.verdict, beside.exploratory) == (C, True)
    assert beside.statement.endswith("(equal parameters).")


def test_claim_10_tells_the_two_kinds_of_task_apart():
    records = recorded("10", removed(0.5, 0.3, 0.1, ("xml", "characters")))
    (verdict,) = registered(CPU["10"], records).values()
    nothing, something = verdict.because.split("; where ")[1:]
    assert nothing == "nothing need be forgotten d_f 0.100, d_i 0.100, d_o 0.100"
    assert something == "something must be forgotten d_f 0.500, d_i 0.300, d_o 0.100"
    lines = curves(CPU["10"], records).lines
    np.testing.assert_allclose(lines["xml: something must be forgotten"][0], [0.5, 0.3, 0.1])
    assert len(lines) == 4


def test_missing_observations_are_named():
    with pytest.raises(EvidenceError, match=r"gates\.layer0_forward\.i\.low"):
        decided(CPU["8"], recorded("8"))
