"""The only place where flags are defined and read. Below it there are plain dataclasses.

absl exits with 1 for all of its own complaints, so errors are reported here: one line, exit code 2.
"""

import contextlib
import difflib
import os
import pathlib
import re
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from absl import flags

from experiments import CLAIMS, COLLECTIONS, STUDIES
from experiments.cli import flagfiles
from experiments.cli.program import MISTAKE
from seqjax.data.files import printable

if TYPE_CHECKING:
    from experiments.experiment import Subject

FLAGS = flags.FLAGS
HELP = {"help", "h", "?", "helpfull", "helpshort", "helpxml"}
LONGEST_NAME = 100
LONGEST_MESSAGE = 2000
MOST_SHARDS = 10**6
BETWEEN_VALUES = re.compile(r",(?![^(),]*\))")  # not that of (a,b)
CHANGES = ("set", "sweep", "tune", "arms", "trials", "tuning_seeds")
"""Flags that change a study."""

flags.DEFINE_string("workdir", None, "where everything goes; to run: runs/<flagfile or study>")
flags.DEFINE_string(
    "data_dir", None, "where data sets are; else $SEQJAX_DATA_DIR, then the user's cache folder"
)


def define_run_flags() -> None:
    """The flags of ``python -m experiments.run``."""
    flags.DEFINE_string("study", None, "which study; --list shows them")
    flags.DEFINE_bool("list", False, "print each study with its question, and stop")
    flags.DEFINE_multi_string("set", [], '"path=value; path=value": fields; the last value wins')
    flags.DEFINE_string("sweep", None, '"path=v1,v2; path=...": axes in place of the study\'s own')
    flags.DEFINE_string("tune", None, "the axis to select per table cell on validation data")
    flags.DEFINE_integer(
        "tuning_seeds", None, "seeds 1000, ... that --tune selects on; 0: the same", lower_bound=0
    )
    flags.DEFINE_integer(
        "trials", None, "draws of every path=loguniform(a,b)", lower_bound=1, upper_bound=50_000
    )
    flags.DEFINE_list("arms", [], "only these arms of the study")
    flags.DEFINE_integer("seeds", None, "seeds a point", lower_bound=1)
    flags.DEFINE_integer("seed_start", 0, "the first seed", lower_bound=0, upper_bound=2**31)
    flags.DEFINE_string("shard", "0/1", "I/N: run the I-th of N parts, counted from 0")
    flags.DEFINE_float("checkpoint_every", 60.0, "seconds between two checkpoints; inf for none")
    flags.register_validator("checkpoint_every", lambda seconds: seconds >= 0, "expected 0 or more")
    flags.DEFINE_bool("dry_run", False, "print what would be run; compile and train nothing")
    flags.DEFINE_bool("deterministic", False, "GPU: deterministic operations, no autotuning")
    flags.DEFINE_bool("allow_mixed", False, "continue on another jaxlib or kind of device")


def define_level_flags() -> None:
    """The flags of ``python -m experiments.claims.levels``."""
    flags.DEFINE_bool("full", False, "measure at the size for accelerators")


def define_poem_flags() -> None:
    """The flags of ``python -m experiments.poem``."""
    flags.DEFINE_string("checkpoint", None, "a folder of WORKDIR/models, where a model is kept")
    flags.DEFINE_string("first_line", None, "the first line, of five or seven characters")
    flags.DEFINE_string("acrostic", None, "the first character of every line: four or eight")
    flags.DEFINE_string("form", None, "4x5 (as by default), 4x7, 8x5 or 8x7: lines x characters")
    flags.DEFINE_float("temperature", 1.0, "1e-6 to 1e6; below 1 the likely characters more often")
    flags.register_validator(
        "temperature", lambda value: 1e-6 <= value <= 1e6, "expected a number from 1e-6 to 1e6"
    )
    flags.DEFINE_integer("top_k", 0, "draw from the k likeliest alone; 0: all", lower_bound=0)
    flags.DEFINE_integer("num", 1, "poems", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "of all draws", lower_bound=0, upper_bound=2**31)


