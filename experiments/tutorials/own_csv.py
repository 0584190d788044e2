# %% [markdown]
# # A table for a CSV of your own
#
# From a CSV file to a table of forget bias × clipping, learning curves and gates, in less than a
# minute on two cores. Open the file as a notebook (VS Code, jupytext) or run it with Python;
# figures are also saved in the workdir. For other data, change `PATH` and the settings of the task.

# %%
import pathlib

import numpy as np
import pandas as pd

import seqjax

WORKDIR = pathlib.Path("runs/tutorial_csv")
PATH = WORKDIR / "level.csv"
STEPS = 200
SEEDS = 3

# %% [markdown]
# The file of this tutorial is made here: noise, and its level, the root of a mean of squares that
# forgets a tenth at every step. A model has to square its input and to remember about ten steps.

# %%
WORKDIR.mkdir(parents=True, exist_ok=True)
signal = np.random.default_rng(0).normal(size=2000)
power = pd.Series(signal**2).ewm(alpha=0.1).mean()
data = pd.DataFrame({"signal": signal, "level": np.sqrt(power)}).round(6)
data.to_csv(PATH, index=False)
data.head()

# %% [markdown]
# The task `file` reads it. Here `regression` predicts `target` from a window of rows; the other
# kinds are `classification`, `labelling` (a class at every step) and `forecasting`. The last 15 %
# of the windows are test data and the 15 % before them validation data. Columns are scaled by the
# mean and deviation of the training part alone.

# %%
study = seqjax.Study(
    name="my_csv",
    question="Do the forget gate's bias and clipping matter for the level of a signal?",
    base={
        "task.name": "file",
        "task.path": str(PATH),
        "task.kind": "regression",
        "task.columns": "signal",
        "task.target": "level",
        "task.window": 32,
        "model.cell": "lstm",
        "model.hidden": 8,
        "train.steps": STEPS,
        "train.eval_every": STEPS // 5,
        "train.observe": "gates",
        "optim.name": "adam",
        "optim.learning_rate": 0.01,
        "clip.kind": "norm",
    },
    axes=(
        seqjax.Axis("init.bias.f", (-2.0, 0.0, 2.0), label="forget bias"),
        seqjax.Axis("clip.threshold", (1.0, float("inf")), label="clip norm"),
    ),
)
records = study.run(seeds=SEEDS, workdir=WORKDIR)

# %% [markdown]
# Each cell of the table is a mean over seeds on test data. The caption says what chance is, how
# many runs are recorded or have failed, and whether no cell is better than the baselines, whose
# errors follow: the mean of the targets, and a linear model of the window.

# %%
titles = {axis.path: axis.title for axis in study.axes}
table = seqjax.tables.make(WORKDIR, question=study.question, titles=titles)
(WORKDIR / "table.md").write_text(table.to_markdown(), encoding="utf-8")
table

# %%
pd.Series(records[0].baselines, name=f"test {table.metric}")

# %%
figure = seqjax.plots.forest(table, reference={"forget bias": 0.0})
figure.savefig(WORKDIR / "forest.png")
figure

# %%
figure = seqjax.plots.curves(table, f"validation_{table.metric}")
figure.savefig(WORKDIR / "learning_curves.png")
figure

# %% [markdown]
# The gates: histograms before and after training, and the shares of nearly closed and nearly open
# gates over training.

# %%
figures = dict(seqjax.plots.observed_figures(table))
figures["observed_gates"].savefig(WORKDIR / "gates.png")
figures["observed_gates"]

# %%
figures["observed_gates_over_training"].savefig(WORKDIR / "gates_over_training.png")
figures["observed_gates_over_training"]
