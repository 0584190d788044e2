"""The study of poems: its baselines, its verdict, and its saved models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import verses
from support.commands import command
from support.made_up import measured, record, replace

from experiments.cli.commands import poem as poem_command
from experiments.studies import poems as study
from seqjax.baselines import ngrams
from seqjax.data.poems import FORMS
from seqjax.records import jsonl
from seqjax.records.record import Failure
from seqjax.reporting.side_tables import task_metrics
from seqjax.sweeps import saved_models
from seqjax.training.config import make_config

FORM = "4x5"
SMALL = {
    "task.vocabulary": 30,
    "model.hidden": 4,
    "model.embed": 3,
    "train.steps": 4,
    "train.eval_every": 2,
    "train.batch_size": 8,
    "optim.learning_rate": 0.0001,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Poems of one form, so that little is compiled."""
    path = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patched:
        verses.place(patched, path, verses.verses(120, sizes=((4, 5),)))
        yield path


@pytest.mark.slow
def test_probabilities_restricted_to_the_form_sum_to_one_over_the_allowed_symbols(folder):
    script, _, sequences = make_config(
        {"task.name": "poems", "task.vocabulary": 30}
    ).task.prepared()
    model = ngrams.fit(sequences["train"], 3, script.size)
    symbols, allowed_TV = sequences["test"][0], script.allowed(FORM)
    total_T = np.zeros(len(symbols) - 1)
    for other in range(script.size):
        for place in range(len(total_T)):
            if allowed_TV[place, other]:
                changed = symbols.copy()
                changed[place + 1] = other
                total_T[place] += np.exp(
                    -study.restricted_to_form(model, changed, allowed_TV)[place]
                )
    assert total_T == pytest.approx(np.ones_like(total_T))


def test_the_baselines_are_measured_over_the_same_symbols(folder):
    settings = {"task.name": "poems", "task.vocabulary": 20}
    task = make_config(settings).task
    found = {of: study.measure({**settings, "of": of}) for of in (*study.BASELINES, study.REAL)}
    script, parts, sequences = task.prepared()
    model = ngrams.fit(sequences["train"], 3, script.size)
    nats = [-model.log_probabilities(symbols).mean() for symbols in sequences["test"]]
    assert found["trigram"]["perplexity"] == pytest.approx(np.exp(np.mean(nats)))
    told = found["trigram told the form"]
    assert told["perplexity"] < 0.6 * found["trigram"]["perplexity"]
    # Of 26 symbols 20 are characters, and with so few poems all marks are as in every other.
    assert told["perplexity_characters"] ** (20 / 25) == pytest.approx(told["perplexity"], rel=0.05)
    real = found[study.REAL]
    assert (
        real["read"]
        == 120
        == sum(value for name, value in real.items() if name.startswith(("left out", "poems")))
    )
    known = {line for poem in parts["train"] for line in poem.lines}
    own = [line for poem in parts["test"] for line in poem.lines]
    assert real["copied"] == np.mean([line in known for line in own])
    assert 0.5 < real["coverage"] < 1


def evidence(perplexity=100.0, formed=0.95, **changes):
    settings = {"task.name": "poems", "model.embed": 3, **changes.pop("settings", {})}
    made, common = [], {"arm": "lstm", "study": "poems", "settings": settings, **changes}
    for seed in range(10):
        one = record(seed=seed, test=perplexity + seed, **common)
        one.test.update({"formed": formed, "copied": 0.001, "perplexity_characters": 200.0})
        made.append(one)
    points = [
        measured({**study.READ, "of": of}, perplexity=value)
        for of, value in zip(study.BASELINES, (500.0, 200.0, 130.0), strict=True)
    ]
    return study.EXPERIMENT.evidence(made, points)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "supported"),
        ({"formed": 0.8}, "supported in part"),
        ({"failed": "nonfinite"}, "contradicted"),
    ],
)
def test_the_verdict_follows_from_records_and_points(folder, changes, verdict):
    found, *_ = study.decide(evidence(**changes))
    assert (found.claim, found.verdict) == ("12", verdict)
    assert [c.name for c in found.comparisons] == [*study.BASELINES, "rate of form"]
    assert study.curves(evidence()).lines[""].shape == (10, 4)


def test_what_is_shown_beside_the_table_is_of_the_runs_that_did_not_fail(folder):
    recorded = evidence().records
    recorded[0] = replace(recorded[0], failed=Failure("collapsed", 6))
    recorded[1].test["formed"] = 0.5
    head, row = task_metrics(recorded)
    assert head == ["test", "runs", "perplexity_characters", "formed", "copied"]
    assert row == ["lstm", "9", "200 (200 to 200)", "0.9 (0.5 to 0.95)", "0.001 (0.001 to 0.001)"]
    assert len(task_metrics([record()])) == 1


@pytest.fixture(scope="module")
def workdir(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "poems"
    given = "; ".join(f"{name}={value}" for name, value in SMALL.items())
    result = command("--study=poems", f"--set={given}", "--seeds=2", f"--workdir={path}")
    assert result.code == 0, result.err
    assert "perplexity_characters" in result.out and "copied" in result.out
    return path


@pytest.mark.slow
def test_a_kept_model_is_the_one_that_was_tested(workdir):
    """A model loaded from its folder has the recorded perplexity."""
    recorded = list(jsonl.read(workdir / "records.jsonl"))
    assert len(recorded) == 2
    for one in recorded:
        found = saved_models.load(workdir / "models" / one.id)
        sequences = found.config.task.prepared().sequences["test"]
        symbols_TB = np.array(sequences).T
        logits_TBV = np.asarray(jax.jit(found.model)(jnp.asarray(symbols_TB[:-1])), np.float64)
        p_TBV = np.exp(logits_TBV) / np.exp(logits_TBV).sum(axis=2, keepdims=True)
        p_TB = np.take_along_axis(p_TBV, symbols_TB[1:, :, None], axis=2)
        assert one.test["perplexity"] == pytest.approx(np.exp(-np.log(p_TB).mean()), rel=1e-4)
        assert {"formed", "copied"} <= one.test.keys()


@pytest.mark.slow
def test_a_poem_comes_from_the_folder_alone(workdir, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", "/nowhere")
    model = workdir / "models" / "lstm seed=1"
    result = command(f"--checkpoint={model}", f"--form={FORM}", program=poem_command)
    assert result.code == 0 and len(result.out.splitlines()) == FORMS[FORM][0]
    other = command(f"--checkpoint={workdir}", program=poem_command)
    assert other.code == 2 and "holds no checkpoint" in other.err
