"""The front page and the guide to the library: commands run, Python runs, tables are current.

The guides to experiments have tests in ``test_guides``, the launch scripts in ``test_launch``.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import jax
import pytest
from support import guides
from support.guides import ROOT

FRONT, LIBRARY = "README.md", "seqjax/README.md"
TEXT = guides.text_of(FRONT)
MOST_LINES = 160
ADDITIONS = [
    block for block in guides.python_blocks(guides.text_of(LIBRARY)) if block.startswith("# ")
]
"""Blocks that are files, or lines of files, to add to the project."""


def run(command: list[str], where: pathlib.Path, path: pathlib.Path = ROOT) -> str:
    """Standard output of a command that imports the packages in ``path``."""
    environment = dict(os.environ, PYTHONPATH=str(path))
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_front_page_is_short():
    assert TEXT.count("\n") <= MOST_LINES


@pytest.mark.parametrize("page", [FRONT, LIBRARY, "CONTRIBUTING.md", "launch/README.md"])
def test_links_lead_to_files(page):
    for target in guides.links(guides.text_of(page)):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_the_tables_are_those_of_the_quickstart():
    made = (ROOT / "experiments/results/quickstart/table.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", made, flags=re.M)
    assert tables[0] in TEXT and tables[1] in TEXT


@pytest.mark.slow
@pytest.mark.parametrize("page", [FRONT, LIBRARY])
def test_python_runs_as_written(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    for block in guides.python_blocks(guides.text_of(page)):
        if block not in ADDITIONS:
            with jax.numpy_dtype_promotion("standard"):  # as users have it
                exec(compile(block, page, "exec"), {"__name__": "__main__"})
            assert page == LIBRARY or capsys.readouterr().out == "(20, 4, 16) (20, 4, 16)\n"


@pytest.mark.slow
@pytest.mark.subprocess
def test_a_study_of_ones_own_runs_and_is_reported_again(tmp_path):
    (sweep,) = (c for c in guides.commands(TEXT, "run") if "--workdir=runs/gru_bias" in c)
    (report,) = guides.commands(TEXT, "report")
    table = run(["experiments.run", *sweep], tmp_path)
    assert "| init.bias.z |" in table
    assert run(["experiments.report", *report], tmp_path) == table


@pytest.fixture
def extended(tmp_path):
    """A copy of the project with the additions of the guide in it."""
    copy = tmp_path / "copy"
    for folder in ("seqjax", "experiments"):
        ignored = shutil.ignore_patterns("__pycache__", "results")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    for block in ADDITIONS:
        head, _, body = block.partition("\n")
        path = copy / head.removeprefix("# ")
        if path.exists():
            body = replaced(path.read_text(encoding="utf-8"), body)
        path.write_text(body, encoding="utf-8")
    return copy


def replaced(text: str, lines: str) -> str:
    """``text`` with each line in place of the one that begins alike, or after the imports."""
    for line in filter(None, lines.splitlines()):
        start = re.match(r"\w+ = \(|from [\w.]+ import ", line).group()
        old = [existing for existing in text.splitlines() if existing.startswith(start)]
        if old:
            text = text.replace(old[0], line)
        else:
            last = [existing for existing in text.splitlines() if existing.startswith("from ")][-1]
            text = text.replace(last, f"{last}\n{line}")
    return text


@pytest.mark.slow
@pytest.mark.subprocess
def test_the_added_cell_task_and_study_run(extended, tmp_path):
    (command,) = guides.commands(guides.text_of(LIBRARY), "run")
    table = run(["experiments.run", *command], tmp_path, extended)
    assert "| leaky |" in table and "| lstm " in table


def test_each_addition_is_short():
    assert ADDITIONS
    for block in ADDITIONS:
        assert block.count("\n") < 40, block.splitlines()[0]
