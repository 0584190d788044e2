"""What is committed of experiments, as the workdirs that it came from."""

import gzip
import lzma
import pathlib
import shutil

from experiments.cli.workdir import MEASURED, Workdir

RESULTS = pathlib.Path(__file__).parents[2] / "experiments" / "results"
STUDIES = sorted(path.parent.name for path in RESULTS.glob("*/table.md"))
TABLES = sorted(path.parent.name for path in RESULTS.glob("published/*/reproduction.md"))
"""Published tables with committed results."""
OPENERS = {".gz": gzip.decompress, ".xz": lzma.decompress, ".jsonl": bytes}


def workdir_of(study: str, path: pathlib.Path) -> Workdir:
    """A workdir at ``path`` with the records of a study, and nothing that follows from them.

    Args:
      study: name of a folder of results, such as "text" or "published/chung_2014".
      path: the folder to create.
    """
    kept = RESULTS / study
    (path / "curves").mkdir(parents=True)
    shutil.copy(kept / "config.json", path)
    if (kept / MEASURED).exists():
        shutil.copy(kept / MEASURED, path)
    (records,) = kept.glob("records.jsonl*")
    (path / "records.jsonl").write_bytes(OPENERS[records.suffix](records.read_bytes()))
    return Workdir(path)
