"""Number agreement in natural sentences: is the next verb singular or plural?

Results are reported by the number of attractors: nouns between subject and verb that have the
opposite number. These sentences have far more attractors than running text, so ignoring the last
noun can pay off. The files do not mark nouns, so the accuracy of the last noun's number is known
only for sentences without attractors. The study is descriptive; it decides no claim.
"""

from experiments.claims.protocol import PROTOCOL
from experiments.experiment import Experiment
from seqjax.published.figures import Source
from seqjax.sweeps.study import Arm, Axis, Metrics, Published, Study
from seqjax.tasks.datasets.agreement_natural import BALANCED

STUDY = Study(
    name="agreement_natural",
    question="Does a network tell a verb's number past nouns that have the other one?",
    base={
        **PROTOCOL.base(full=False),
        "task.name": "agreement_natural",
        "model.embed": 32,
        "train.steps": 800,
        "train.eval_every": 100,
    },
    arms=(
        Arm("elman", {"model.cell": "elman"}, matched="lstm"),
        Arm("irnn", {"model.cell": "elman_relu", "init.recurrent": "identity"}, matched="lstm"),
        # The width near 32 at which all match within 1 %, without the embedding that all share.
        Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0, "model.hidden": 30}),
        Arm("gru", {"model.cell": "gru"}, matched="lstm"),
    ),
    axes=(Axis("optim.learning_rate", PROTOCOL.rates(full=False)),),
    seeds=10,
    tune="optim.learning_rate",
    tuning_seeds=2,
    metrics=Metrics(
        "attractors",
        dict(zip(("all", *range(len(BALANCED) - 1)), BALANCED, strict=True)),
        "Attractors are such nouns between subject and verb. Any constant answer, the majority's "
        "too, has .5 in every column; the number of the last noun is right wherever there is no "
        "attractor. Of the 98 test sentences with four attractors 7 are singular.",
    ),
    published=(
        Published(
            "LSTM trained on the same question, running text, accuracy",
            "over .99, lower where word order and structure conflict",
            Source("Linzen 2016", "Linzen, Dupoux and Goldberg 2016, abstract"),
            ("agreement_natural",),
        ),
    ),
)

EXPERIMENT = Experiment(STUDY)
