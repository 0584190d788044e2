"""Generated commands: each is planned, or refused in one line, in little time and memory.

``command`` runs the real parser and planner in this process; some commands run in a new process.
"""

import collections
import itertools
import os
import resource
import time

import hypothesis
import pytest
from hypothesis import strategies as st
from support.commands import command, finish, start

from experiments import CLAIMS, COLLECTIONS, STUDIES
from seqjax.cells import CELLS
from seqjax.init import INPUT, RECURRENT, SCHEMES
from seqjax.optim import gradient_floor
from seqjax.optim.clipping import KINDS
from seqjax.optim.optimizer import OPTIMIZERS, SCHEDULES
from seqjax.tasks import TASKS
from seqjax.training.overrides import fields
from seqjax.training.specs import SELECTIONS

SECONDS, MEBIBYTES = 60, 1500

PATHS = sorted(set().union(*(fields(cell, task) for cell, task in itertools.product(CELLS, TASKS))))
WORDS = {*CELLS, *KINDS, *INPUT, *RECURRENT, *SCHEMES, *OPTIMIZERS, *SCHEDULES, *TASKS}
WORDS = sorted(WORDS | {"pascanu", "true"})
NUMBERS = ["0", "1", "2", "3", "0.5", "0.1", "20", "100", "1e-3", "inf", "-1", "64"]
HUGE = ["1" + "0" * 12, "9" * 400, "9" * 5000, "1e400", "-1e400", "16777215", "16777217", "1e38"]
HUGE += ["-16777215", "65536", "4294967296", "2147483648", "1e-400", "1e-45", "0x10", "1_000"]
ODD = ["nan", "NaN", "-inf", "Infinity", "None", "null", "[]", "{}", "()", "'1'", '"1"', "'", "1,2"]
ODD += ["1;2", "1=2", "=", ";", ",", "1..5", "1-5", "range(9)", "1:5", "*", "$HOME", "`id`", "٣"]
ODD += ["１", "²", "∞", "½", "−1", "é", "漢字", "../..", "/dev/zero", "~nobody/x"]
ODD += ["__import__('os')", "${jndi:x}", "%s%n", "\\input{x}", "<script>", "a|b", "", " "]
ODD += ["\u202e1", "\u200b1", "1\xa0", "\ud83d\ude00", "\x1b[2J", "1\n2", "\r", "\t1", "\x00"]
ODD += ["\x7f", "a\udcff", "x" * 300]
USUAL = ["train.steps", "train.batch_size", "train.eval_every", "train.precision", "model.hidden"]
USUAL += ["model.layers", "model.bidirectional", "init.recurrent", "init.input", "init.input_gain"]
USUAL += ["init.recurrent_gain", "optim.schedule", "optim.learning_rate", "clip.threshold"]

good_values = st.sampled_from([*NUMBERS, *WORDS])
bad_values = st.sampled_from([*HUGE, *ODD]) | st.text(max_size=8) | st.floats().map(repr)
bad_values |= st.integers().map(str)
bad_values |= st.lists(st.sampled_from(NUMBERS), max_size=400).map(",".join)


def mixed(good, bad, of=12):
    """Mostly ``good``, since a command with five mistakes reports only the first."""
    return st.integers(1, of).flatmap(lambda k: bad if k == of else good)


@st.composite
def bent(draw):
    """A misspelt path."""
    path, k = draw(st.sampled_from(PATHS)), draw(st.integers(0, 8))
    bends = (str.upper, str.strip, lambda p: p[1:], lambda p: p + "x", lambda p: p.replace(".", ""))
    more = (lambda p: p[::-1], lambda p: p + ".", lambda p: p.split(".")[0], lambda p: p * 20)
    return [*bends, *more][k](path)


# Values that a field accepts, so that many commands reach their plan.
FITTING = {
    "task.name": [*TASKS],
    "task.variant": ["halves", "pascanu", "hochreiter"],
    "model.cell": [*CELLS],
    "model.readout": ["auto", "softmax", "linear", "logistic"],
    "model.bidirectional": ["true", "false"],
    "init.recurrent": [*RECURRENT],
    "init.input": [*INPUT],
    "init.bias_scheme": [*SCHEMES],
    "clip.kind": [*KINDS],
    "floor.kind": [*gradient_floor.KINDS],
    "reg.kinds": ["", "weight_noise+input_noise+input_dropout+output_dropout", "omega"],
    "optim.name": [*OPTIMIZERS],
    "optim.schedule": [*SCHEDULES],
    "train.precision": ["float32", "tf32", "bf16"],
    "train.select": [*SELECTIONS],
    "train.patience": ["0", "1", "10000"],
    "train.stop_at": ["inf", "0.5", "-1"],
    "train.training_metrics": ["true", "false"],
    "train.observe": ["", "gates", "gates+gradients+inputs"],
    "model.window": ["1", "3", "16384"],
    "task.length": ["20", "30", "100", "1048576"],
    "init.bias_spread": ["0", "0.1"],
    "init.t_max": ["3", "1e6"],
    "optim.momentum": ["0", "0.5", "0.99"],
    "optim.final": ["0.5", "1"],
    "model.hidden": ["1", "2", "16384"],
    "model.layers": ["1", "2", "3"],
    "train.batch_size": ["1", "8", "999"],
    "train.steps": ["1", "300", "16777215"],
    "train.eval_every": ["1", "1677", "16777215"],
}


@st.composite
def values_of(draw, path):
    fitting = st.sampled_from(FITTING.get(path, ["0.5", "1", "2", "1e-3", "7", "inf"]))
    return draw(fitting if draw(st.integers(0, 14)) else st.one_of(good_values, bad_values))


