"""Definition and parsing of all command-line flags. No other module defines or parses flags.

absl exits with code 1 for every error, so errors are reported here: one line, exit code 2.
"""

import contextlib
import difflib
import importlib.util
import os
import pathlib
import re
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from absl import flags

from experiments import CLAIMS, COLLECTIONS, NAMES, PUBLISHED, REGISTERED, STUDIES
from experiments.cli.program import MISTAKE
from seqjax.types import printable, unknown

if TYPE_CHECKING:
    from experiments.experiment import Experiment
    from seqjax.sweeps.study import Axis
    from seqjax.training.overrides import Overrides

FLAGS = flags.FLAGS
HELP = {"help", "h", "?", "helpfull", "helpshort", "helpxml"}
BETWEEN_VALUES = re.compile(r",(?![^(),]*\))")  # not the comma of loguniform(a,b)
FLAGFILE = re.compile(r"^--?flagfile[=\n](.*)$", re.MULTILINE)
FLAGFILES = pathlib.Path(__file__).parents[1] / "flags"
LISTS = ("studies", "tasks", "cells", "fields", "clips")
"""Values of --list; without a value it is the first."""
STUDY_FLAGS = ("set", "sweep", "tune", "arms", "trials", "tuning_seeds")
"""Flags that change a study."""

flags.DEFINE_string(
    "workdir", None, "folder of records, tables and figures; default: runs/<flagfile or study>"
)
flags.DEFINE_string(
    "data_dir",
    None,
    "folder of the data sets; default: $SEQJAX_DATA_DIR, or seqjax/data in the user's cache folder",
)
flags.declare_key_flag("flagfile")  # --help shows it; FLAGS must hold a flag before


def define_run_flags() -> None:
    """Define the flags of ``python -m experiments.run``."""
    flags.DEFINE_string("study", None, "study to run; --list prints all")
    flags.DEFINE_enum(
        "list", None, LISTS, "print the studies, or with a value those names, and exit"
    )
    define_import_flag()
    flags.DEFINE_multi_string(
        "set", None, '"path=value; path=...": fields to set; a later value wins'
    )
    flags.DEFINE_string("sweep", None, '"path=v1,v2; path=...": axes, replacing those of the study')
    tuned = "axis whose value validation data select in each table cell; none: tune nothing"
    flags.DEFINE_string("tune", None, tuned)
    flags.DEFINE_integer(
        "tuning_seeds", None, "number of separate tuning seeds (1000, ...); 0: none", lower_bound=0
    )
    draws = "number of draws of each path=loguniform(a,b)"
    flags.DEFINE_integer("trials", None, draws, lower_bound=1, upper_bound=50_000)
    flags.DEFINE_list("arms", None, "arms of the study to run; default: all")
    flags.DEFINE_integer("seeds", None, "number of seeds per point", lower_bound=1)
    flags.DEFINE_integer("seed_start", 0, "first seed", lower_bound=0, upper_bound=2**31)
    flags.DEFINE_string("shard", "0/1", "I/N: run part I of N; 0 <= I < N")
    flags.DEFINE_float("checkpoint_every", 60.0, "seconds between two checkpoints; inf: none")
    flags.register_validator("checkpoint_every", lambda seconds: seconds >= 0, "expected 0 or more")
    flags.DEFINE_enum(
        "log", None, ["tensorboard"], "write scalars of each run to WORKDIR/tensorboard"
    )
    flags.DEFINE_bool("dry_run", False, "print the plan; compile and train nothing")
    flags.DEFINE_bool("deterministic", False, "on a GPU: deterministic operations, no autotuning")
    flags.DEFINE_bool(
        "allow_mixed", False, "accept another jaxlib or kind of device; marks the table"
    )


def define_import_flag() -> None:
    """Define --import, which several commands have."""
    if "import" not in FLAGS:  # tests import several commands in one process
        module = "module, or path of a .py file, that registers cells, tasks or studies; repeatable"
        flags.DEFINE_multi_string("import", None, module)


def define_poem_flags() -> None:
    """Define the flags of ``python -m experiments.poem``."""
    flags.DEFINE_string("checkpoint", None, "folder of a saved model, in WORKDIR/models")
    flags.DEFINE_string("first_line", None, "first line, of five or seven characters")
    flags.DEFINE_string("acrostic", None, "first characters of the four or eight lines")
    flags.DEFINE_string("form", None, "4x5 (default), 4x7, 8x5 or 8x7: lines x characters")
    flags.DEFINE_float("temperature", 1.0, "1e-6 to 1e6; values below 1 favour likely characters")
    flags.register_validator(
        "temperature", lambda value: 1e-6 <= value <= 1e6, "expected a number from 1e-6 to 1e6"
    )
    flags.DEFINE_integer("top_k", 0, "sample from the k likeliest; 0: from all", lower_bound=0)
    flags.DEFINE_integer("num", 1, "number of poems", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "seed of the samples", lower_bound=0, upper_bound=2**31)


def fail(message: object) -> NoReturn:
    """Print a mistake of the user as one line, and exit with code 2."""
    print("error:", _one_line(message), file=sys.stderr)
    raise SystemExit(MISTAKE)


