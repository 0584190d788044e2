"""The committed verdicts follow from the committed records, under the current rules."""

import copy
import dataclasses
import json
import re
import tarfile

import pytest
from support.committed import RESULTS as ALL_RESULTS
from support.committed import workdir_of
from support.figures import faults, words

from experiments import CLAIMS, USES
from experiments.claims import claim_4, claim_5
from experiments.cli import results, verdicts
from experiments.cli.workdir import Workdir
from seqjax.reporting import plots

RESULTS = ALL_RESULTS / "claims"
COMMITTED = json.loads((RESULTS / "verdicts.json").read_text(encoding="utf-8"))["verdicts"]
REGISTERED = [one for one in COMMITTED if not one["exploratory"]]


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """A folder with the committed workdirs of all claims and applications."""
    path = tmp_path_factory.mktemp("claims")
    with tarfile.open(RESULTS / "records.tar.xz") as kept:
        kept.extractall(path, filter="data")
    for use in USES:
        workdir_of(use, path / use)
    return path


def test_the_verdicts_follow_from_the_records(collection):
    several = results.read_collection(collection)
    assert [found.experiment.name for found in several] == [*CLAIMS, *USES]
    text = verdicts.collect(collection, several)
    assert text == (RESULTS / "verdicts.md").read_text(encoding="utf-8")
    made = (collection / "verdicts.json").read_bytes()
    assert made == (RESULTS / "verdicts.json").read_bytes()


def test_every_claim_has_a_registered_verdict_and_a_figure():
    of_module = {re.match(r"2b|13\w|\d+", one["claim"]).group() for one in REGISTERED}
    uses = {"11", "12", "13s", "13t", "13m", "13f"}
    assert of_module == {name.removeprefix("claim_") for name in CLAIMS} | uses
    for name in CLAIMS:
        assert (RESULTS / f"{name}.png").read_bytes().startswith(b"\x89PNG"), name


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [*CLAIMS, *USES])
def test_no_text_of_a_figure_overlaps_another_or_leaves_the_page(collection, name):
    found = results.read(Workdir(collection / name))
    curves = found.experiment.curves(found.evidence)
    figure = plots.claim_figure(found.verdicts, curves)
    assert not faults(figure)
    internal = {"lstm_f", "nfg", "gain_0.5", "q50", "temporal_order", "digits_rows"}
    assert not internal & set(re.findall(r"[\w.]+", " ".join(words(figure))))


def test_a_changed_record_changes_the_verdicts(collection):
    """Verdicts depend on the records, not on other committed files."""
    found = results.read(Workdir(collection / "claim_6"))
    changed = copy.deepcopy(found.records)
    for record in changed:
        if record.arm == "lstm":
            record.test["accuracy_7_opposite"] = 0.6
    after = dataclasses.replace(found, records=changed).verdicts
    assert found.verdicts[0].verdict == "supported" and after[0].verdict == "contradicted"


def test_thresholds_and_levels_are_quantiles_of_the_norms_of_committed_runs(collection):
    """The runs without clipping or floor, on the first tuning seed at the smallest rate."""
    used = {(task, "none"): levels["norm"] for task, levels in claim_4.THRESHOLDS[False].items()}
    for (lag, model), levels in claim_5.LEVELS.items():
        if lag in claim_5.LAGS[False] and "c" in levels:
            used[f"recall_{lag}", f"{model} none"] = levels["c"]
    for claim in (claim_4, claim_5):
        study = claim.experiment(False).study
        for record in results.read(Workdir(collection / study.name)).records:
            arm, at = study.arm(record.arm), (record.seed, record.point.get(claim_4.RATE))
            if at == (1000, 0.01) and (arm.task, arm.name) in used:
                found = [getattr(record.gradient_norm, quantile) for quantile in claim.QUANTILES]
                assert found == pytest.approx(used.pop((arm.task, arm.name)), rel=0.05), arm.title
    assert not used
