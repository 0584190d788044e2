"""Groups, batches, devices and compilations; the numbers of a run depend on none of them."""

import collections
import os
import pathlib
import re
import subprocess
import sys
import textwrap
from math import inf

import jax
import numpy as np
import pytest
from support import made_up
from support.made_up import replace

from seqjax.records import codec
from seqjax.records.record import decode
from seqjax.sweeps import executor
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.training.config import make_config

PLACE = {"jaxlib": "0.10.2", "device": "a processor"}
BASE = {
    "task.name": "adding",
    "task.length": 6,
    "clip.kind": "norm",
    "train.steps": 7,
    "train.eval_every": 2,
    "train.batch_size": 16,
}
RATE = "optim.learning_rate"
ONE_ARM = (Arm("all"),)


def runs_of(*axes, seeds=1, arms=ONE_ARM, **settings):
    base = {**BASE, **{path.replace("__", "."): value for path, value in settings.items()}}
    return plan_runs(Study("made_up", "Why?", base, arms, axes), range(seeds))


def train(runs, devices, on_chunk=lambda batch, state: None):
    """Record without its time, and the bytes of the trace, by run id."""
    results = {}
    for record, trace in executor.train_group(runs, 1, jax.devices()[:devices], on_chunk):
        whole = replace(record, environment=PLACE, seconds=0.0)
        results[record.id] = codec.dumps(whole), np.stack(trace).tobytes()
    return results


@pytest.mark.core
def test_runs_of_one_structure_form_one_group():
    arms = (Arm("a"), Arm("b", {"model.cell": "gru"}), Arm("c"))
    runs = runs_of(
        Axis("model.hidden", (8, 4)), Axis("clip.threshold", (1.0, inf)), arms=arms, seeds=2
    )
    groups = executor.group_runs(runs)
    kinds = [
        {(run.config.model.cell, run.config.model.hidden) for run in group} for group in groups
    ]
    assert kinds == [{("lstm", 8)}, {("lstm", 4)}, {("gru", 8)}, {("gru", 4)}]
    assert [run.arm for run in groups[0]] == ["a"] * 4 + ["c"] * 4
    for group in groups:
        assert group == [run for run in runs if run in group]


@pytest.fixture(scope="module")
def study():
    """Seven runs of 32 units, two of which explode at a learning rate of 1e30."""
    return runs_of(
        Axis(RATE, (0.1, 1e30)),
        Axis("clip.threshold", (0.01, inf)),
        seeds=2,
        model__hidden=32,
    )[:-1]


@pytest.fixture(scope="module")
def together(study):
    return train(study, 2)


@pytest.mark.slow
def test_a_run_does_not_depend_on_others_on_shards_or_on_devices(study, together):
    healthy = [run for run in study if run.point[RATE] == 0.1]
    assert train(study, 1) == together  # on one device, where every run is by itself
    shards = [*train(study[0::2], 2).items(), *train(study[1::2], 2).items()]
    assert dict(shards) == together
    assert train(study[::-1], 2) == together  # in other lanes
    without = train(healthy, 2)  # with other neighbours, none of which explodes
    assert without == {run.id: together[run.id] for run in healthy}
    assert train(healthy[2:3], 2) == {healthy[2].id: together[healthy[2].id]}
    assert len({trace for _, trace in together.values()}) == len(study)


@pytest.mark.slow
def test_copies_that_fill_the_last_batch_are_dropped(study, together):
    steps = collections.Counter()

    def count(batch, state):
        steps.update({run.id: state.step - steps[run.id] for run in batch})

    results = train(study[:3], 2, count)
    assert list(results) == [run.id for run in study[:3]]
    assert results == {run.id: together[run.id] for run in study[:3]}
    assert sum(steps.values()) == 3 * BASE["train.steps"]


@pytest.mark.slow
def test_an_explosion_is_recorded_with_its_step(study, together):
    for run in study:
        text, trace = together[run.id]
        record = decode(text.encode())
        loss, norm, clipped, after = np.frombuffer(trace, np.float32).reshape(4, -1)
        if run.point[RATE] == 0.1:
            assert record.failed is None or record.failed.reason != "nonfinite"
            assert np.isfinite([loss, norm, clipped, after]).all()
            continue
        step = record.failed.step
        assert record.failed.reason == "nonfinite" and 0 < step < BASE["train.steps"]
        assert set(record.test.values()) == set(record.validation.values()) == {None}
        assert record.score == 0
        assert np.isfinite(loss[:step]).all() and np.isfinite(norm[:step]).all()
        assert not (np.isfinite(loss[step]) and np.isfinite(norm[step]))
        assert np.isnan([row[step + 1 :] for row in (loss, norm, clipped, after)]).all()
        norms = record.gradient_norm
        assert norms.q100 == pytest.approx(norm[:step].max(), rel=1e-6)
        assert codec.dumps(norms.at_failure) == codec.dumps(norm[step])
        curve = zip(record.curve["step"], record.curve["validation_mse"], strict=True)
        assert [np.isnan(value) for _, value in curve] == [end > step for end in (2, 4, 6, 7)]


