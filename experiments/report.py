"""Rebuilds tables and figures of a workdir from its records: python -m experiments.report."""

import pathlib

from absl import app

from experiments import flags
from experiments.workdir import Workdir, WorkdirError


def report(workdir: Workdir) -> str:
    """Writes the tables and figures of a workdir's records, and returns the tables as Markdown."""
    from seqjax import formats, plots, tables

    recorded = workdir.records()
    if not recorded:
        raise WorkdirError(f"--workdir: {workdir.path} has no records")
    study = flags.study_module(recorded[0]["study"]).STUDY
    tune = recorded[0]["tune"] if workdir.config is None else workdir.config["tune"]
    titles = {axis.path: axis.title for axis in study.axes}
    arms = [arm.name for arm in study.arms]
    options = {"question": study.question, "titles": titles, "arms": arms}
    made = [
        tables.make_table(recorded, title=study.name, tune=tune, columns=study.columns, **options)
    ]
    if tune == study.tune and study.fixed in {r["point"].get(tune) for r in recorded} - {None}:
        title = f"{study.name} at {tune} = {tables.label(study.fixed)}"
        made.append(
            tables.make_table(
                recorded,
                title=title,
                tune=tune,
                columns=study.columns,
                fixed=study.fixed,
                **options,
            )
        )
    if study.spread and tune is not None and tune == study.tune:
        title = f"{study.name} at every {tune}"
        options["titles"] = {path: name for path, name in titles.items() if path != tune}
        made.append(tables.make_table(recorded, title=title, tune=None, columns=tune, **options))

    parts = [formats.to_markdown(table) for table in made]
    parts.append(formats.markdown(tables.sizes(recorded, arms)) + "\n")
    if study.published:
        parts.append(formats.markdown(tables.published_rows(study.published)) + "\n")
    markdown = "\n".join(parts)
    workdir.write("table.md", markdown)
    workdir.write("table.csv", formats.to_csv(made))
    workdir.write("table.tex", "\n".join(map(formats.to_latex, made)))

    main = made[0]
    metric = recorded[0]["metric"]
    plots.save(plots.heat_map(main), workdir.path, "heat_map")
    plots.save(plots.heat_map(main, "clipped"), workdir.path, "clipped")
    plots.save(plots.curves(main, f"validation_{metric}"), workdir.path, "learning_curves")
    if len(made) > 1:
        plots.save(plots.heat_map(made[1]), workdir.path, "heat_map_untuned")
    return markdown


def main(argv: list[str]) -> None:
    del argv
    if not flags.FLAGS.workdir:
        flags.fail("--workdir: not given; expected a folder with records")
    path = pathlib.Path(flags.FLAGS.workdir)
    try:
        if not path.is_dir():
            raise WorkdirError(f"--workdir: {path} is not a folder")
        print(report(Workdir(path)))
    except ValueError as error:
        flags.fail(error)


if __name__ == "__main__":
    app.run(main, flags_parser=flags.parser)
