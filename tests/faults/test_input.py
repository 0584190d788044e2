"""Generated commands: each is planned, or refused in one line, in little time.

``command`` runs the real parser and planner in this process.
"""

import collections
import itertools
import time

import hypothesis
import pytest
from hypothesis import strategies as st
from support.commands import command

from experiments import CLAIMS, COLLECTIONS, STUDIES
from seqjax.cells import CELLS
from seqjax.init import INPUT, RECURRENT, SCHEMES
from seqjax.optim import gradient_floor
from seqjax.optim.clipping import KINDS
from seqjax.optim.optimizer import OPTIMIZERS, SCHEDULES
from seqjax.tasks import TASKS
from seqjax.training.overrides import fields

SECONDS = 60

PATHS = sorted(set().union(*(fields(cell, task) for cell, task in itertools.product(CELLS, TASKS))))
GOOD = ["0", "1", "2", "3", "0.5", "0.1", "20", "100", "1e-3", "inf", "-1", "64", "gru", "adam"]
BAD = ["nan", "-inf", "None", "[]", "'1'", "1,2", "1=2", "=", ";", ",", "1..5", "1e400", "1_000"]
BAD += ["-16777215", "9" * 400, "4294967296", "0x10", "\u0663", "²", "−1", "漢字", "/dev/zero"]
BAD += ["%s%n", "\u202e1", "\ud83d\ude00", "\x1b[2J", "1\n2", "\x00", "a\udcff", "x" * 300, ""]
good_values = st.sampled_from(GOOD)
bad_values = st.sampled_from(BAD) | st.text(max_size=8) | st.floats().map(repr)

# Values that a field accepts, so that many commands reach their plan.
FITTING = {
    "task.name": [*TASKS],
    "task.variant": ["halves", "pascanu", "hochreiter"],
    "task.length": ["20", "30", "100", "1048576"],
    "model.cell": [*CELLS],
    "model.readout": ["auto", "softmax", "linear", "logistic"],
    "model.bidirectional": ["true", "false"],
    "model.window": ["1", "3", "16384"],
    "model.hidden": ["1", "2", "16384"],
    "model.layers": ["1", "2", "3"],
    "init.recurrent": [*RECURRENT],
    "init.input": [*INPUT],
    "init.bias_scheme": [*SCHEMES],
    "clip.kind": [*KINDS],
    "floor.kind": [*gradient_floor.KINDS],
    "optim.name": [*OPTIMIZERS],
    "optim.schedule": [*SCHEDULES],
    "optim.momentum": ["0", "0.5", "0.99"],
    "train.precision": ["float32", "tf32", "bf16"],
    "train.observe": ["", "gates", "gates+gradients+inputs"],
    "train.batch_size": ["1", "8", "999"],
    "train.steps": ["1", "300", "16777215"],
    "train.eval_every": ["1", "1677", "16777215"],
}
USUAL = [*FITTING, "init.input_gain", "init.recurrent_gain", "optim.learning_rate"]
OTHER_FLAGS = {
    "seeds": ["1", "2", "50"],
    "seed_start": ["0", "7", "2147483648"],
    "shard": ["0/1", "1/2", "7/1000"],
    "arms": ["all", "gru", "b_f", "b_i,gru"],
    "tune": ["optim.learning_rate", "clip.threshold"],
    "tuning_seeds": ["0", "1", "3"],
    "trials": ["1", "3", "50000"],
    "data_dir": ["/", "/tmp"],
    "workdir": ["/tmp/nothing/there", "runs/x"],
}


def mostly(good, bad):
    """Mostly ``good``, since a command with five mistakes reports only the first."""
    return st.integers(1, 12).flatmap(lambda k: bad if k == 12 else good)


@st.composite
def assignments(draw, most_values):
    """``path=value``, or ``path=value,value``."""
    path = draw(mostly(st.sampled_from(USUAL), st.sampled_from(PATHS) | bad_values))
    fitting = st.sampled_from(FITTING.get(path, ["0.5", "1", "2", "1e-3", "7", "inf"]))
    values = mostly(fitting, good_values | bad_values)
    if most_values > 1 and not draw(st.integers(0, 9)):
        return f"{path}=loguniform({draw(values)},{draw(values)})"
    many = draw(st.lists(values, min_size=1, max_size=most_values, unique=True))
    return f"{path}={','.join(many)}"


@st.composite
def argument(draw):
    name = draw(st.sampled_from(["set", "set", "sweep", "other", "other", "odd"]))
    if name == "odd":
        return draw(st.sampled_from(["", "-", "--"])) + draw(bad_values)
    if name == "other":
        name = draw(st.sampled_from(list(OTHER_FLAGS)))
        return f"--{name}={draw(mostly(st.sampled_from(OTHER_FLAGS[name]), bad_values))}"
    parts = st.lists(assignments(4 if name == "sweep" else 1), min_size=1, max_size=2)
    return f"--{name}={'; '.join(draw(parts))}"


@st.composite
def commands(draw):
    studies = st.sampled_from(STUDIES) | st.sampled_from([*CLAIMS, *COLLECTIONS])
    study = draw(mostly(studies, bad_values))
    return [f"--study={study}", *draw(st.lists(argument(), max_size=3)), "--dry_run"]


def outcome(result):
    """Outcome of a command: "planned", "refused", or "otherwise"."""
    if result.code == 0 and not result.err:
        return "planned"
    line = result.err.removesuffix("\n")
    whole = line.startswith("error: ") and line.isprintable()
    return "refused" if result.code == 2 and whole and not result.out else "otherwise"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [30, pytest.param(1000, marks=pytest.mark.faults)])
def test_a_command_is_planned_or_refused_in_one_line(tmp_path, monkeypatch, capsys, count):
    monkeypatch.chdir(tmp_path)
    counts = collections.Counter()

    @hypothesis.settings(max_examples=count, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(commands())
    def each(arguments):
        began = time.monotonic()
        result = command(*arguments)
        kind = outcome(result)
        counts[kind] += 1
        assert kind != "otherwise", (arguments, result)
        assert time.monotonic() - began < SECONDS, arguments
        assert not (tmp_path / "runs").exists()

    each()
    with capsys.disabled():
        print(f"\ninputs: {dict(counts)}")
    assert counts["planned"] > count / 15 and counts["refused"] > count / 15


SIZES = {
    "--set=model.hidden=1000000000000": "model.hidden",
    "--set=model.layers=65": "model.layers",
    "--set=task.length=1048576; train.batch_size=65536": "task.length",
    "--set=train.steps=16777215; train.eval_every=1": "train.eval_every",
    "--seeds=1000000000": "--seeds",
    "--tuning_seeds=1000000000000": "--seeds",
    f"--sweep=train.steps={','.join(map(str, range(60_000)))}": "train.steps",
    "--sweep="
    + ";".join(
        f"{path}={','.join(str(k / 256) for k in range(1, 216))}"  # 215 ** 3 is about 10 ** 7
        for path in ("init.bias.i", "init.input_gain", "optim.learning_rate")
    ): "50,000",
}


@pytest.mark.parametrize(("argument", "field"), SIZES.items(), ids=[a[:40] for a in SIZES])
def test_an_excessive_size_is_refused_at_once(argument, field):
    result = command("--study=gate_bias", "--arms=b_i", argument, "--dry_run")
    assert outcome(result) == "refused" and field in result.err
