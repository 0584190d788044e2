"""Tutorials run as written, at a smaller size."""

import re

import jax
import matplotlib.pyplot as plt
import pytest
from support.guides import ROOT

import seqjax

TUTORIALS = sorted((ROOT / "experiments/tutorials").glob("*.py"))
SMALL = {"STEPS": "6", "SEEDS": "2"}
RUNS = {"own_csv": 3 * 2 * 2, "records_and_gates": 3 * 2}
FIGURES = {
    "own_csv": {"forest", "learning_curves", "gates", "gates_over_training"},
    "records_and_gates": {"forest", "learning_curves", "forget_gates", "gates_over_training"},
}


def made_small(text):
    """A tutorial with the constants at its top replaced."""
    for name, value in SMALL.items():
        text, found = re.subn(rf"^{name} = \d+$", f"{name} = {value}", text, flags=re.M)
        assert found == 1, name
    return text


def test_tutorials_are_cells_that_open_as_notebooks():
    assert {path.stem for path in TUTORIALS} == RUNS.keys()
    for path in TUTORIALS:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# %% [markdown]\n# # ") and text.count("\n# %%\n") > 4
        for cell in re.findall(r"^# %% \[markdown\]\n(.*?)(?=^# %%)", text, flags=re.M | re.S):
            assert all(line.startswith("#") for line in cell.splitlines() if line), cell


@pytest.mark.slow
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    with jax.numpy_dtype_promotion("standard"):  # as users have it
        exec(compile(made_small(path.read_text(encoding="utf-8")), str(path), "exec"), names)
    plt.close("all")
    assert len(seqjax.load_records(names["WORKDIR"])) == RUNS[path.stem]
    assert not names["table"].incomplete
    drawn = {file.stem: file.read_bytes() for file in names["WORKDIR"].glob("*.png")}
    assert drawn.keys() == FIGURES[path.stem]
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())
