"""Reproducibility of a sweep on this machine, bit for bit.

    python -m experiments.bench.repeats --out=runs/repeats

Trains a sweep of 64 runs several times, in separate commands that compile their programs again, and
compares records and learning curves with the first time: repeated, in two shards, with other
neighbours, stopped and resumed, without --deterministic, and on the CPU. Writes repeats.json,
repeats.md and the workdir of each sweep to --out.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec
import numpy as np

from seqjax import records
from seqjax.records import codec

ROOT = pathlib.Path(__file__).parents[2]
AXES = "init.bias.f=0,1; clip.threshold=0.1,1; optim.learning_rate=0.1,0.3,0.5,1"
OTHER_AXES = "init.bias.f=1,3; clip.threshold=1; optim.learning_rate=0.3,0.7"
"""Axes of another sweep, which shares one point with AXES."""


class Trial(NamedTuple):
    """One training of the sweep.

    Attributes:
      name: name in the table.
      deterministic: pass --deterministic.
      shards: number of commands that share the work.
      axes: axes of the sweep.
      stopped: stop the command once, and resume it.
      cache: name of an earlier trial whose compiled programs are loaded.
      platform: platform of JAX; "" is the accelerator.
    """

    name: str
    deterministic: bool = True
    shards: int = 1
    axes: str = AXES
    stopped: bool = False
    cache: str = ""
    platform: str = ""


TRIALS = (
    Trial("deterministic"),
    Trial("deterministic, again"),
    Trial("deterministic, in two shards", shards=2),
    Trial("deterministic, with other neighbours", axes=OTHER_AXES),
    Trial("deterministic, stopped and resumed", stopped=True),
    Trial("not deterministic", deterministic=False),
    Trial("not deterministic, again", deterministic=False),
    Trial("not deterministic, same programs", deterministic=False, cache="not deterministic"),
    Trial("on the CPU", platform="cpu"),
)
PAIRS = (
    *((TRIALS[0].name, trial.name) for trial in TRIALS[1:]),
    ("not deterministic", "not deterministic, again"),
    ("not deterministic", "not deterministic, same programs"),
)


def folder(name: str) -> str:
    """Name of a trial's workdir."""
    return name.replace(", ", "-").replace(" ", "_")


def train(trial: Trial, out: pathlib.Path, settings: str) -> dict[str, Any]:
    """Run the commands of one trial; return their exit codes and seconds."""
    workdir = out / folder(trial.name)
    command = [sys.executable, "-m", "experiments.run", "--study=init_by_clip", "--seeds=4"]
    command += [f"--set={settings}", f"--sweep={trial.axes}", f"--workdir={workdir}"]
    command += ["--deterministic"] * trial.deterministic
    command += ["--checkpoint_every=0"] * trial.stopped
    environment = dict(os.environ)
    environment["SEQJAX_CACHE_DIR"] = str(out / "cache" / folder(trial.cache or trial.name))
    environment.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if trial.platform:
        environment |= {"JAX_PLATFORMS": trial.platform, "JAX_NUM_CPU_DEVICES": "1"}
    began, codes = time.perf_counter(), []
    if trial.stopped:
        with _start(command, environment, workdir.with_suffix(".stopped.log")) as process:
            while process.poll() is None and not any(workdir.glob("checkpoints/*/*")):
                time.sleep(0.005)
            process.send_signal(signal.SIGTERM)
        codes.append(process.returncode)
    shards = [
        _start(
            [*command, f"--shard={k}/{trial.shards}"], environment, workdir.with_suffix(f".{k}.log")
        )
        for k in range(trial.shards)
    ]
    codes += [process.wait() for process in shards]
    return {"codes": codes, "seconds": round(time.perf_counter() - began, 1)}


def _start(command, environment, log: pathlib.Path) -> subprocess.Popen:
    with open(log, "w") as file:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)


def accuracy(record: records.Record) -> float:
    """Test accuracy of a run, 0 if the run failed."""
    return record.test["accuracy"] or 0.0


def _result(record: records.Record) -> str:
    """JSON of a record without the fields that differ between equal runs."""
    return codec.dumps(msgspec.structs.replace(record, seconds=0.0, environment={}))


def compare(first: pathlib.Path, second: pathlib.Path) -> dict[str, Any]:
    """Number of equal records and curves among the runs of both workdirs, and the differences."""
    ours, theirs = (
        {record.id: record for record in records.read_all(path)} for path in (first, second)
    )
    names = sorted(ours.keys() & theirs.keys())
    equal_records, equal_curves, differences, steps = 0, 0, [], []
    for name in names:
        one, other = ours[name], theirs[name]
        equal_records += _result(one) == _result(other)
        a, b = np.load(first / one.curve_file), np.load(second / other.curve_file)
        same = np.all((a == b) | (np.isnan(a) & np.isnan(b)), axis=0)
        equal_curves += bool(same.all())
        steps += [] if same.all() else [int(np.argmin(same))]
        differences.append(abs(accuracy(one) - accuracy(other)))
    return {
        "runs": len(names),
        "equal_records": equal_records,
        "equal_curves": equal_curves,
        "first_step_that_differs": min(steps, default=None),
        "largest_difference_of_accuracy": max(differences, default=None),
        "mean_accuracy": [
            float(np.mean([accuracy(r[name]) for name in names])) if names else None
            for r in (ours, theirs)
        ],
    }


def table(pairs: list[dict[str, Any]]) -> Iterator[str]:
    """Markdown table of the comparisons."""
    yield "| sweep | compared with | runs | equal records | equal curves | largest Δ accuracy |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in pairs:
        difference = row["largest_difference_of_accuracy"]
        yield (
            f"| {row['second']} | {row['first']} | {row['runs']} | {row['equal_records']} | "
            f"{row['equal_curves']} | {'' if difference is None else f'{difference:.4f}'} |"
        )


def main() -> int:
    """Train all trials and compare them. Trials that load compiled programs are last."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.repeats")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/repeats"))
    parser.add_argument("--settings", default="train.steps=200; train.eval_every=20")
    parser.add_argument("--processes", type=int, default=len(TRIALS), help="sweeps at once")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    out = options.out.resolve()
    compiling = [trial for trial in TRIALS if not trial.cache]
    with ThreadPoolExecutor(options.processes) as pool:
        results = pool.map(lambda trial: train(trial, out, options.settings), compiling)
        commands = dict(zip((trial.name for trial in compiling), results, strict=True))
    for trial in TRIALS:
        if trial.cache:
            commands[trial.name] = train(trial, out, options.settings)
    pairs = []
    for a, b in PAIRS:
        try:
            row = compare(out / folder(a), out / folder(b))
        except (OSError, ValueError, KeyError) as error:
            print(f"{a} and {b}: {error}", file=sys.stderr)
            continue
        pairs.append({"first": a, "second": b, **row})
    data = {"settings": options.settings, "axes": AXES, "pairs": pairs, "commands": commands}
    (out / "repeats.json").write_text(json.dumps(data, indent=1) + "\n")
    (out / "repeats.md").write_text("\n".join(table(pairs)) + "\n")
    print((out / "repeats.md").read_text(), json.dumps(commands))
    return 0


if __name__ == "__main__":
    sys.exit(main())
