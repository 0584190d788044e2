"""Modules outside the package that register cells, tasks and studies: --import and entry points."""

import importlib
import importlib.metadata
import os
import pathlib
import sys
import sysconfig
import traceback

import experiments
import seqjax
from experiments.cli import flags
from seqjax.types import ConfigError, printable

GROUP = "seqjax"
"""Group of the entry points that every command imports."""
LIBRARIES = (
    *(sysconfig.get_path(kind) + os.sep for kind in ("stdlib", "purelib", "platlib")),
    *(str(pathlib.Path(module.__file__).parent) + os.sep for module in (experiments, seqjax)),
    "<",
)
"""Beginnings of the file names of code that is not the user's."""


class ModuleError(ValueError):
    """A module of --import cannot be imported; the message names the module, line and error."""


def import_modules() -> None:
    """Import the modules that installed packages name as entry points, and those of --import.

    Raises:
      ModuleError: a module of --import fails. A failing entry point is a warning, because the
        command may not need it.
    """
    for entry_point in importlib.metadata.entry_points(group=GROUP):
        try:
            entry_point.load()
        except Exception as error:  # packages of others raise errors of any kind
            name = f"entry point {entry_point.name} = {entry_point.value}"
            print(f"warning: {printable(f'{name}: {_in_words(error)}')}", file=sys.stderr)
    for name in flags.FLAGS["import"].value or ():
        _import(name)


def _import(name: str) -> None:
    """Import a module by name, also from the working directory, or by the path of its file."""
    path = pathlib.Path(os.path.expanduser(name))
    is_path = path.suffix == ".py" or os.sep in name
    if not name or (is_path and not (path.suffix == ".py" and path.is_file())):
        raise ModuleError(f"--import: expected a module or a .py file, got {name!r}")
    folder, module = (path.resolve().parent, path.stem) if is_path else (pathlib.Path.cwd(), name)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        imported = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise ModuleError(f"--import: {_place(error) or name}: {_in_words(error)}") from error
    file = getattr(imported, "__file__", None)
    if is_path and (file is None or not path.samefile(file)):
        raise ModuleError(f"--import: {name}: another module is named {module}; rename the file")


def _place(error: BaseException) -> str:
    """File and line of the user's code that an exception comes from; "" if there is none."""
    if error.__cause__ and (place := _place(error.__cause__)):
        return place
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename)}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(LIBRARIES)]
    return f"{_short(own[-1].filename)}, line {own[-1].lineno}" if own else ""


def _short(file: str) -> str:
    """A path from the working directory if the file is below it."""
    path = pathlib.Path(file)
    here = pathlib.Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _in_words(error: BaseException) -> str:
    """Type and message of an exception; the message alone if a registration has refused."""
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return text if isinstance(error, ConfigError) else f"{type(error).__name__}: {text}"
