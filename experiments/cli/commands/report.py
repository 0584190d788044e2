"""``python -m experiments.report``: rebuild the reports of a workdir, or of a folder of claims."""

import sys

from experiments.cli import flags, imports, reports
from experiments.cli.workdir import WorkdirError
from seqjax.records.jsonl import RecordError
from seqjax.training.overrides import ConfigError

flags.define_import_flag()


def main(argv: list[str]) -> None:
    """Report on the workdir of --workdir, or on every claim in that folder."""
    del argv
    if not flags.FLAGS.workdir:
        flags.fail("--workdir: not given; expected a folder with records")
    path = flags.workdir()
    try:
        imports.import_modules()
        text, warnings = reports.report_folder(path)
        print(text)
        for line in warnings:
            print(line, file=sys.stderr)
    except (imports.ModuleError, WorkdirError, RecordError, ConfigError) as error:
        flags.fail(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        flags.fail(f"cannot use {error.filename or path}: {error.strerror}")
