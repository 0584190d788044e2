"""What is committed of experiments, as the workdirs that it came from."""

import gzip
import pathlib
import shutil

from experiments.cli.workdir import MEASURED, Workdir

RESULTS = pathlib.Path(__file__).parents[2] / "experiments" / "results"
STUDIES = sorted(path.parent.name for path in RESULTS.glob("*/table.md"))


def workdir_of(study: str, path: pathlib.Path) -> Workdir:
    """A workdir at ``path`` with the records of a study, and nothing that follows from them."""
    kept = RESULTS / study
    (path / "curves").mkdir(parents=True)
    shutil.copy(kept / "config.json", path)
    if (kept / MEASURED).exists():
        shutil.copy(kept / MEASURED, path)
    (records,) = kept.glob("records.jsonl*")
    content = records.read_bytes()
    plain = gzip.decompress(content) if records.suffix == ".gz" else content
    (path / "records.jsonl").write_bytes(plain)
    return Workdir(path)
