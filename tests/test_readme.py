"""The front page and the guide to the library: commands run, Python runs, tables are current.

The guides to experiments have tests in ``test_guides``, the launch scripts in ``test_launch``.
"""

import os
import pathlib
import re
import subprocess
import sys

import jax
import pytest
from support import guides
from support.guides import ROOT

from seqjax.stats import intervals

FRONT, LIBRARY = "README.md", "seqjax/README.md"
TEXT = guides.text_of(FRONT)
MOST_LINES = 160
ADDITIONS = [
    block for block in guides.python_blocks(guides.text_of(LIBRARY)) if block.startswith("# ")
]
"""Blocks that are files, whose first line is their name."""


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


@pytest.mark.parametrize("page", [FRONT, LIBRARY])
def test_links_to_sections_lead_to_headings(page):
    for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", guides.text_of(page)):
        text = (ROOT / page).parent.joinpath(target).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.*)$", text, flags=re.M)
        slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert anchor in slugs, anchor


def test_the_tables_are_those_of_the_quickstart():
    made = (ROOT / "experiments/results/quickstart/table.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", made, flags=re.M)
    assert tables[0] in TEXT and tables[1] in TEXT


@pytest.mark.slow
@pytest.mark.parametrize("page", [FRONT, LIBRARY])
def test_python_runs_as_written(page, monkeypatch, capsys, tmp_path):
    """The blocks of a section follow each other as the cells of a notebook."""
    monkeypatch.chdir(tmp_path)
    for section in guides.sections(guides.text_of(page)):
        names = {"__name__": "__main__"}
        for block in guides.python_blocks(section):
            if block not in ADDITIONS:
                with jax.numpy_dtype_promotion("standard"):  # as users have it
                    exec(compile(block, page, "exec"), names)
                printed = capsys.readouterr().out
                assert page == LIBRARY or printed in ("", "(20, 4, 16) (20, 4, 16)\n")


def test_the_statistics_of_the_guide_exist():
    rows = guides.text_of(LIBRARY).partition("| function | gives |")[2].partition("\n\n")[0]
    names = [name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row)]
    assert names and all(callable(getattr(intervals, name)) for name in names)


@pytest.mark.slow
@pytest.mark.subprocess
def test_a_study_of_ones_own_grows_and_is_reported_again(tmp_path):
    first, more = commands_of("runs/gru_bias")
    (report,) = guides.commands(TEXT, "report")
    assert "18 of 18 runs" in run(["experiments.run", *first], tmp_path)
    table = run(["experiments.run", *more], tmp_path)
    assert "| init.bias.z |" in table and "24 of 24 runs" in table
    records = (tmp_path / "runs/gru_bias/records.jsonl").read_text(encoding="utf-8")
    assert records.count("\n") == 24  # none is trained twice
    assert run(["experiments.report", *report], tmp_path) == table


@pytest.mark.exhaustive
@pytest.mark.subprocess
def test_the_guide_to_a_table_of_ones_own_data_works_as_printed(tmp_path):
    (block,) = (block for block in guides.python_blocks(TEXT) if "sea.csv" in block)
    (tmp_path / "write.py").write_text(block, encoding="utf-8")
    run(["write"], tmp_path)
    (sweep,) = commands_of("runs/sea")
    assert "path=sea.csv" in run(["experiments.run", *sweep, "--dry_run"], tmp_path)
    assert not (tmp_path / "runs").exists()
    table = run(["experiments.run", *sweep], tmp_path)
    assert "81 of 81 runs" in table and "| persistence |" in table
    figures = {path.stem for path in (tmp_path / "runs/sea").glob("*.png")}
    assert figures >= {"heat_map", "learning_curves", "observed_gates_over_training"}


def commands_of(workdir: str) -> list[list[str]]:
    """The arguments of the front page's commands that run in a workdir."""
    return [c for c in guides.commands(TEXT, "run") if f"--workdir={workdir}" in c]


@pytest.mark.slow
@pytest.mark.subprocess
def test_the_cell_task_and_study_of_ones_own_run_as_printed(tmp_path):
    (block,) = ADDITIONS
    assert block.count("\n") < 40
    head, _, body = block.partition("\n")
    (tmp_path / head.removeprefix("# ")).write_text(body, encoding="utf-8")
    (command,) = guides.commands(guides.text_of(LIBRARY), "run")
    table = run(["experiments.run", *command], tmp_path)
    assert "| leaky |" in table and "| lstm " in table
    again = run(["experiments.report", "--workdir=runs/leak", command[0]], tmp_path)
    assert again == table
