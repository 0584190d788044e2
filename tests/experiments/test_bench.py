"""The benchmark: contenders compute the same, and its tables follow from its JSON."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.experimental import rnn
from support.commands import ROOT, finish, start

from experiments.bench import ours, race, report
from experiments.bench.peers import cudnn, linen, nnx
from experiments.bench.problem import GATES, SIZES, Size, draw
from experiments.bench.suites import races

SMALL = Size(4, 6, 3, 8)
JOB = {"size": SMALL, "cell": "lstm", "precision": "float32"}
RESULTS = [
    path
    for path in sorted((ROOT / "experiments/results/bench").glob("*.json"))
    if path.stem.partition("_")[2] not in ("errors", "repeats")
]


def job(module=ours, cell="lstm", **options):
    options = {"suite": "layer", "cell": cell, "precision": "float32"} | options
    return module.make(size=list(SMALL), **options)


@pytest.fixture
def precision():
    """Restores the matrix precision, which jobs set for their process."""
    before = jax.config.jax_default_matmul_precision
    yield
    jax.config.update("jax_default_matmul_precision", before)


def plain_lstm(arrays):
    """Outputs by a loop in float64."""
    x_TBD, _, w, u, b = (a.astype(np.float64) for a in arrays)
    h = c = np.zeros((x_TBD.shape[1], u.shape[0]))
    outputs = []
    for x in x_TBD:
        i, f, g, o = (x @ w[:, k] + h @ u[:, k] + b[k] for k in range(4))
        i, f, o = (1 / (1 + np.exp(-v)) for v in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs)


def test_a_layer_computes_the_equation(precision):
    np.testing.assert_allclose(job().values["outputs"], plain_lstm(draw(SMALL)), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("peer", [linen, nnx])
def test_a_peer_computes_the_same_before_and_after_an_update(precision, peer):
    own, other = job().values, job(peer).values
    assert own.keys() == other.keys() == {"outputs", "updated"}
    for name in own:
        np.testing.assert_allclose(own[name], other[name], atol=1e-5)
    assert np.abs(own["outputs"] - own["updated"]).max() > 1e-3


def test_the_batch_over_devices_computes_the_same(precision):
    one, two = job().values, job(devices=True).values
    for name in one:
        np.testing.assert_allclose(one[name], two[name], atol=1e-5)


def test_weights_are_packed_for_cudnn_as_its_reference_takes_them_apart():
    def reference(x, h, c, weights, lengths, D, H, *rest):
        parts = rnn.unpack_lstm_weights(weights, D, H, 1, False)
        return rnn.lstm_ref(x, h, c, *parts, lengths, D, H, *rest)

    arrays = draw(SMALL)
    results = cudnn.apply(cudnn.packed(arrays), arrays.x_TBD.swapaxes(0, 1), SMALL.H, reference)
    np.testing.assert_allclose(results.swapaxes(0, 1), plain_lstm(arrays), atol=1e-6)


@pytest.mark.exhaustive
def test_contenders_with_flags_or_alone_have_a_process_of_their_own():
    job = {"suite": "layer"} | JOB
    plain = race.Contender("plain", "experiments.bench.ours", job)
    alone = plain._replace(name="alone", alone=True)
    flagged = plain._replace(name="flagged", flags="--xla_cpu_enable_fast_math=false")
    again = plain._replace(name="again")
    with race.Fleet({min(os.sched_getaffinity(0))}, True) as fleet:
        (found,) = fleet.race([plain, alone, flagged, again], 1)
        assert len(fleet.children) == 3
    assert all(len(result["seconds"]) == 1 for result in found.values())


def test_suites_of_an_accelerator_are_raced_on_the_cores_asked_for():
    for suite in ("layer", "scan", "together"):
        found = list(races(suite, SIZES, "tf32", ("all",)))
        assert found and {race.cores for race in found} == {"all"}
    (together,) = found
    runs = [contender.job["runs"] for contender in together.contenders]
    assert len({contender.name for contender in together.contenders}) == len(runs)


@pytest.mark.slow
def test_runs_together_are_reported_by_the_step_of_a_run(precision):
    job = ours.make("together", size=[2, 6, 2, 4], runs=3, steps=2, precision="float32")
    assert job.facts["run_steps"] == 3 * 2 * 6 and job.facts["bytes"] > 0
    contenders = {"3 together": {"seconds": [0.036], "facts": job.facts}}
    where = {"suite": "together", "what": "training", "size": "B=2", "cores": "all", "flop": 0}
    rows = "\n".join(report.tables({"races": [{**where, "contenders": contenders}]}))
    assert "| B=2 | 3 together | 36.00 | 1000.000 |" in rows and "Targets" not in rows


def test_a_contender_that_computes_something_else_ends_the_race():
    with pytest.raises(race.BenchError, match=r"torch: updated differ by 0\.\d+"):
        race._compare("torch", {"updated": np.float32([1.1])}, {"updated": np.float32([1])}, 1e-4)
    with pytest.raises(race.BenchError, match="outputs"):
        race._compare("torch", {"outputs": np.float32([np.nan])}, {"outputs": np.float32([1])}, 1)


def test_every_size_is_raced_forward_and_training_on_one_core_and_on_all():
    results = {(r.what, r.size, r.cores): r for r in races("layer", SIZES, "float32")}
    for size in SIZES:
        for cores in ("one", "all"):
            assert results["training", size, cores].forward
    assert {"gru training", "elman training", "variants", "ceiling"} <= {
        what for what, *_ in results
    }
    assert GATES.keys() == {"lstm", "gru", "elman"}


@pytest.mark.exhaustive
@pytest.mark.subprocess
def test_the_command_races_installed_peers_and_lists_the_others(tmp_path):
    arguments = ("--suites=long", "--sizes=2x6x2x4", "--rounds=3", f"--out={tmp_path}")
    done = finish(start(*arguments, program="bench"))
    assert done.code == 0, done.err
    data = json.loads((tmp_path / "bench.json").read_text())
    (result,) = data["races"]
    plain, remat = (result["contenders"][name] for name in ("plain", "remat"))
    assert len(plain["seconds"]) == len(remat["seconds"]) == 3
    assert min(plain["seconds"]) > 0
    assert remat["worst_difference"] < 1e-5
    assert data["environment"]["jax"] == jax.__version__
    assert (tmp_path / "bench.md").read_text() == "\n".join(report.tables(data)) + "\n"
    assert "| remat, time of plain | T=6 |" in done.out


@pytest.mark.exhaustive
@pytest.mark.subprocess
def test_the_forward_pass_is_timed_alone():
    contender = race.Contender("seqjax", "experiments.bench.ours", {"suite": "layer"} | JOB)
    with race.Fleet({min(os.sched_getaffinity(0))}, True) as fleet:
        training, forward = fleet.race([contender], 2, forward=True)
    training, forward = training["seqjax"], forward["seqjax"]
    assert len(training["seconds"]) == len(forward["seconds"]) == 2
    assert 0 < min(forward["seconds"]) < max(training["seconds"])


@pytest.mark.subprocess
def test_an_absent_peer_has_a_reason():
    with race.Fleet({min(os.sched_getaffinity(0))}, True) as fleet:
        contender = race.Contender("cudnn", "experiments.bench.peers.cudnn", {"suite": "layer"})
        results = fleet.race([contender._replace(job=contender.job | JOB)], 1)
    assert results == [{"cudnn": {"absent": "no NVIDIA GPU"}}]


@pytest.mark.subprocess
@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--sizes=S9", "S1,S2,S3,S4"),
        ("--sizes=1x2x3", "BxTxDxH"),
        ("--suites=layers", "layer, sweep, scaling, long"),
        ("--rounds=0", ">= 1"),
        ("--precision=bf16", "float32"),
    ],
)
def test_a_mistake_is_one_line(argument, words):
    done = finish(start(argument, program="bench"))
    assert done.code == 2
    assert words in done.err.splitlines()[-1] and "Traceback" not in done.err


@pytest.mark.exhaustive
@pytest.mark.subprocess
def test_suites_of_layers_import_jax_and_numpy_alone():
    code = (
        "import sys, experiments.bench.__main__, experiments.bench.ours as ours\n"
        "ours.make('layer', size=[2, 3, 2, 4], cell='lstm', precision='float32')\n"
        "print(sorted({'flax', 'optax', 'orbax', 'absl', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def made_up(seconds, *, what="training", size="S3", flop=0):
    contenders = {
        name: {"seconds": times, "facts": {"temporary_bytes": 2**20}}
        for name, times in seconds.items()
    }
    where = {"suite": "layer", "what": what, "size": size, "cores": "one", "flop": flop}
    return {**where, "contenders": contenders}


def test_ratios_are_taken_pair_by_pair_and_misses_are_marked():
    times = {"seqjax": [1.0, 2.0, 4.0], "torch": [1.2, 2.4, 4.4], "haiku": [1.5, 3.2, 5.6]}
    race = made_up(times, flop=10)
    top = made_up({"seqjax": [1.0], "torch": [2.0]}, what="ceiling", flop=20)
    results = list(report.targets({"races": [top, race]}))
    by_what = {target.what.split(", ")[-1]: target for target in results}
    torch = by_what["seqjax against torch"]
    assert (torch.measured, torch.met) == ("1.20", True)
    peer = by_what["seqjax against the best JAX peer"]
    assert (peer.measured, peer.met) == ("1.50 (haiku)", True)
    part = by_what["fraction of the product ceiling"]
    assert (part.measured, part.met) == ("0.25", False)
    rows = "\n".join(report.tables({"races": [top, race]}))
    assert "| one core, seqjax against torch | ≥ 1.15 | 1.20 |" in rows
    assert "| one core, fraction of the product ceiling | ≥ 0.65 | **0.25** |" in rows


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_the_committed_tables_follow_from_their_json(path):
    data = json.loads(path.read_text())
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert text == "\n".join(report.tables(data)) + "\n"
    if data["environment"].get("device", "cpu") == "cpu":
        targets = text.partition("## Targets\n\n")[2]
        guide = ROOT / "experiments/results/bench/README.md"
        assert targets in guide.read_text(encoding="utf-8")


@pytest.mark.subprocess
def test_the_example_of_the_guide_shards_a_batch():
    text = (ROOT / "experiments/results/bench/README.md").read_text(encoding="utf-8")
    example = text.partition("```python\n")[2].partition("```")[0]
    done = subprocess.run([sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "(16, 4, 16)\n", done.stderr
