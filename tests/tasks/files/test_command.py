"""A command on a file of one's own, and what it prints of the file."""

import re

import numpy as np
import pytest
from support.batches import rows_of
from support.commands import command
from support.own_files import LABELS, LENGTHS, RANDOM, T, X, Y

from seqjax.data.folder import DataWarning

QUICK = ("--sweep=init.bias.f=0,1; clip.threshold=1,inf", "--seeds=1", "--tune=none")
SMALL = "model.hidden=6; train.steps=80; train.eval_every=40; train.batch_size=16; "
SMALL += "train.observe=gates; optim.name=adam; optim.learning_rate=0.02"


@pytest.mark.slow
@pytest.mark.parametrize("format", ["npz", "csv"])
def test_a_study_runs_on_a_file_of_ones_own(npz, csv, tmp_path, format):
    """The answer is the input of the last step but one, plus noise with variance .01."""
    x = RANDOM.normal(size=(400, 4))
    noise = 0.1 * RANDOM.normal(size=400)
    if format == "npz":
        npz("regression", {"x": x, "y": 7 + x[:, -2] + noise})
        further = ""
    else:
        y = 7 + np.roll(x[:, 0], 1) + noise
        csv("regression", {"day": [f"d{k}" for k in range(400)], "a": x[:, 0], "y": y})
        further = "task.window=4; "
    fields = f"task.name=file; task.path={tmp_path / 'own'}.{format}; task.kind=regression; "
    arguments = ("--study=init_by_clip", f"--set={fields}{further}{SMALL}", *QUICK)
    workdir = tmp_path / "run"
    result = command(*arguments, f"--workdir={workdir}")
    assert result.code == 0, result.err
    rows = [line for line in result.out.splitlines() if line.startswith(("| 0 ", "| 1 "))]
    errors = [float(cell.split()[0]) for row in rows for cell in row.split("|")[2:4]]
    assert len(errors) == 4 and all(error < 0.5 for error in errors), result.out
    chance = float(re.search(rf"chance (\S+)\) of \S*own.{format} ", result.out)[1])
    assert chance == pytest.approx(1, abs=0.7)  # of 60 sequences in the test part
    baselines = {
        row.split("|")[1].strip() for row in result.out.splitlines() if row.startswith("|")
    }
    assert {"mean", "linear"} <= baselines
    assert "No cell is better than the best baseline: linear (0.0" in result.out
    for figure in ("learning_curves.png", "observed_gates.png", "heat_map.png"):
        assert (workdir / figure).exists()
    (tmp_path / f"own.{format}").unlink()
    from experiments.cli.commands import report

    again = command(f"--workdir={workdir}", program=report)
    assert again.code == 0 and again.out == result.out


def test_columns_that_count_the_rows_are_warned_of(csv):
    series = np.sin(np.arange(120.0)).round(3)
    event = (np.arange(120) > 60) * 1
    table = {
        "year": np.arange(1900, 2020),
        "quarters": np.arange(120) // 4,
        "event": event,
        "t": 0.1 * np.arange(120),
    }
    with pytest.warns(DataWarning, match="training: year, quarters, t;"):
        csv("forecasting", {**table, "y": series}, window=4).prepared()
    csv("forecasting", {"event": event, "y": series}, "y.csv", window=4).prepared()
    csv("forecasting", {"y": series, "trend": range(120)}, "trend.csv", window=4).prepared()


def test_a_task_describes_how_it_uses_the_file(npz, csv):
    rise = [k % 7 for k in range(60)]
    table = {"": range(60), "when": ["noon"] * 60, "a": rise, "b": rise}
    with pytest.warns(DataWarning, match=r"no inputs: when \(noon\)"):
        said = csv("forecasting", table, window=5).describe()
    assert "55 windows of 5 rows (38 train, 8 validation, 9 test)" in said
    assert "inputs: a, b; target: b" in said
    wide = {f"c{k}": rise for k in range(30)}
    assert "and 9 more" in csv("regression", wide, "wide.csv", window=5).describe()
    said = npz("classification", {"x": X, "y": LABELS, "lengths": LENGTHS}).describe()
    assert f"{LENGTHS.min()} to {T} rows" in said and "2 classes" in said


def test_a_command_names_the_mistake_in_a_file(csv, tmp_path):
    csv("regression", {"a": [1, "n/a", 3], "y": [1, 2, 3]})
    fields = f"task.name=file; task.path={tmp_path / 'own.csv'}; task.kind=regression"
    result = command("--study=init_by_clip", f"--set={fields}", f"--workdir={tmp_path / 'run'}")
    assert result.code == 2 and result.err.count("\n") == 1
    assert "line 3, column 'a'" in result.err and not (tmp_path / "run").exists()


def test_rows_of_training_depend_on_key_and_step_alone(npz):
    task = npz("regression", {"x": X, "y": Y})
    rows = rows_of(task, 0, 9, 4).examples_B
    parts = [rows_of(task, first, 3, 4).examples_B for first in (0, 3, 6)]
    assert np.array_equal(np.concatenate(parts), rows)
    assert sorted(np.ravel(rows[:7])) == sorted(task.prepared().numbers[0])
