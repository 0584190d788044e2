"""Tables of synthetic records."""

from support.made_up import record

from seqjax.reporting import tables

RATE = "optim.learning_rate"
CLIP = "clip.threshold"
BIAS = "init.bias.f"


def table_of(records, tune=RATE, **options):
    options = {"title": "made_up", "titles": {}, "arms": (), **options}
    return tables.make(records, tune=tune, **options)


def only(table):
    (cell,) = table.cells()
    return cell


def grid(**axes):
    """A record at every point of the axes, with test metrics .01, .02, … in their order."""
    found = [{}]
    for path, values in axes.items():
        found = [{**point, path.replace("__", "."): value} for point in found for value in values]
    return [record(point, test=(k + 1) / 100) for k, point in enumerate(found)]
