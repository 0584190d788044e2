"""Code blocks, commands and links of the guides, the README.md files beside their subjects."""

import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).parents[2]


def text_of(guide: str) -> str:
    """The text of a guide, by its path from the root."""
    return (ROOT / guide).read_text(encoding="utf-8")


def python_blocks(text: str) -> list[str]:
    """The blocks that are marked as Python."""
    return re.findall(r"```python\n(.*?)```", text, flags=re.S)


def sections(text: str) -> list[str]:
    """The parts of a guide, each from a heading of the second level to the next."""
    return re.split(r"^(?=## )", text, flags=re.M)


def commands(text: str, program: str) -> list[list[str]]:
    """The arguments of every indented ``python -m experiments.<program>``."""
    found = re.findall(rf"^    python -m experiments\.{program}\b(.*)$", text, flags=re.M)
    return [shlex.split(arguments) for arguments in found]


def links(text: str) -> list[str]:
    """Targets of links to files of this repository, without anchors."""
    found = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    return [target for target in found if "://" not in target]
