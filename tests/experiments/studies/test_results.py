"""Committed tables follow from committed records, and baselines can be measured again."""

import shutil
import subprocess

import pytest
from support.committed import RESULTS, STUDIES, workdir_of
from support.published import HERE, use_published

from experiments import USES
from experiments.cli import reports, results
from experiments.cli.workdir import Workdir
from experiments.experiment import find
from seqjax.reporting import plots
from seqjax.stats.decisions.base import MIN_SEEDS
from seqjax.sweeps.plan import plan_runs
from seqjax.tasks import digest_of_data

DATA_SETS = {"mnist": "mnist", "poems": "tang_poems", "text": "tinyshakespeare"}
"""Sets that no package brings, by the study whose baselines read them."""
SLOW = {
    "nearest neighbour",
    "logistic regression",
    "warped apart",
    "memory",
    "copy",  # compiling chrF takes seconds, and tests of the task cover it
    "trigram told the form",
}


def test_there_are_results_of_every_use():
    assert set(USES) <= set(STUDIES)


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_tables_follow_from_the_records(study, tmp_path, monkeypatch):
    if study != "quickstart":  # figures are drawn of one study, and compared of none
        monkeypatch.setattr(plots, "save", lambda *_: None)
    reports.report(results.read(workdir_of(study, tmp_path)))
    for name in ("table.md", "table.csv", "table.tex"):
        assert (tmp_path / name).read_bytes() == (RESULTS / study / name).read_bytes(), name


@pytest.mark.slow
def test_a_report_of_the_quickstart_adds_only_figures_that_git_ignores(tmp_path):
    root = RESULTS.parents[1]
    shutil.copy(root / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    folder = tmp_path / "experiments" / "results" / "quickstart"
    shutil.copytree(RESULTS / "quickstart", folder)
    committed = {path.name for path in folder.iterdir() if path.suffix not in (".svg", ".png")}
    reports.report(results.read(Workdir(folder)))
    untracked = ["git", "ls-files", "--others", "--exclude-standard"]
    shown = subprocess.run(untracked, cwd=folder, check=True, capture_output=True, text=True)
    assert set(shown.stdout.split()) == committed | {"heat_map.png"}
    assert len(list(folder.glob("*.svg"))) > 1
    for study in (*USES, "claims"):
        for path in RESULTS.joinpath(study).glob("*.png"):
            shown = ["git", "check-ignore", path.relative_to(root)]
            assert subprocess.run(shown, cwd=tmp_path, check=False).returncode == 1, path


@pytest.mark.parametrize("study", USES)
def test_all_seeds_and_the_baselines_that_are_measured(study, tmp_path, monkeypatch):
    found, workdir = find(study), workdir_of(study, tmp_path)
    read = {made.environment["data"] for made in (*workdir.records(), workdir.measurements())}
    assert read == {found.data}
    reported = [r.seed for r in workdir.records() if r.purpose == "evaluation"]
    assert set(reported) == set(range(found.study.seeds)) and len(reported) >= MIN_SEEDS
    measured = workdir.measurements()
    assert measured.same.points == found.measurement.identity().points
    if study in DATA_SETS and not (HERE / DATA_SETS[study]).is_dir():
        return
    use_published(monkeypatch)
    assert found.data == digest_of_data(run.config.task for run in plan_runs(found.study, range(1)))
    quick = [at for at in measured.points if not SLOW & set(map(str, at.point.values()))]
    for at in (*quick[:2], *quick[-1:]):
        again = found.measurement.measure(at.point)
        for name, value in at.measured.items():
            assert float(again[name]) == pytest.approx(float(value), rel=1e-6)
