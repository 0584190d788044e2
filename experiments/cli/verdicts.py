"""Verdicts of claims as files and as text."""

import pathlib
import sys
from collections.abc import Sequence

from experiments import FULL
from experiments.claims import evidence
from experiments.cli.results import Results
from experiments.cli.workdir import Workdir
from seqjax.records import codec
from seqjax.reporting import plots
from seqjax.reporting import verdicts as formats
from seqjax.stats import rules
from seqjax.stats.decisions import EvidenceError, Verdict

METHOD = (
    "Intervals invert the sign-flip test over seeds or draws, which is exact for values symmetric "
    "about their mean; if about 10 % of runs fail, the error rate of the rules exceeds 5 % "
    "(tests/stats/test_error_rates.py). Intervals of medians are exact for any distribution. "
    "Differences between shares of draws have Newcombe's intervals. The level is 1 - .05/m for the "
    "m comparisons of a claim. Failed runs count as score 0, and their accuracy as chance."
)


def report(results: Results) -> str:
    """Write the verdicts of one claim and its figure, and return the verdicts as Markdown."""
    try:
        verdicts = results.verdicts
    except EvidenceError as error:
        print(f"{results.experiment.name}: no verdict yet: {error}", file=sys.stderr)
        return ""
    text = _write(results.workdir, verdicts, [results])
    draw = results.experiment.curves
    curves = draw and draw(results.evidence)
    plots.save(plots.claim_figure(verdicts, curves), results.workdir.path, "claim")
    return text


def collect(path: pathlib.Path, collection: Sequence[Results]) -> str:
    """Write the verdicts of all claims in a folder, and return them as Markdown.

    Claims without a verdict are left out; the report of each claim gives the reason.
    """
    verdicts, decided = [], []
    for results in collection:
        if results.experiment.decide is None:
            continue
        try:
            verdicts += results.verdicts
        except EvidenceError:
            continue
        decided.append(results)
    return _write(Workdir(path), verdicts, decided) if verdicts else ""


def _write(workdir: Workdir, verdicts: Sequence[Verdict], decided: Sequence[Results]) -> str:
    text = formats.to_markdown(verdicts, caption(verdicts, decided))
    common = {
        "rules": rules.VERSION,
        "evidence": evidence.VERSION,
        "environments": _environments(decided),
    }
    workdir.write("verdicts.md", text)
    workdir.write("verdicts.json", codec.dumps(formats.to_json(verdicts, common), indent=1) + "\n")
    return text


def _environments(decided: Sequence[Results]) -> list[str]:
    environments = [record.environment for results in decided for record in results.records]
    environments += [results.measured.environment for results in decided if results.measured]
    return sorted({f"jaxlib {e['jaxlib']} on {e['device']}" for e in environments})


def caption(verdicts: Sequence[Verdict], decided: Sequence[Results]) -> str:
    sizes = {results.experiment.name.endswith(FULL) for results in decided}
    size = "MIXED sizes" if len(sizes) > 1 else "Full size" if True in sizes else "CPU size"
    runs = sum(len(results.records) for results in decided)
    points = sum(len(results.measured.points) for results in decided if results.measured)
    counts = [f"{runs:,} runs"] if runs else []
    counts += [f"{points:,} points measured without training"] if points else []
    versions = f"Rules version {rules.VERSION}, evidence version {evidence.VERSION}"
    sentences = [
        f"{size}: {' and '.join(counts)}.",
        METHOD,
        f"{versions}; {'; '.join(_environments(decided))}.",
    ]
    for mark, meaning in formats.MARKS.items():
        if any(getattr(verdict, mark) for verdict in verdicts):
            sentences.append(f"{mark.capitalize()}: {meaning}.")
    return " ".join(sentences)
