"""From the records of claims to their verdicts, in files and as text."""

import dataclasses
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from experiments import CLAIMS, FULL, USES
from experiments.claims import evidence
from experiments.cli.workdir import DATA, Workdir
from experiments.experiment import Subject, subject
from seqjax.records import jsonl
from seqjax.reporting import verdicts as formats
from seqjax.reporting.plots import claims, summary
from seqjax.stats import rules
from seqjax.stats.decisions import EvidenceError, Verdict
from seqjax.sweeps import tuning
from seqjax.sweeps.measurement import Measurement, fields_of
from seqjax.sweeps.study import Study
from seqjax.training.config import as_settings

Record = Mapping[str, Any]


def decided(
    found: Subject, recorded: Sequence[Record], made: Mapping[str, Any] | None
) -> list[Verdict]:
    """The verdicts on a claim; exploratory, with the reason, where rules or design were others.

    Raises:
      EvidenceError: what the rule needs is not all there yet.
    """
    others = sorted({str(record["rules"]) for record in recorded} - {str(rules.VERSION)})
    reasons = [f"the records were made under rules {', '.join(others)}"] if others else []
    if found.study is not None:
        reasons += _otherwise_planned(found.study, recorded)
    if found.measurement is not None:
        reasons += _other_measurements(found.measurement, made)
    if found.data is not None:
        reasons += _otherwise_read(found.data, [*recorded, *([made] if made else [])])
    points = made["points"] if made else []
    _check_settings(found, recorded, points)
    verdicts = found.decide(recorded, points)
    if not reasons:
        return verdicts
    why = f"; exploratory, as {' and '.join(reasons)}"
    return [
        dataclasses.replace(verdict, exploratory=True, because=verdict.because + why)
        for verdict in verdicts
    ]


def _otherwise_planned(study: Study, recorded: Sequence[Record]) -> list[str]:
    """How these differ from the runs of the study as it is defined, if they do.

    Raises:
      EvidenceError: some are still to come, so that arms would be compared on different seeds.
    """
    seeds: dict[str, set[int]] = {arm.title: set() for arm in study.arms}
    for record in recorded:
        if record["purpose"] == "evaluation":
            seeds.setdefault(record["arm"], set()).add(record["seed"])
    every = set().union(*seeds.values())
    for arm, own in seeds.items():
        if own != every or not own:
            raise EvidenceError(f"{arm} has {len(own)} of {len(every)} seeds")
    planned = {run.id: run for run in tuning.due(study, sorted(every), recorded)}
    for record in recorded:
        run = planned.pop(record["id"], None)
        if run is None:
            return [f"run {record['id']} is not of the registered design"]
        settings = as_settings(run.config)
        if settings != record["settings"]:
            paths = [path for path, _ in settings.items() ^ record["settings"].items()]
            first = "task.name" if "task.name" in paths else min(paths)  # the cause of the others
            return [f"{first} was not as registered"]
    if planned:
        raise EvidenceError(f"{len(planned)} runs are still to come")
    return []


def _other_measurements(measurement: Measurement, made: Mapping[str, Any] | None) -> list[str]:
    """Differences between the stored measurements and the measurement as it is defined now.

    Raises:
      EvidenceError: there are none.
    """
    if made is None:
        raise EvidenceError("nothing is measured yet")
    same = made["same"] == jsonl.loads(jsonl.dumps(measurement.identity()), measurement.name)
    return [] if same else ["points or rules of the measurements were not as registered"]


def _otherwise_read(data: str, made: Sequence[Mapping[str, Any]]) -> list[str]:
    """How the data of runs and measurements differ from the registered ones, if they do."""
    others = {str(one["environment"].get(DATA)) for one in made} - {data}
    return [f"data {', '.join(sorted(others))} were not the registered {data}"] if others else []


def _check_settings(
    found: Subject, recorded: Sequence[Record], points: Sequence[Mapping[str, Any]]
) -> None:
    """Raises EvidenceError for runs that say nothing here: of another task, or read otherwise."""
    read = dict.fromkeys(pair for at in points for pair in fields_of(at["point"]).items())
    for record in recorded:
        settings = record["settings"]
        if refusal := found.refusal(settings["task.name"]):
            raise EvidenceError(refusal)
        for path, value in read:
            if settings.get(path) != value:
                said = f"runs have {settings.get(path)!r}, measurements {value!r}"
                raise EvidenceError(f"{path}: {said}")


