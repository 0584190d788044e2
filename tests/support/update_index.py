"""Pages of published tables and their index in experiments/results, from the committed records.

Write them with ``PYTHONPATH=.:tests python tests/support/update_index.py``, after new records or
where the wording of pages has changed.
"""

import pathlib
import shutil
import tempfile

from support.committed import RESULTS, TABLES, workdir_of

from experiments.cli import reproductions, results
from seqjax.reporting import formats

README = RESULTS / "README.md"
BEGIN = "<!-- the table is written by tests/support/update_index.py -->\n"


def index(folder: pathlib.Path) -> str:
    """The index as Markdown, each table with a link to its page; a sentence without any.

    Args:
      folder: an empty folder for workdirs.
    """
    if not TABLES:
        return "No table has been run yet.\n"
    read = [results.read(workdir_of(f"published/{name}", folder / name)) for name in TABLES]
    head, *rows = reproductions.index_rows(read)
    text = formats.markdown([head, *rows])
    lines = text.splitlines()
    for k, (name, (title, *_)) in enumerate(zip(TABLES, rows, strict=True), start=2):
        link = f"[{formats.escape_markdown(title)}](published/{name}/README.md)"
        first, _, rest = lines[k].removeprefix("| ").partition(" | ")
        assert first.strip() == formats.escape_markdown(title)
        lines[k] = f"| {link} | {rest}"
    return "\n".join(lines) + "\n"


def committed() -> str:
    """The index that the README has."""
    return README.read_text(encoding="utf-8").partition(BEGIN)[2].partition("\n\n")[0].strip("\n")


def write_pages(folder: pathlib.Path) -> None:
    """Write the page of every table again.

    Args:
      folder: an empty folder for workdirs.
    """
    for name in TABLES:
        reproductions.report(results.read(workdir_of(f"published/{name}", folder / name)))
        for kind in ("md", "csv", "tex", "json", "png"):
            file = f"{reproductions.NAME}.{kind}"
            shutil.copy(folder / name / file, RESULTS / "published" / name / file)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        write_pages(pathlib.Path(name))
    before, begin, after = README.read_text(encoding="utf-8").partition(BEGIN)
    rest = after.partition("\n\n")[2]
    with tempfile.TemporaryDirectory() as name:
        made = index(pathlib.Path(name))
    README.write_text(f"{before}{begin}{made}\n{rest}", encoding="utf-8")
