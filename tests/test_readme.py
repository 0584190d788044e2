"""The README does what it says: its commands as written, its files as written, its table as made.

The two launch scripts have tests of their own.
"""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.subprocess
ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.S)
FILES = [block for block in BLOCKS if block.startswith("# ")]
COMMANDS = re.findall(r"^    (python -m experiments\.r.*)$", TEXT, flags=re.M)
STUDY = "--study=leak"
TOO_LONG = "claims.flags"
"""These commands are only planned here; what they make is committed, and tested as that."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the project with the README's additions in it."""
    copy = tmp_path_factory.mktemp("readme") / "seqjax"
    for folder in ("seqjax", "experiments"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for block in FILES:
        head, _, body = block.partition("\n")
        path = copy / head.removeprefix("# ")
        if path.exists():
            body = _replaced(path.read_text(encoding="utf-8"), body)
        path.write_text(body, encoding="utf-8")
    return copy


def _replaced(text: str, lines: str) -> str:
    """``text`` with each line put in place of the one that begins alike, or after the imports."""
    for line in filter(None, lines.splitlines()):
        start = re.match(r"\w+ = \(|from [\w.]+ import ", line).group()
        old = [existing for existing in text.splitlines() if existing.startswith(start)]
        if old:
            text = text.replace(old[0], line)
        else:
            last = [existing for existing in text.splitlines() if existing.startswith("from ")][-1]
            text = text.replace(last, f"{last}\n{line}")
    return text


def _run(command: list[str], where: pathlib.Path) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in COMMANDS if "report" not in c])
def test_a_command_of_the_readme_works_as_written(checkout, command):
    planned = " --dry_run" if command.endswith(TOO_LONG) else ""
    output = _run(["bash", "-c", command.replace("python", sys.executable, 1) + planned], checkout)
    assert output.strip()
    if STUDY in command:
        assert "| leaky |" in output and "| lstm " in output
    for report in (c for c in COMMANDS if "report" in c):
        if report.split("--workdir=")[1] in command:
            again = _run(["bash", "-c", report.replace("python", sys.executable, 1)], checkout)
            assert again == output


@pytest.mark.parametrize(("block", "prints"), [(0, "(20, 4, 16) (20, 4, 16)"), (1, "(16, 4, 16)")])
def test_an_example_works_as_written(checkout, block, prints):
    example = [block for block in BLOCKS if not block.startswith("# ")][block]
    assert _run([sys.executable, "-c", example], checkout) == f"{prints}\n"


def test_each_addition_is_short():
    for block in FILES:
        assert block.count("\n") < 40, block.splitlines()[0]


def test_the_reading_order_names_every_module():
    section = TEXT[TEXT.index("## Reading order") : TEXT.index("As a library")]
    order = re.search(r"(``types``.*?)\.\n", (ROOT / "seqjax/__init__.py").read_text(), re.S).group(
        1
    )
    for name in re.findall(r"``(\w+)``", order):
        assert name in section, name


def test_the_table_is_the_one_that_the_quickstart_makes():
    made = (ROOT / "experiments/results/quickstart/table.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", made, flags=re.M)
    assert tables[0] in TEXT and tables[1] in TEXT
