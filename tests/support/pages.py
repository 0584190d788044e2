"""Results written by hand for tests of pages, with names that try to become markup."""

import pathlib

from support.made_up import record, replace

from experiments.cli.results import Results
from experiments.cli.workdir import Workdir
from experiments.experiment import Experiment
from seqjax.sweeps.study import Arm, Study

HOSTILE = "</script></style><img src=x onerror=document.title='hit'>\"'&amp;{{ 7*7 }}"
LONG, RTL, EMOJI = "w" * 4000, "שלום עולם", "🦜 arm"
ARMS = (HOSTILE, LONG, RTL, EMOJI, "plain")
CLIP, RATE = "clip.threshold", "optim.learning_rate"
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="30pt" viewBox="0 0 90 30">
<path d="M 0 0 L 90 30" style="stroke: #000000"/></svg>"""


def records(arms=ARMS, seeds=3):
    """Runs of arms × thresholds × rates: at the rate .3, arm k has .9 - .1 k. Two failed."""
    made = [
        record(
            {CLIP: clip, RATE: rate}, arm=arm, seed=seed, tune=RATE, study="made_up",
            test=0.9 - 0.1 * k - (0.3 - rate) + 0.01 * clip + 0.001 * seed,
        )
        for k, arm in enumerate(arms)
        for clip in (0.5, 2.0)
        for rate in (0.1, 0.3)
        for seed in range(seeds)
    ]  # fmt: skip
    for k in (0, -1):
        ended = {made[k].metric: made[k].chance.metric}
        made[k] = replace(
            record(made[k].point, arm=made[k].arm, seed=made[k].seed, failed="collapsed"),
            study="made_up", tune=RATE, validation=ended, test=ended,
        )  # fmt: skip
    return made


def results(path: pathlib.Path, made=None, question="Does <b>it</b> matter?") -> Results:
    """Results in a workdir at ``path`` that has a figure and files to link."""
    path.mkdir(parents=True, exist_ok=True)
    for name in ("heat_map", "clipped", "learning_curves"):
        (path / f"{name}.svg").write_text(SVG)
    for name in ("table.md", "table.csv", "table.tex", "records.jsonl"):
        (path / name).touch()
    command = (
        f"--workdir=/home/me/{path.name}\n--data_dir=/data\n--study=made_up\n--import=mine.py\n"
    )
    (path / "flags.txt").write_text(command)
    made = records() if made is None else made
    study = Study("made_up", question, {}, arms=tuple(map(Arm, ARMS)), tune=RATE)
    return Results(Workdir(path), Experiment(study), made, known=False)
