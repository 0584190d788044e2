"""Tallec and Ollivier 2018: chrono initialisation against a forget bias of 1.

The paper shows curves without numbers, so its text alone is compared: chrono is far ahead on the
copying problem at every delay, and reaches a low error on the adding problem of 750 steps about
seven times sooner; on the variable delay both are level at 500 steps, and chrono is ahead at 1,000.
"""

from collections.abc import Sequence

from experiments.experiment import Experiment
from seqjax.published.figures import Figure, Source
from seqjax.published.table import AS_PUBLISHED, Deviation, Effect, Measure, PublishedTable
from seqjax.records.record import LOSS, Record
from seqjax.sweeps.study import Arm, Study

CHRONO, ONE, NO_MEMORY = "chrono", "forget bias 1", "no memory"
COPY, VARIABLE, ADDING = "copy", "variable copy", "adding"
NAMES = {COPY: "copying", VARIABLE: "variable_copying", ADDING: "adding"}
LENGTHS = {COPY: (500, 2000), VARIABLE: (500, 1000), ADDING: (200, 750)}
"""Published delays and lengths T."""
T_MAX = {COPY: 1.5, VARIABLE: 1.0, ADDING: 1.0}
"""Published t_max of chrono over T."""
REDUCED = 100
STEPS = {COPY: 15_000, VARIABLE: 15_000, ADDING: 6_000}

PAPER = Source(
    key="Tallec 2018",
    citation="C. Tallec and Y. Ollivier. Can recurrent neural networks warp time? ICLR 2018",
    where="section 3, text and figures",
    version="OpenReview SJcKhk-Ab",
)
MEASURE = Measure(LOSS, "test loss, nats a step or squared error", False)
BASELINES = (
    (f"{COPY} 500", 0.0400, 4),
    (f"{COPY} 2000", 0.0103, 4),
    (f"{ADDING} 200", 0.167, 3),
    (f"{ADDING} 750", 0.167, 3),
)
"""Printed losses of a predictor without memory, by task, with their digits."""


def lengths(full: bool) -> dict[str, tuple[str, int]]:
    """Kind of the task and its T, by label of the task."""
    if not full:
        return {kind: (kind, REDUCED) for kind in NAMES}
    return {f"{kind} {T}": (kind, T) for kind, several in LENGTHS.items() for T in several}


def effects(full: bool) -> tuple[Effect, ...]:
    """The differences that the text states, on the tasks of this size."""
    why = {
        COPY: "chrono is far ahead at every delay",
        ADDING: "chrono is about seven times faster at 750 steps",
        f"{VARIABLE} 1000": "chrono is far ahead at 1,000 steps; at 500 both are level",
    }
    return tuple(
        Effect(CHRONO, ONE, None, why.get(label) or why[kind], task=label, source=PAPER)
        for label, (kind, T) in lengths(full).items()
        if label in why or (kind in why and (kind, T) != (ADDING, 200))
    )


def deviations(full: bool) -> tuple[Deviation, ...]:
    """Differences between the paper's settings and ours."""
    kind, why = ("same", "") if full else ("reduced", "minutes on two cores")
    of_tasks = []
    for label, (name, T) in lengths(full).items():
        published = T if full else " or ".join(f"{t:,}" for t in LENGTHS[name])
        place = {"task": label, "label": f"T of {label}"}
        of_tasks.append(Deviation("task.length", published, kind, why, **place))
    return (
        *of_tasks,
        Deviation("model.hidden", 128, kind, why),
        Deviation("optim.name", "rmsprop", "same", "", label="optimiser"),
        Deviation("optim.learning_rate", 0.001, "same", "", label="rate"),
        Deviation("optim.decay", 0.9, "same", "", label="decay of RMSProp"),
        Deviation("clip.kind", "none", "same", "", label="clipping"),
        Deviation("train.batch_size", "–", "unknown", "not printed in the text that was read"),
        Deviation("train.steps", "–", "unknown", "curves without a table", label="updates"),
        Deviation("init.recurrent", "–", "unknown", "not printed", label="weights"),
        Deviation("seeds", "–", "unknown", "not printed"),
        Deviation(
            "train.select",
            "curves of training",
            "differs",
            "one number a run; a last step may lie in one of the short spikes of unclipped losses",
            label="reported step",
        ),
    )


def table(full: bool) -> PublishedTable:
    """The published statements with the deviations at CPU size, or at full size."""
    printed = [
        Figure(NO_MEMORY, value, PAPER, metric=LOSS, digits=digits, task=task)
        for task, value, digits in BASELINES
    ]
    return PublishedTable(
        name="tallec_2018",
        title="Tallec and Ollivier 2018, copying and adding",
        measures=(MEASURE,),
        figures=tuple(printed) if full else (),
        effects=effects(full),
        deviations=deviations(full),
        protocols=(AS_PUBLISHED,),
        convention=(
            "Losses are means over all T + 20 steps of a copying task. Published curves have no "
            "numbers; the signs alone are compared. The step of the best validation metric is "
            "reported."
        ),
    )


def experiment(full: bool) -> Experiment:
    """Return the experiment at CPU size, or at full size."""
    arms = []
    for label, (kind, T) in lengths(full).items():
        task = {"task.name": NAMES[kind], "task.length": T}
        task |= {"train.steps": 60_000 if full else STEPS[kind]}
        task |= {"train.eval_every": 1_000 if full else 500}
        by_row = {
            CHRONO: {"init.bias_scheme": "chrono", "init.t_max": T_MAX[kind] * T},
            ONE: {"init.bias.f": 1.0},
        }
        for row, settings in by_row.items():
            tags = {"protocol": AS_PUBLISHED, "row": row}
            arms.append(Arm(row, {**task, **settings}, task=label, tags=tags))
    study = Study(
        name="tallec_2018_full" if full else "tallec_2018",
        question="Does chrono initialisation help to remember over known delays?",
        base={
            "model.cell": "lstm",
            "model.hidden": 128 if full else 64,
            "init.recurrent": "uniform",
            "init.input": "uniform",
            "optim.name": "rmsprop",
            "optim.learning_rate": 1e-3,
            "optim.decay": 0.9,
            "clip.kind": "none",
            "train.batch_size": 32 if full else 10,
            "train.select": "best",
        },
        arms=tuple(arms),
        seeds=10 if full else 5,
        scored=True,
        columns="",
    )
    return Experiment(study, table=table(full), remarks=remarks)


def remarks(records: Sequence[Record]) -> list[str]:
    """The loss of a predictor without memory on each task, and the number of runs below it."""
    sentences = []
    for task in dict.fromkeys(record.arm.partition(":")[0] for record in records):
        own = [record for record in records if record.arm.partition(":")[0] == task]
        chance = own[0].chance.loss
        below = {}
        for record in own:
            row = record.arm.partition(": ")[2]
            solved = record.failed is None and record.test[LOSS] < 0.95 * chance
            below[row] = below.get(row, 0) + solved
        counts = ", ".join(f"{count} ({row})" for row, count in below.items())
        sentences.append(
            f"{task}: a predictor without memory has loss {chance:.4f}; more than 5 % below it: "
            f"{counts}."
        )
    return sentences
