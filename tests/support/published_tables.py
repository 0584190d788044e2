"""A small made-up published table and its study, complete in form: copy it for a real table."""

from support.made_up import record

from seqjax.published.figures import Source, figures
from seqjax.published.join import places_of
from seqjax.published.table import Deviation, Effect, Measure, PublishedTable
from seqjax.sweeps.study import Arm, Axis, Study

PAPER = Source("A 2015", "A. and B. 2015. On gates.", "table 1", "arXiv v2", "P")
SOMEONE = Source("C 2016", "C. 2016. On memory.", "page 3", confidence="M")

TABLE = PublishedTable(
    name="made_up",
    title="A and B 2015, table 1",
    measures=(
        Measure("mse", "test mean squared error", higher_is_better=False),
        Measure("solved", "share of runs solved", True, criterion="mse <= 0.01"),
    ),
    figures=(
        *figures(
            PAPER,
            {"tanh": (".160",), "LSTM": (".050",), "GRU": (".030",)},
            ({"task": "short"},),
            metric="mse",
            n=1,
        ),
        *figures(SOMEONE, {"GRU, no reset": (".031",)}, ({"task": "short"},), metric="mse"),
    ),
    effects=(
        Effect("LSTM", "tanh", None, "gates carry the marked numbers", task="short"),
        Effect("GRU", "tanh", None, "gates carry the marked numbers", task="short"),
    ),
    deviations=(
        Deviation("model.hidden", 100, "reduced", "seconds on two cores"),
        Deviation("train.batch_size", 8, "same", ""),
        Deviation("seeds", 1, "differs", "the paper reports one run"),
        Deviation("markers", "–", "unknown", "the paper does not say", ours="anywhere"),
    ),
    protocols=("as published", "tuned equally"),
    convention="mean squared error of the last step",
)

CELLS = {"tanh": "elman", "LSTM": "lstm", "GRU": "gru"}


def study(name: str = "made_up") -> Study:
    """Three cells on a short adding task, as published and with a tuned rate."""
    return Study(
        name=name,
        question="Do gates help with adding, as in A and B 2015?",
        base={
            "task.name": "adding",
            "task.length": 4,
            "model.hidden": 3,
            "train.steps": 4,
            "train.eval_every": 2,
            "train.batch_size": 8,
        },
        arms=tuple(
            Arm(
                row if protocol == "as published" else f"{row}, tuned",
                {"model.cell": cell},
                task="short",
                tags={"protocol": protocol, "row": row},
            )
            for protocol in TABLE.protocols
            for row, cell in CELLS.items()
        ),
        axes=(
            Axis("optim.learning_rate", (0.1,), arms=tuple(f"short: {row}" for row in CELLS)),
            Axis(
                "optim.learning_rate",
                (0.03, 0.1),
                arms=tuple(f"short: {row}, tuned" for row in CELLS),
            ),
        ),
        seeds=3,
        tune="optim.learning_rate",
    )


ARMS = places_of(study().arms)
RATE = "optim.learning_rate"


def runs(values, *, rate=0.1, **options):
    """Records of the published protocol with these test errors by row, one a seed."""
    return [
        record(
            {RATE: rate},
            arm=f"short: {row}",
            seed=seed,
            test=value,
            tune=RATE,
            settings={
                "task.name": "adding",
                "task.length": 4,
                "train.batch_size": 8,
                "model.cell": CELLS[row],
            },
            **options,
        )
        for row, errors in values.items()
        for seed, value in enumerate(errors)
    ]
