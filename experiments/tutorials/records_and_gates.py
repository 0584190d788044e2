# %% [markdown]
# # Records and gates
#
# Does an LSTM learn the order of two symbols if its forget gates start closed, half open or open,
# and where do the gates go during training? This tutorial trains a study and reads its records as a
# data frame, a table, a forest and arrays, in less than a minute on two cores. Open the file as a
# notebook (VS Code, jupytext) or run it with Python; figures are also saved in the workdir.

# %%
import pathlib

import matplotlib.pyplot as plt
import pandas as pd

import seqjax

WORKDIR = pathlib.Path("runs/tutorial_gates")
STEPS = 300
SEEDS = 3
BIAS = "init.bias.f"

# %% [markdown]
# `train.observe` records the gates before training and at every validation. Running this cell again
# trains only what the workdir lacks: nothing, or more seeds.

# %%
study = seqjax.Study(
    name="open_gates",
    question="Does an LSTM learn temporal order if its forget gates start closed or open?",
    base={
        "task.name": "temporal_order",
        "task.length": 30,
        "model.hidden": 16,
        "train.steps": STEPS,
        "train.eval_every": STEPS // 6,
        "train.observe": "gates",
        "optim.name": "adam",
        "optim.learning_rate": 0.01,
    },
    axes=(seqjax.Axis(BIAS, (-2.0, 0.0, 2.0)),),
)
records = study.run(seeds=SEEDS, workdir=WORKDIR)

# %% [markdown]
# The records as a data frame: a row for each run, a column for each swept field. `test` is the
# metric of the task, here the accuracy, and `failed` the reason of a failure.

# %%
frame = seqjax.records.load(WORKDIR)
frame[["id", BIAS, "seed", "validation", "test", "score", "failed", "seconds"]]

# %%
frame.groupby(BIAS)["test"].agg(["mean", "std", "count"])

# %% [markdown]
# The table of a study adds intervals, counts failed runs as chance and says if runs are missing.

# %%
table = seqjax.tables.make(WORKDIR, question=study.question)
table

# %% [markdown]
# A forest shows every seed, and the differences to a reference. Runs of one seed share their data
# and initial weights, so the differences are paired by seed.

# %%
figure = seqjax.plots.forest(table, reference={BIAS: 0.0})
figure.savefig(WORKDIR / "forest.png")
figure

# %%
figure = seqjax.plots.curves(table, "validation_accuracy")
figure.savefig(WORKDIR / "learning_curves.png")
figure

# %% [markdown]
# A record also holds arrays. `curve` has an entry for each validation. `observed` has the gates:
# histograms, and shares of values below .1, .05, .01 and above .9, .95, .99, with one more row than
# `curve`, from before training.

# %%
record = records[0]
{name: array.shape for name, array in record.observed.items()}

# %%
GATE = "gates.layer0_forward.f"
saturation = pd.DataFrame(
    [
        {BIAS: record.point[BIAS], "seed": record.seed, "step": step, "closed": low, "open": high}
        for record in records
        for step, low, high in zip(
            [0, *record.curve["step"]],
            record.observed[f"{GATE}.low"][:, 0],
            record.observed[f"{GATE}.high"][:, 0],
            strict=True,
        )
    ]
)
shares = saturation.pivot_table(index="step", columns=BIAS, values=["closed", "open"])
shares

# %% [markdown]
# With a bias of -2 the forget gates start near .12 and close further, and the network learns
# nothing. With a bias of 0 it opens some of them; with a bias of 2 many are open from the start.

# %%
figure, panels = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
for panel, kind in zip(panels, ("closed", "open"), strict=True):
    shares[kind].plot(ax=panel, title=f"forget gates {kind}", ylabel="share of gate values")
figure.savefig(WORKDIR / "forget_gates.png")

# %% [markdown]
# The report draws all gates in the same way.

# %%
figures = dict(seqjax.plots.observed_figures(table))
figures["observed_gates_over_training"].savefig(WORKDIR / "gates_over_training.png")
figures["observed_gates_over_training"]
