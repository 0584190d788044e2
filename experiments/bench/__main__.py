"""Time seqjax and its peers on this machine, and print the results.

    python -m experiments.bench
    python -m experiments.bench --suites=layer --sizes=S1,S2

Writes bench.json, bench.md and bench.png to --out. The suites layer, scaling and long need only jax
and numpy. Peers that are not installed are listed as not measured; to install them:
pip install ".[bench]".
Exit codes: 0 done; 1 a contender failed or computed different values; 2 a mistake in the command.
"""

import argparse
import importlib.metadata
import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator

from experiments.bench import report
from experiments.bench.peers import PEERS
from experiments.bench.problem import SIZES, Size
from experiments.bench.race import BenchError, Fleet
from experiments.bench.suites import CORES, Race, races, usable_cores
from seqjax.records.environment import processor

SUITES = ("layer", "sweep", "scaling", "long")
ON_REQUEST = ("scan", "together")
"""Suites for accelerators, which run only if --suites names them."""
WHERE = ("suite", "what", "size", "cores", "flop")


def sizes(text: str) -> dict[str, Size]:
    """Parse names of ``SIZES``, or one size as BxTxDxH."""
    try:
        if "x" in text:
            size = Size(*map(int, text.split("x")))
            if min(size) < 1:
                raise ValueError
            return {text: size}
        return {name: SIZES[name] for name in text.split(",")}
    except (KeyError, TypeError, ValueError):
        known = ",".join(SIZES)
        raise argparse.ArgumentTypeError(f"{text!r}; known: {known}, or BxTxDxH") from None


def suites(text: str) -> list[str]:
    """Parse names of suites."""
    if unknown := set(text.split(",")) - {*SUITES, *ON_REQUEST}:
        known = ", ".join((*SUITES, *ON_REQUEST))
        raise argparse.ArgumentTypeError(f"{min(unknown)!r}; known: {known}")
    return text.split(",")


def positive(text: str) -> int:
    """Parse a number of rounds."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number >= 1, got {text!r}")
    return int(text)


def arguments() -> argparse.Namespace:
    """Parse the command line, with argparse since absl may be missing here."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = ",".join((*SUITES, *ON_REQUEST))
    parser.add_argument("--suites", type=suites, default=list(SUITES), help=known)
    parser.add_argument("--sizes", type=sizes, default=SIZES, help=f"{','.join(SIZES)} or BxTxDxH")
    parser.add_argument("--cores", choices=CORES, help="one: pinned to one core; default: both")
    parser.add_argument(
        "--rounds", type=positive, default=5, help="number of measurements of each contender"
    )
    parser.add_argument("--precision", choices=("float32", "tf32"), default="float32")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/bench"))
    return parser.parse_args()


def run(races: list[Race], rounds: int) -> Iterator[dict]:
    """Run the races and yield their results; races on the same cores share their processes."""
    for setting in CORES:
        with Fleet(usable_cores(), single=setting == "one") as fleet:
            for race in (race for race in races if race.cores == setting):
                print(f"{race.suite} {race.what} {race.size}, {setting} core(s)", file=sys.stderr)
                where = {key: getattr(race, key) for key in WHERE}
                turns = max(3, round(rounds * race.rounds))
                training, *forward = fleet.race(race.contenders, turns, race.forward)
                yield {**where, "contenders": training}
                for contenders in forward:
                    yield {**where, "what": "forward", "flop": 0, "contenders": contenders}


def environment() -> dict:
    """Versions and hardware that the times depend on."""
    versions = {}
    for package in sorted({"jax", "jaxlib", "numpy", *PEERS.values()}):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "processor": processor(),
        "device": _device(),
        "cores": len(usable_cores()),
        "python": sys.version.split()[0],
        **versions,
    }


def _device() -> str:
    """Kind of JAX's default device, from another process, because JAX would reserve GPU memory."""
    command = [sys.executable, "-c", "import jax; print(jax.devices()[0].device_kind)"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip()


def _without_out(words: list[str]) -> list[str]:
    """Arguments without --out, which does not affect the results."""
    pairs = zip(["", *words], words, strict=False)
    return [word for before, word in pairs if "--out" not in (before, word.partition("=")[0])]


def main() -> int:
    """Run the suites of the command line; return the exit code."""
    options = arguments()
    cores = (options.cores,) if options.cores else CORES
    began = time.perf_counter()
    planned = [
        race
        for suite in options.suites
        for race in races(suite, options.sizes, options.precision, cores)
    ]
    data = {
        "command": " ".join(["python -m experiments.bench", *_without_out(sys.argv[1:])]),
        "environment": environment(),
        "precision": options.precision,
        "seconds": 0.0,
        "races": [],
    }
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for result in run(planned, options.rounds):
            data["seconds"] = round(time.perf_counter() - began, 1)
            data["races"].append(result)
            (options.out / "bench.json").write_text(json.dumps(data, indent=1) + "\n")
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: --out: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    text = "\n".join(report.tables(data))
    (options.out / "bench.md").write_text(text + "\n")
    print(text)
    if any(race.suite == "layer" for race in planned):
        try:
            report.figure(data, options.out / "bench.png")
        except ImportError:
            print("no figure: matplotlib is not installed", file=sys.stderr)
    print(f"{data['seconds']:.0f} s; the results are in {options.out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
