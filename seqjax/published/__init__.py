"""Published tables as data, joined to our records, and the statistics of their agreement.

A module ``experiments/published/NAME.py`` declares a table and the study that reproduces it::

    CHUNG = Source("Chung 2014", "Chung et al. 2014. Empirical evaluation of ...", "table 2",
                   version="arXiv 1412.3555", confidence="P")

    TABLE = PublishedTable(
        name="chung_2014",
        title="Chung et al. 2014, table 2",
        measures=(Measure("frame_nll", "NLL, nats a frame", higher_is_better=False),),
        figures=figures(                       # texts as printed; their decimals are counted
            CHUNG,
            {"tanh": ("9.10", "8.82"), "GRU": ("8.54", "6.94")},
            ({"part": "test"}, {"part": "train"}),
            task="JSB", metric="frame_nll",
        ),
        effects=(Effect("GRU", "tanh", None, "gates help", task="JSB"),),   # None: from figures
        deviations=(
            Deviation("train.batch_size", 1, "differs", "speed on two cores"),   # ours: computed
            Deviation("trials", 10, "reduced", "three rates"),
            Deviation("keys", "96", "differs", "88 occur", ours="88"),    # no setting has it
        ),
        protocols=("as published", "tuned equally"),
    )

An arm of the study names its data set, protocol and row::

    Arm("tanh", {"model.cell": "elman"}, task="JSB",
        tags={"protocol": "as published", "row": "tanh"})

and ``Experiment(study, table=TABLE)`` joins them. Titles of arms ("task: name") must differ between
protocols, so name the second arm "tanh, tuned". A figure without runs prints "not run". A figure
with confidence "M" is printed and enters no statistic. Values are in the unit of our metric;
``figures(..., percent=True)`` turns printed percentages into shares. A ``Measure`` with
``criterion="accuracy >= 0.99"`` is the share of runs that meet it.

Imports ``types``, ``stats``, ``training``, ``records``.
"""