@st.composite
def assignments(draw, most_values):
    """``path=value``, or ``path=value,value``."""
    usual, some = st.sampled_from(USUAL), st.sampled_from(PATHS)
    odd = st.one_of(some, some, bent(), st.sampled_from(ODD))
    path = draw(usual if draw(st.integers(0, 6)) else odd)
    if most_values > 1 and not draw(st.integers(0, 9)):  # many: with another axis, far too many
        count = draw(st.sampled_from([20, 300, 5000]))
        return f"{path}={','.join(str(1 + k / 4096) for k in range(count))}"
    count = draw(st.integers(1, most_values))
    if most_values > 1 and not draw(st.integers(0, 9)):
        low, high = draw(st.tuples(values_of(path), values_of(path)))
        return f"{path}=loguniform({low},{high})"
    values = draw(st.lists(values_of(path), min_size=count, max_size=count, unique=True))
    return f"{path}={','.join(values)}"


OTHER_FLAGS = {
    "seeds": ["1", "2", "50"],
    "seed_start": ["0", "7", "2147483648"],
    "shard": ["0/1", "1/2", "7/1000"],
    "arms": ["all", "gru", "b_f", "b_i,gru"],
    "tune": ["optim.learning_rate", "clip.threshold"],
    "tuning_seeds": ["0", "1", "3"],
    "trials": ["1", "3", "50000"],
    "study": [*STUDIES, *CLAIMS, *COLLECTIONS],
    "data_dir": ["/", "/tmp"],
    "workdir": ["/tmp/nothing/there", "runs/x"],
}


@st.composite
def argument(draw):
    name = draw(st.sampled_from(["set"] * 4 + ["sweep"] * 3 + ["other"] * 5 + ["odd"]))
    if name in ("set", "sweep"):
        most = 4 if name == "sweep" else 1
        parts = draw(st.lists(assignments(most), min_size=1, max_size=2))
        text = draw(st.sampled_from(["; ", ";", "; ", "; ", "\n;", ","])).join(parts)
        return f"--{name}={text}"
    if name == "odd":
        return draw(st.sampled_from(["", "-", "--"])) + draw(bad_values)
    name = draw(st.sampled_from(list(OTHER_FLAGS)))
    return f"--{name}={draw(mixed(st.sampled_from(OTHER_FLAGS[name]), bad_values, 4))}"


@st.composite
def commands(draw):
    """The arguments of a command, and the lines of the flagfile that it names (or None)."""
    good = st.sampled_from(STUDIES) | st.sampled_from([*STUDIES, *CLAIMS, *COLLECTIONS])
    study = draw(mixed(good, bad_values))
    arguments = [f"--study={study}", *draw(st.lists(argument(), max_size=3))]
    if not draw(st.booleans()):
        return arguments, None
    cut = draw(st.integers(0, len(arguments)))
    noise = draw(st.lists(st.sampled_from(["# a comment", "", "//", "--nolist"]), max_size=2))
    lines = [*arguments[cut:], *noise, *draw(mixed(st.just([]), st.lists(bad_values, max_size=2)))]
    return arguments[:cut], lines


def written(folder, drawn):
    """Arguments of the command, after its flagfile is written."""
    arguments, lines = drawn
    if lines is not None:
        path = folder / "some.flags"
        path.write_bytes("\n".join(lines).encode(errors="surrogatepass"))
        arguments = [*arguments, f"--flagfile={path}"]
    return [*arguments, "--dry_run"]


def outcome(result):
    """Outcome of a command: "planned", "refused", or "otherwise"."""
    if result.code == 0 and not result.err:
        return "planned"
    line = result.err.removesuffix("\n")
    whole = line.startswith("error: ") and line.isprintable()
    return "refused" if result.code == 2 and whole and not result.out else "otherwise"


def can_be_given(argument):
    """True if Linux accepts the argument: bytes without a NUL, less than 128 KiB."""
    try:
        encoded = os.fsencode(argument)
    except UnicodeEncodeError:
        return False
    return b"\0" not in encoded and len(encoded) < 2**17


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [30, pytest.param(1000, marks=pytest.mark.faults)])
def test_a_command_is_planned_or_refused_in_one_line(tmp_path, monkeypatch, capsys, count):
    monkeypatch.chdir(tmp_path)
    command("--study=claims", "--dry_run")  # imports are not counted
    counts, slowest, before, alone = collections.Counter(), 0.0, memory(), []

    @hypothesis.settings(max_examples=count, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(commands())
    def each(drawn):
        nonlocal slowest
        arguments = written(tmp_path, drawn)
        began = time.monotonic()
        result = command(*arguments)
        seconds = time.monotonic() - began
        slowest = max(slowest, seconds)
        kind = outcome(result)
        counts[kind] += 1
        if counts.total() % 100 == 50:
            alone.append((drawn, kind))
        assert kind != "otherwise", (arguments, result)
        assert seconds < SECONDS, arguments
        assert not (tmp_path / "runs").exists()

    each()
    grown = memory() - before
    with capsys.disabled():
        print(f"\ninputs: {dict(counts)}; the slowest took {slowest:.1f} s, {grown:.0f} MiB more")
    assert grown < MEBIBYTES
    assert counts["planned"] > count / 15 and counts["refused"] > count / 15
    if count < 1000:
        return
    for drawn, kind in alone:  # the same in a new process
        arguments, lines = drawn
        if not all(map(can_be_given, arguments)):
            continue
        result = finish(start(*written(tmp_path, drawn)))
        assert outcome(result) == kind, (arguments, lines, result)


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
