"""The shape of the code: import order is reading order, and everything stays small."""

import ast
import doctest
import importlib
import pathlib
import re
import sys

import pytest

import seqjax

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("seqjax/**/*.py"), *ROOT.glob("experiments/**/*.py")])
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_bytes()) for path in SOURCES}
LIBRARY = [name for name in TREES if name.startswith("seqjax/") and name != "seqjax/__init__.py"]
ORDER = re.findall(r"``(\w+)``", seqjax.__doc__)  # as the package says that it is read
JAX_ALONE = ("types", "cells", "recurrence", "init")

MOST_LINES = 450
MOST_LINES_OF_A_FUNCTION = 60


def dotted(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {dotted(file) for file in TREES}


def part(module: str) -> str:
    """The module or package of the reading order that a dotted name of seqjax belongs to."""
    return module.split(".")[1]


def imports(file: str) -> set[str]:
    """Every module that a file imports, at its head or inside a function, by its full name."""
    found = set()
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in MODULES else node.module for name in names}
    return found


@pytest.mark.core
def test_the_reading_order_names_every_package_once():
    present = {part(dotted(file)) for file in LIBRARY}
    assert sorted(ORDER) == sorted(present)


@pytest.mark.core
@pytest.mark.parametrize("file", LIBRARY)
def test_a_module_imports_only_what_stands_above_it(file):
    assert "seqjax" not in imports(file)
    for module in imports(file):
        if not module.startswith("seqjax."):
            continue
        here, there = part(dotted(file)), part(module)
        if here != there:
            assert ORDER.index(there) < ORDER.index(here), f"{here} imports {module}"
        elif not file.endswith("__init__.py"):
            assert module != f"seqjax.{here}", f"{file} imports its own package"


@pytest.mark.parametrize("package", [p for p in ORDER if f"seqjax/{p}/__init__.py" in TREES])
def test_a_package_states_what_it_imports(package):
    inside = [file for file in LIBRARY if part(dotted(file)) == package]
    found = {part(m) for file in inside for m in imports(file) if m.startswith("seqjax.")}
    docstring = ast.get_docstring(TREES[f"seqjax/{package}/__init__.py"])
    stated = re.findall(r"``(\w+)``", docstring[docstring.rindex("Imports ") :])
    assert sorted(stated) == sorted(found - {package})


def test_modules_of_a_package_do_not_import_each_other_in_a_circle():
    done: set[str] = set()
    waiting = {dotted(file): imports(file) & set(map(dotted, LIBRARY)) for file in LIBRARY}
    while ready := {module for module, needs in waiting.items() if needs - {module} <= done}:
        done |= ready
        waiting = {module: needs for module, needs in waiting.items() if module not in ready}
    assert not waiting


def roots(file: str) -> set[str]:
    return {module.split(".")[0] for module in imports(file)}


def test_the_library_knows_neither_experiments_nor_flags():
    assert not [file for file in LIBRARY if roots(file) & {"experiments", "absl"}]


def test_cells_and_engines_import_jax_and_numpy_alone():
    accepted = {"seqjax", "jax", "numpy", *sys.stdlib_module_names}
    named = {file: roots(file) - accepted for file in LIBRARY if part(dotted(file)) in JAX_ALONE}
    assert len(named) > len(JAX_ALONE) and not any(named.values()), named


def test_flags_are_defined_in_one_place():
    def defines(file: str) -> bool:
        called = (node.func for node in ast.walk(TREES[file]) if isinstance(node, ast.Call))
        names = (getattr(function, "attr", getattr(function, "id", "")) for function in called)
        return any(name.startswith("DEFINE") for name in names)

    assert [file for file in TREES if defines(file)] == ["experiments/cli/flags.py"]


def own_lines(function: ast.FunctionDef) -> int:
    """The lines of a function without those of its docstring."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    said = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
    return function.end_lineno - function.lineno + 1 - said


@pytest.mark.parametrize("file", TREES)
def test_files_and_functions_are_short(file):
    lines = (ROOT / file).read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES, f"{file} has {lines} lines"
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = own_lines(node)
            assert length <= MOST_LINES_OF_A_FUNCTION, f"{file}: {node.name} has {length} lines"


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [dotted(file) for file in TREES if ">>> " in (ROOT / file).read_text(encoding="utf-8")],
)
def test_doctests(module):
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried and not failed
