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
import sys
import time

from experiments.bench import report
from experiments.bench.peers import PEERS
from experiments.bench.problem import SIZES, Size
from experiments.bench.race import BenchError, Fleet
from experiments.bench.suites import Race, races, usable_cores
from seqjax.records.environment import processor

SUITES = ("layer", "sweep", "scaling", "long")
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
    if unknown := set(text.split(",")) - set(SUITES):
        raise argparse.ArgumentTypeError(f"{min(unknown)!r}; known: {', '.join(SUITES)}")
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
    parser.add_argument("--suites", type=suites, default=list(SUITES), help=",".join(SUITES))
    parser.add_argument("--sizes", type=sizes, default=SIZES, help=f"{','.join(SIZES)} or BxTxDxH")
    parser.add_argument(
        "--rounds", type=positive, default=5, help="times to take of every contender"
    )
    parser.add_argument("--precision", choices=("float32", "tf32"), default="float32")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/bench"))
    return parser.parse_args()


def run(races: list[Race], rounds: int) -> list[dict]:
    """Run the races; those on the same cores share their processes."""
    results = []
    for cores in ("one", "all"):
        with Fleet(usable_cores(), single=cores == "one") as fleet:
            for race in (race for race in races if race.cores == cores):
                print(f"{race.suite} {race.what} {race.size}, {cores} core(s)", file=sys.stderr)
                where = {key: getattr(race, key) for key in WHERE}
                turns = max(3, round(rounds * race.rounds))
                training, *forward = fleet.race(race.contenders, turns, race.forward)
                results.append({**where, "contenders": training})
                for found in forward:
                    results.append({**where, "what": "forward", "flop": 0, "contenders": found})
    return results


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
        "cores": len(usable_cores()),
        "python": sys.version.split()[0],
        **versions,
    }


def _without_out(words: list[str]) -> list[str]:
    """Arguments without --out, which does not affect the results."""
    pairs = zip(["", *words], words, strict=False)
    return [word for before, word in pairs if "--out" not in (before, word.partition("=")[0])]


def main() -> int:
    """Run the suites of the command line; return the exit code."""
    options = arguments()
    began = time.perf_counter()
    planned = [
        race for suite in options.suites for race in races(suite, options.sizes, options.precision)
    ]
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        found = run(planned, options.rounds)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: --out: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    data = {
        "command": " ".join(["python -m experiments.bench", *_without_out(sys.argv[1:])]),
        "environment": environment(),
        "precision": options.precision,
        "seconds": round(time.perf_counter() - began, 1),
        "races": found,
    }
    (options.out / "bench.json").write_text(json.dumps(data, indent=1) + "\n")
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
