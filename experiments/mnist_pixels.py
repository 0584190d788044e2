"""Does anything of the first pixels reach the end of an image that is read pixel by pixel?"""

from seqjax.study import Arm, Study

STUDY = Study(
    name="mnist_pixels",
    question="Which networks classify digits that they read pixel by pixel, 784 steps?",
    base={
        "task.name": "mnist_pixels",
        "model.hidden": 64,
        "init.recurrent": "orthogonal",
        "optim.name": "adam",
        "optim.learning_rate": 0.003,
        "optim.schedule": "cosine",
        "clip.kind": "norm",
        "clip.threshold": 1.0,
        "train.steps": 600,
        "train.batch_size": 128,
        "train.eval_every": 300,
    },
    arms=(
        Arm("elman", {"model.cell": "elman"}),
        Arm("irnn", {"model.cell": "elman_relu", "init.recurrent": "identity"}),
        Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0}),
        Arm("lstm_chrono", {"model.cell": "lstm", "init.bias_scheme": "chrono", "init.t_max": 784}),
        Arm("gru", {"model.cell": "gru"}),
        Arm("gru_chrono", {"model.cell": "gru", "init.bias_scheme": "chrono", "init.t_max": 784}),
    ),
    seeds=3,
    columns="",
)