@pytest.mark.slow
def test_the_record_is_a_function_of_the_trace(study, together):
    text, trace = together[study[0].id]
    record = decode(text.encode())
    loss, norm, clipped, after = np.frombuffer(trace, np.float32).reshape(4, -1)
    assert record.curve["step"].tolist() == [2, 4, 6, 7]
    pieces = [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 7)]
    for name, values in {
        "training_loss": loss,
        "gradient_norm": norm,
        "clipped_fraction": clipped,
    }.items():
        means = [values[piece].mean() for piece in pieces]
        assert record.curve[name] == pytest.approx(means, rel=1e-6)
    for name, norms in {"gradient_norm": norm, "gradient_norm_after": after}.items():
        quantiles = getattr(record, name)
        assert quantiles.mean == pytest.approx(norms.mean(), rel=1e-6)
        shown = [np.float32(getattr(quantiles, q)) for q in ("q10", "q50", "q90", "q100")]
        assert shown == [np.sort(norms)[k] for k in (0, 3, 6, 6)]  # of seven, by rank
    assert (after < norm).all()  # all of these steps were clipped
    assert record.clipped_fraction == pytest.approx(clipped.mean()) == 1.0
    assert record.validation["mse"] == record.curve["validation_mse"][-1]
    assert record.test != record.validation


@pytest.mark.slow
def test_records_made_by_hand_have_the_form_of_real_ones(study, together):
    real = decode(together[study[0].id][0].encode())
    made = made_up.record(arm="all", settings={"task.name": "adding"})
    for name in ("settings", "curve"):
        assert set(getattr(real, name)) >= set(getattr(made, name))
    assert type(real.settings["clip.threshold"]) is type(made.settings["clip.threshold"])


class Compilations:
    """Counts the compilations of each program since the last call, from JAX's log."""

    def __init__(self, caplog):
        self.caplog = caplog

    def __call__(self):
        out = re.findall(r"Finished XLA compilation of jit\((\w+)\)", self.caplog.text)
        self.caplog.clear()
        return collections.Counter(out)


@pytest.mark.slow
def test_a_structure_compiles_three_programs_and_numbers_compile_none(caplog):
    compiled = Compilations(caplog)
    cheap = {"model__cell": "feedforward", "optim__name": "sgd", "train__steps": 5}
    with jax.log_compiles():
        for group in executor.group_runs(runs_of(Axis("model.hidden", (2, 3)), seeds=3, **cheap)):
            train(group, 2)
        each = {"initialise": 2, "train_chunk": 2, "evaluate": 2}
        assert compiled() == each
        others = runs_of(
            Axis("clip.threshold", (0.5, inf)),
            Axis("init.bias.h", (-1.0, 1.0)),
            Axis(RATE, (0.2,)),
            Axis("init.input_gain", (0.7,)),
            seeds=3,
            model__hidden=3,
            **cheap,
        )
        (group,) = executor.group_runs(others)
        assert len(train(group, 2)) == len(others) == 12
        assert compiled() == {}


@pytest.mark.core
@pytest.mark.parametrize("hidden", [4, 64, 512, 4096])
def test_runs_a_device(hidden):
    config = make_config({"task.name": "adding", "task.length": 500, "model.hidden": hidden})
    R, memory = executor.runs_per_device(config, "gpu"), executor.memory_of(config)
    assert executor.runs_per_device(config, "cpu") == 1
    assert 1 <= R <= 256 and R & (R - 1) == 0
    assert R == 1 or R * memory <= executor.BATCH_BYTES
    assert R == 256 or 2 * R * memory > executor.BATCH_BYTES
    assert memory >= 500 * 64 * hidden * 4 * 4  # the gates at least, float32


# Batches so large that XLA shares out the sums of one gradient over its threads: without NPROC the
# processes do not agree (at 128 units they do).
CHILD = """
    import hashlib, sys
    import jax
    from sweeps.test_executor import train, runs_of

    assert jax.device_count() == int(sys.argv[1])
    few = {"train__steps": 3, "train__batch_size": 512, "model__hidden": 32}
    results = train(runs_of(seeds=2, **few), None)
    print(*(hashlib.sha256(repr(one).encode()).hexdigest() for one in results.items()))
"""


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.subprocess
def test_with_one_thread_pool_the_number_of_devices_does_not_matter():
    tests = pathlib.Path(__file__).parents[1]
    environment = {**os.environ, "NPROC": "8", "PYTHONPATH": f"{tests}:{tests.parent}"}
    children = {
        devices: subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(devices)],
            env={**environment, "JAX_NUM_CPU_DEVICES": str(devices)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for devices in (1, 8)
    }
    out = {devices: child.communicate(timeout=280)[0] for devices, child in children.items()}
    assert {child.returncode for child in children.values()} == {0}
    assert len(set(out[1].split())) == 2
    assert out == dict.fromkeys(out, out[1])