def written(
    workdir: Workdir, found: Subject, recorded: Sequence[Record], made: Mapping[str, Any] | None
) -> str:
    """Writes the verdicts of one claim and its figure, and returns the verdicts as Markdown."""
    try:
        verdicts = decided(found, recorded, made)
    except EvidenceError as error:
        print(f"{found.name}: no verdict yet: {error}", file=sys.stderr)
        return ""
    text = _write(workdir, verdicts, recorded, [made] if made else [])
    curves = found.curves and found.curves(recorded, made["points"] if made else [])
    summary.save(claims.claim_figure(verdicts, curves), workdir.path, "claim")
    return text


def workdirs(path: pathlib.Path) -> list[Workdir]:
    """The workdirs of claims in a folder, in the order of the claims."""
    names = (*CLAIMS, *(name + FULL for name in CLAIMS), *USES)
    found = [Workdir(path / name) for name in names if (path / name).is_dir()]
    return [workdir for workdir in found if workdir.holds() == workdir.path.name]


def collected(path: pathlib.Path, several: Sequence[Workdir]) -> str:
    """Writes the verdicts of all claims in a folder, and returns them as Markdown."""
    verdicts, recorded, measured = [], [], []
    for workdir in several:
        own, made = workdir.records(), workdir.measurements()
        try:
            verdicts += decided(subject(workdir.path.name), own, made)
        except EvidenceError:  # which the report of the workdir has told
            continue
        recorded += own
        measured += [made] if made else []
    if not verdicts:
        return ""
    return _write(Workdir(path), verdicts, recorded, measured)


def _write(
    workdir: Workdir,
    verdicts: Sequence[Verdict],
    recorded: Sequence[Record],
    measured: Sequence[Mapping[str, Any]],
) -> str:
    text = formats.to_markdown(verdicts, _caption(verdicts, recorded, measured))
    made = {
        "rules": rules.VERSION,
        "evidence": evidence.VERSION,
        "environments": _environments(recorded, measured),
    }
    workdir.write("verdicts.md", text)
    workdir.write("verdicts.json", jsonl.dumps(formats.to_json(verdicts, made), indent=1) + "\n")
    return text


def _environments(recorded: Sequence[Record], measured: Sequence[Mapping[str, Any]]) -> list[str]:
    here = [one["environment"] for one in (*recorded, *measured)]
    return sorted({f"jaxlib {place['jaxlib']} on {place['device']}" for place in here})


def _caption(
    verdicts: Sequence[Verdict],
    recorded: Sequence[Record],
    measured: Sequence[Mapping[str, Any]],
) -> str:
    names = {record["study"] for record in recorded}
    names |= {made["same"]["study"] for made in measured}
    full = {name.endswith(FULL) for name in names}
    size = {frozenset({True}): "Full size", frozenset({False}): "CPU size"}.get(
        frozenset(full), "MIXED sizes"
    )
    done = [f"{len(recorded):,} runs"] if recorded or not measured else []
    points = sum(len(made["points"]) for made in measured)
    done += [f"{points:,} points measured without training"] if points else []
    said = [
        f"{size}: {' and '.join(done)}. Intervals invert the sign-flip test over seeds or draws, "
        "which is exact for values symmetric about their mean; if about 10 % of runs fail, the "
        "error rate of the rules exceeds 5 % (tests/stats/test_error_rates.py). Intervals of "
        "medians are exact for any distribution. Differences between shares of draws have "
        "Newcombe's intervals. The level is 1 - .05/m for the m comparisons of a claim. Failed "
        "runs count as score 0, and their accuracy as chance. Rules "
        f"version {rules.VERSION}, evidence version {evidence.VERSION}; "
        f"{'; '.join(_environments(recorded, measured))}."
    ]
    for mark, meaning in formats.MARKS.items():
        if any(getattr(verdict, mark) for verdict in verdicts):
            said.append(f"{mark.capitalize()}: {meaning}.")
    return " ".join(said)