def _one_line(message: object) -> str:
    return printable(" ".join(str(message).split()))


@contextlib.contextmanager
def data_warnings_on_one_line() -> Iterator[None]:
    """Print each different DataWarning once, as one line without Python's location."""
    from seqjax.data.folder import DataWarning

    printed = set()

    def show(message: Warning | str, category: type[Warning], *location: Any) -> None:
        if not issubclass(category, DataWarning):
            show_default(message, category, *location)
        elif (line := _one_line(message)) not in printed:
            printed.add(line)
            print("warning:", line, file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        show_default, warnings.showwarning = warnings.showwarning, show
        yield


def parser(argv: list[str], doc: str | None = None, allow_words: bool = False) -> list[str]:
    """Parse the flags, as ``flags_parser`` of ``app.run``.

    Args:
      argv: program and arguments.
      doc: the text above the flags in --help.
      allow_words: accept arguments that are not flags.

    Returns:
      The program and the arguments that are not flags.
    """
    if any(argument.lstrip("-").partition("=")[0] in HELP for argument in _flags_of(argv)):
        print(f"{doc or ''}\n{FLAGS.module_help(sys.modules[__name__])}")
        raise SystemExit(0)
    argv = [_complete(argument) for argument in argv]
    if "" in _flagfiles(argv):
        fail("--flagfile: expected the path of a file, got ''")
    try:
        rest = FLAGS(argv)
    except flags.UnrecognizedFlagError as error:
        fail(_unknown_flag(error.flagname, _place(error.flagname, argv)))
    except flags.CantOpenFlagFileError as error:
        fail(_cannot_open(error.__context__))
    except (flags.Error, ValueError) as error:
        fail(str(error).replace("invalid literal for int() with base 10:", "not a whole number:"))
    if len(rest) > 1 and not allow_words:
        place = _place(rest[1], argv)
        fail(f"unexpected argument {rest[1]!r}{place}; flags start with -- and values follow =")
    return rest


def _complete(argument: str) -> str:
    """The argument; --list with its default value, a flagfile of this package from any folder."""
    if argument in ("--list", "-list"):
        return f"--list={LISTS[0]}"
    name, _, path = argument.rpartition("=")
    if path.startswith("experiments/flags/") and not os.path.exists(path):
        path = str(pathlib.Path(__file__).parents[2] / path)
    return f"{name}={path}" if name else path


def _flags_of(argv: list[str]) -> list[str]:
    """Arguments that are flags; a bare -- ends them."""
    arguments = argv[1 : argv.index("--")] if "--" in argv else argv[1:]
    return [argument for argument in arguments if argument.startswith("-")]


def _flagfiles(argv: list[str]) -> list[str]:
    """Paths of the flagfiles that a command names."""
    return FLAGFILE.findall("\n".join(argv[1:]))


def _place(argument: str, argv: list[str]) -> str:
    """The text " in FILE" if a flagfile holds this word or this flag; "" otherwise."""
    for path in _flagfiles(argv):
        for line in FLAGS.read_flags_from_files([f"--flagfile={path}"]):
            if argument in (line, line.partition("=")[0].lstrip("-")):
                return f" in {path}"
    return ""


def _cannot_open(error: OSError) -> str:
    """Message for a flagfile that cannot be opened, with the flagfile that is meant if any."""
    hint = _flagfile_hint(pathlib.Path(error.filename).stem)
    return f"--flagfile: cannot open {error.filename!r}: {error.strerror}{hint}"


def _flagfile_hint(name: str, cutoff: float = 0.6) -> str:
    """Suggestion of the flagfile of the package whose name is nearest; "" if none is near."""
    stems = [path.stem for path in FLAGFILES.glob("*.flags")]
    near = difflib.get_close_matches(name, stems, n=1, cutoff=cutoff)
    return f"; did you mean --flagfile=experiments/flags/{near[0]}.flags?" if near else ""


def _unknown_flag(name: str, place: str = "") -> str:
    from seqjax.training.overrides import field_named

    known = [flag.name for flag in FLAGS.flags_by_module_dict()[__name__]]
    if "set" in FLAGS and (path := field_named(name)):
        return f'unknown flag --{name}{place}; did you mean --set="{path}=..."?'
    near = difflib.get_close_matches(name, known, n=1)
    return f"unknown flag --{name}{place}" + (
        f"; did you mean --{near[0]}?" if near else "; --help lists them"
    )


def study_names() -> tuple[str, ...]:
    """Names of the studies that --study selects: one study, or all studies of a collection."""
    listed = (*STUDIES, *CLAIMS, *PUBLISHED, *COLLECTIONS, *REGISTERED)
    if FLAGS.study is None:
        fail(f"--study: not given; expected one of {', '.join(sorted(listed))}")
    if FLAGS.study not in (*NAMES, *COLLECTIONS, *REGISTERED):
        hint = _flagfile_hint(FLAGS.study, cutoff=1)
        fail(f"--study: {unknown('study', FLAGS.study, listed)}{hint}")
    names = COLLECTIONS.get(FLAGS.study, (FLAGS.study,))
    for flag in STUDY_FLAGS if FLAGS.study in COLLECTIONS else ():
        if FLAGS[flag].present:
            fail(f"--{flag}: {FLAGS.study} are several studies; choose one of {', '.join(names)}")
    return names


def experiment_from_flags(name: str) -> "Experiment":
    """Return the experiment of this name, changed by the flags."""
    from experiments.experiment import find

    experiment = find(name)
    if experiment.study is None:
        for flag in STUDY_FLAGS:
            if FLAGS[flag].present:
                fail(f"--{flag}: {name} trains nothing, so there is nothing to change")
        return experiment
    return experiment.revised(
        overrides(),
        axes(),
        arms=FLAGS.arms or (),
        tune=FLAGS.tune,
        tuning_seeds=FLAGS.tuning_seeds,
    )


def overrides() -> "Overrides":
    """Values of --set by path."""
    from seqjax.training.overrides import Overrides

    texts = dict(pair for text in FLAGS.set or () for pair in _pairs("--set", text))
    for path, value in texts.items():
        if path in FLAGS:
            fail(f"--set: {path} is a flag, no field; write --{path}={value}")
    return Overrides.parse(texts)


def axes() -> "tuple[Axis, ...] | None":
    """Axes of --sweep and --trials; None if neither is given."""
    from seqjax.sweeps.axes import parse_axes

    if FLAGS.sweep is None and FLAGS.trials is None:
        return None
    texts: dict[str, list[str]] = {}
    for path, values in _pairs("--sweep", FLAGS.sweep) if FLAGS.sweep is not None else ():
        if path in texts:
            fail(f"--sweep: {path} is given twice")
        texts[path] = [value.strip() for value in BETWEEN_VALUES.split(values)]
    return parse_axes(texts, FLAGS.trials)


def to_flagfile() -> str:
    """Return the flags as a flagfile that repeats this command, without its shard."""
    lines = [
        line
        for flag in FLAGS.flags_by_module_dict()[__name__]
        if flag.name not in ("workdir", "shard", "list", "dry_run")
        for line in _serialized(flag)
    ]
    lines = [line if line.isprintable() else " ".join(line.split()) for line in lines]
    return "".join(f"{line}\n" for line in [f"--workdir={workdir()}", *lines])


def _serialized(flag: flags.Flag) -> list[str]:
    """Arguments that set a flag, one for each time it was given."""
    values = flag.value if isinstance(flag, flags.MultiFlag) else None
    if values is None:
        text = flag.serialize()
        return [text] if text else []
    return [f"--{flag.name}={value}" for value in values]


def _pairs(flag: str, text: str) -> list[tuple[str, str]]:
    """Split ``path=value; path=value`` into pairs."""
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
    """Seeds from --seeds and --seed_start; ``default`` is the number of seeds without --seeds."""
    count = FLAGS.seeds or default
    return range(FLAGS.seed_start, FLAGS.seed_start + count)


def set_data_dir(create: bool = False) -> None:
    """Use --data_dir as the folder of data sets.

    Args:
      create: accept a folder that does not exist yet.
    """
    if FLAGS.data_dir is None:
        return
    path = path_of("--data_dir", FLAGS.data_dir)
    usable = os.path.isdir(path) or (create and not os.path.exists(path))
    if not FLAGS.data_dir or not usable:
        fail(f"--data_dir: expected a folder, got {FLAGS.data_dir!r}")
    os.environ["SEQJAX_DATA_DIR"] = str(path)


def check_log() -> None:
    """Fail if --log needs a package that is not installed."""
    if FLAGS.log is not None and importlib.util.find_spec("tensorboardX") is None:
        fail("--log=tensorboard: tensorboardX is not installed; run: pip install tensorboardX")


def path_of(flag: str, text: str) -> pathlib.Path:
    """Path in a flag's value, with ~ expanded."""
    if not text.isprintable():  # a line break would break the line in flags.txt
        fail(f"{flag}: expected a path of printable characters, got {text!r}")
    return pathlib.Path(os.path.expanduser(text))


def shard() -> tuple[int, int]:
    """(I, N) of --shard."""
    match = re.fullmatch(r"(\d+)/(\d+)", FLAGS.shard)
    index, count = map(int, match.groups()) if match else (0, 0)
    if index >= count:
        fail(f"--shard: expected I/N with 0 <= I < N, got {FLAGS.shard!r}")
    return index, count


def workdir() -> pathlib.Path:
    """--workdir, or runs/NAME with the name of the last flagfile or of the study."""
    if FLAGS.workdir:
        return path_of("--workdir", FLAGS.workdir)
    files = _flagfiles(sys.argv)
    name = pathlib.Path(files[-1]).stem if files else FLAGS.study
    return path_of("--workdir", str(pathlib.Path("runs", name)))


def workdir_of(name: str) -> pathlib.Path:
    """Workdir of a study; each study of a collection has a folder in the workdir."""
    return workdir() / name if FLAGS.study in COLLECTIONS else workdir()
