"""Committed pages of published tables follow from committed records, and designs are complete."""

import pytest
from support.committed import RESULTS, TABLES, workdir_of
from support.published import HERE, use_published
from support.update_index import committed, index

from experiments import FULL, PUBLISHED
from experiments.cli import reproductions, results
from experiments.experiment import find
from seqjax.data.folder import DataError
from seqjax.published.deviations import state
from seqjax.published.join import places_of
from seqjax.published.table import AS_PUBLISHED
from seqjax.reporting import plots
from seqjax.sweeps.plan import plan_runs


@pytest.mark.parametrize("name", TABLES)
def test_the_page_follows_from_the_records(name, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "save", lambda *_: None)
    read = results.read(workdir_of(f"published/{name}", tmp_path))
    assert read.experiment.name == name
    reproductions.report(read)
    folder = RESULTS / "published" / name
    for kind in ("md", "csv", "tex", "json"):
        file = f"{reproductions.NAME}.{kind}"
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes(), file
    figure = folder / f"{reproductions.NAME}.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    flagfile = f"experiments/flags/{name}.flags"
    assert flagfile in (folder / "README.md").read_text(encoding="utf-8")


def test_the_index_follows_from_the_records(tmp_path):
    assert committed() == index(tmp_path).strip("\n")


@pytest.mark.parametrize("name", [name + size for name in PUBLISHED for size in ("", FULL)])
def test_the_arms_are_those_of_the_table_and_deviations_say_what_they_do(name, monkeypatch):
    use_published(monkeypatch)
    experiment = find(name)
    study, table = experiment.study, experiment.table
    assert (study.name, table.name) == (name, name.removesuffix(FULL))
    places = places_of(study.arms)
    assert {place.protocol for place in places.values()} == set(table.protocols)
    try:
        runs = plan_runs(study, range(1))
    except DataError:
        pytest.skip(f"data sets are not in {HERE}")
    setups = [reproductions.setup_of(run) for run in runs]
    for protocol in table.protocols:
        stated = state(table, protocol, setups, places, study.tuned)
        for one in [one for several in stated.values() for one in several]:
            field = one.deviation.field
            assert field in ("seeds", "trials") or one.consistent, (protocol, one.text)
            assert one.ours != "–", (protocol, field)
    rates = [axis for axis in study.axes if axis.path == "optim.learning_rate" and not axis.drawn]
    for title, place in places.items() if study.tuning_seeds else ():
        if place.protocol == AS_PUBLISHED:
            assert all(axis.closed for axis in rates if axis.applies_to(study.arm(title))), title


def test_committed_results_are_those_of_published_tables():
    assert set(TABLES) <= {name + size for name in PUBLISHED for size in ("", FULL)}
