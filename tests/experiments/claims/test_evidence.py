"""Evidence finds runs by task and tags of the arms, never by parsing their titles."""

import numpy as np
import pytest
from support.made_up import record

from experiments.claims.evidence import Evidence, accuracies, gains
from experiments.claims.protocol import on_tasks
from seqjax.stats.decisions import EvidenceError
from seqjax.sweeps.study import Arm, Study

RATE = "optim.learning_rate"
ARMS = on_tasks(
    {"a: b": {"task.length": 9}, "c": {}},
    [Arm("lstm"), Arm("gru at 0.1", {RATE: 0.1}, tags={"cell": "gru", "rate": 0.1})],
)
STUDY = Study("study", "Why?", {"task.name": "adding"}, arms=ARMS, scored=True)


def runs(**changes):
    """Two reported runs of each arm and one for tuning, the seeds in descending order."""
    common = {"study": "study", **changes}
    return [
        record(arm=arm.title, seed=seed, purpose=purpose, score=0.1 * seed, **common)
        for seed, purpose in ((1000, "tuning"), (1, "evaluation"), (0, "evaluation"))
        for arm in ARMS
    ]


def test_runs_are_found_by_task_and_name_or_tags():
    evidence = Evidence(STUDY, runs())
    assert [arm.title for arm in ARMS][:2] == ["a: b: lstm", "a: b: gru at 0.1"]
    assert list(evidence.runs_by()) == [("a: b", "lstm"), ("c", "lstm")]
    tagged = evidence.runs_by("rate", "cell")
    assert list(tagged) == [("a: b", 0.1, "gru"), ("c", 0.1, "gru")]
    assert [run.seed for run in tagged["c", 0.1, "gru"]] == [0, 1]
    assert [run.seed for run in evidence.runs_by(purpose="tuning")["c", "lstm"]] == [1000]
    assert evidence.runs_of("lstm", "c") == evidence.runs_by()["c", "lstm"]
    assert evidence.scores_by()["c", "lstm"].scores.tolist() == [0.0, 0.1]


def test_missing_and_repeated_runs_and_other_studies_are_refused():
    with pytest.raises(EvidenceError, match=r"^c: lstm: "):
        Evidence(STUDY, [run for run in runs() if run.arm != "c: lstm"]).runs_by()
    with pytest.raises(EvidenceError, match=r"^a: b: lstm: "):
        Evidence(STUDY, [*runs(), *runs()]).runs_by()
    with pytest.raises(EvidenceError, match=r"^study: .*study.*another"):
        Evidence(STUDY, runs(study="another"))


def test_a_failed_run_counts_as_chance_and_gains_nothing():
    good, bad = (record(seed=k, test=0.9, failed=why) for k, why in ((0, None), (1, "collapsed")))
    assert accuracies([good, bad]).tolist() == [0.9, bad.chance.metric]
    assert gains([good, bad], np.array([0.1, 0.1]), 0.2).tolist() == [0.5, 0.0]