def fail(message: object) -> NoReturn:
    """Ends the program because of a mistake of its user's: one line, exit code 2."""
    print("error:", _line(message), file=sys.stderr)
    raise SystemExit(MISTAKE)


def _line(message: object) -> str:
    said = printable(" ".join(str(message).split()))
    if len(said) > LONGEST_MESSAGE:  # a value may be a whole file
        said = f"{said[: LONGEST_MESSAGE // 2]} … {said[-LONGEST_MESSAGE // 2 :]}"
    return said


@contextlib.contextmanager
def told_of_data() -> Iterator[None]:
    """Meanwhile what is warned of data is one line each, told once, and not as Python does."""
    from seqjax.data.folder import DataWarning

    told = set()

    def tell(message, category, *where):
        if not issubclass(category, DataWarning):
            usual(message, category, *where)
        elif (line := _line(message)) not in told:
            told.add(line)
            print("warning:", line, file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        usual, warnings.showwarning = warnings.showwarning, tell
        yield


def parser(argv: list[str], words: bool = False) -> list[str]:
    """The ``flags_parser`` of ``app.run``; ``words`` lets arguments be that are no flags."""
    if any(argument.lstrip("-").partition("=")[0] in HELP for argument in _flags_of(argv)):
        print(f"{sys.modules['__main__'].__doc__}\n{_own_help()}")
        raise SystemExit(0)
    for argument in argv:
        if any("\ud800" <= sign <= "\udfff" for sign in argument):
            fail(f"an argument that is not UTF-8: {argument!r}")
    try:
        argv = [argv[0], *flagfiles.expand(argv[1:], _refusal)]
        for argument in _flags_of(argv):
            name = argument.lstrip("-").partition("=")[0]
            if len(name) > LONGEST_NAME:  # absl would look for what is meant by deep recursion
                fail(f"unknown flag --{name[:LONGEST_NAME]}…; --help lists them")
        rest = FLAGS(argv)
    except flags.UnrecognizedFlagError as error:
        fail(_unknown_flag(error.flagname))
    except (flags.Error, ValueError) as error:
        fail(str(error).replace("invalid literal for int() with base 10:", "not a whole number:"))
    if len(rest) > 1 and not words:
        fail(f"unexpected argument {rest[1]!r}; flags start with -- and values follow =")
    return rest


def _flags_of(argv: list[str]) -> list[str]:
    """The arguments that are flags; what follows a bare -- is none."""
    ours = argv[1 : argv.index("--")] if "--" in argv else argv[1:]
    return [argument for argument in ours if argument.startswith("-")]


def _unknown_flag(name: str) -> str:
    known = [flag.name for flag in FLAGS.flags_by_module_dict()[__name__]]
    near = difflib.get_close_matches(name, known, n=1)
    return f"unknown flag --{name}" + (
        f"; did you mean --{near[0]}?" if near else "; --help lists them"
    )


def _own_help() -> str:
    return FLAGS.module_help(sys.modules[__name__])


def _refusal(name: str) -> str | None:
    """Why a flag may not stand in a flagfile."""
    if name in HELP:
        return f"--{name} belongs on the command line"
    known = {name, name.removeprefix("no")} & {"flagfile", *FLAGS}
    return None if known else _unknown_flag(name)


def chosen() -> tuple[str, ...]:
    """The names that --study stands for."""
    if FLAGS.study is None:
        known = ", ".join((*STUDIES, *CLAIMS, *COLLECTIONS))
        fail(f"--study: not given; expected one of {known}")
    names = COLLECTIONS.get(FLAGS.study, (FLAGS.study,))
    for flag in CHANGES if FLAGS.study in COLLECTIONS else ():
        if FLAGS[flag].present:
            fail(f"--{flag}: {FLAGS.study} are several studies; choose one of {', '.join(names)}")
    return names


def asked(name: str) -> "Subject":
    """The subject of this name, its study with settings, axes and arms as the flags say."""
    from experiments.experiment import subject

    try:
        found = subject(name)
    except ValueError as error:
        fail(f"--study: {error}")
    if found.study is None:
        for flag in CHANGES:
            if FLAGS[flag].present:
                fail(f"--{flag}: {name} trains nothing that could be changed")
        return found
    given, sweep = {}, None
    for text in FLAGS.set:
        given |= dict(_pairs("--set", text))
    if FLAGS.sweep is not None:
        sweep = {}
        for path, values in _pairs("--sweep", FLAGS.sweep):
            if path in sweep:
                fail(f"--sweep: {path} stands twice")
            sweep[path] = [value.strip() for value in BETWEEN_VALUES.split(values)]
    more = (FLAGS.arms, FLAGS.tune, FLAGS.tuning_seeds, FLAGS.trials)
    return found.revised(given, sweep, *more)


def as_text() -> str:
    """The flags as a flagfile that repeats this command, whichever shard it was."""
    kept = [
        flag
        for flag in FLAGS.flags_by_module_dict()[__name__]
        if flag.name not in ("workdir", "shard", "list", "dry_run")
    ]
    lines = [line for flag in kept for line in _serialized(flag)]
    lines = [line if line.isprintable() else " ".join(line.split()) for line in lines]
    return "".join(f"{line}\n" for line in [f"--workdir={workdir()}", *lines])


def _serialized(flag: flags.Flag) -> list[str]:
    """A flag as arguments; one given several times stands several times."""
    values = flag.value if isinstance(flag, flags.MultiFlag) else None
    if values is None:
        text = flag.serialize()
        return [text] if text else []
    return [f"--{flag.name}={value}" for value in values]


def _pairs(flag: str, text: str) -> list[tuple[str, str]]:
    """``path=value; path=value`` as pairs."""
    pairs = []
    for part in text.split(";"):
        path, equals, value = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        if not (path and equals and value):
            fail(f"{flag}: expected path=value, got {part.strip()!r}")
        pairs.append((path, value))
    if not pairs:
        fail(f"{flag}: expected path=value, got {text!r}")
    return pairs


def seeds(default: int) -> range:
    """The seeds that the flags ask for."""
    count = FLAGS.seeds or default
    return range(FLAGS.seed_start, FLAGS.seed_start + count)


def use_data_dir(new: bool = False) -> None:
    """Makes --data_dir the place of data sets; it is a folder, or ``new`` and not there yet."""
    if FLAGS.data_dir is None:
        return
    try:
        path = path_of("--data_dir", FLAGS.data_dir)
        good = FLAGS.data_dir and (path.is_dir() or (new and not path.exists()))
    except OSError as error:  # a name that is too long
        fail(f"--data_dir: cannot use {FLAGS.data_dir!r}: {error.strerror}")
    if not good:
        fail(f"--data_dir: expected a folder, got {FLAGS.data_dir!r}")
    os.environ["SEQJAX_DATA_DIR"] = str(path)


def path_of(flag: str, text: str) -> pathlib.Path:
    if not text.isprintable():  # flags.txt has a line for it
        fail(f"{flag}: expected a name that can be printed, got {text!r}")
    try:
        return pathlib.Path(text).expanduser()
    except RuntimeError as error:
        fail(f"{flag}: cannot use {text!r}: {error}")


def shard() -> tuple[int, int]:
    """(I, N) of --shard."""
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", FLAGS.shard)
    index, count = map(int, match.groups()) if match else (0, 0)
    if not index < count <= MOST_SHARDS:
        accepted = f"I/N with 0 <= I < N <= {MOST_SHARDS}"
        fail(f"--shard: expected {accepted}, got {FLAGS.shard!r}")
    return index, count


def workdir() -> pathlib.Path:
    """--workdir, or runs/ with the name of the last flagfile, or else of the study."""
    if FLAGS.workdir:
        return path_of("--workdir", FLAGS.workdir)
    files = flagfiles.named(sys.argv[1:])
    name = pathlib.Path(files[-1]).stem if files else FLAGS.study
    return path_of("--workdir", str(pathlib.Path("runs", name)))


def workdir_of(name: str) -> pathlib.Path:
    """Where a study goes: the workdir, or a folder in it for each of several."""
    return workdir() / name if FLAGS.study in COLLECTIONS else workdir()
