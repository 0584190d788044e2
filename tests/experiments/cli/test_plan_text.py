"""The settings and the duration that --dry_run prints."""

import re

import pytest
from support.commands import RATE, STUDY, command

from experiments.cli import plan_text
from experiments.experiment import find
from seqjax.sweeps.executor import group_runs
from seqjax.sweeps.plan import plan_runs


def settings(*arguments) -> dict[str, str]:
    """The lines of settings that a command prints, by section or arm, without their wrapping."""
    out = command(*arguments, "--dry_run", "--workdir=none").out
    _, _, after = out.partition("\nsettings:\n")
    block, _, _ = after.partition("\ngroup 1: ")
    unwrapped = block.replace("\n    ", " ")
    return dict(re.fullmatch(r"  (.*?): (.*)", line).groups() for line in unwrapped.splitlines())


def test_every_field_with_an_effect_is_printed_with_what_it_differs_from():
    found = settings("--study=init_by_clip", f"--set=train.steps=7; {RATE}=0.5", "--arms=all")
    assert [*found] == ["task", "model", "init", "clip", "floor", "reg", "optim", "train"]
    assert "learning_rate=0.5 (study: swept)" in found["optim"]
    assert "steps=7 (study: 300)" in found["train"] and "batch_size=64," in found["train"]
    assert found["clip"] == "kind=norm (default: none)"  # the threshold is swept
    assert "weight_decay" not in found["optim"] and "embed" not in found["model"]  # no effect
    assert "bias.f" not in found["init"] and "bias.i=0" in found["init"]


@pytest.mark.slow
def test_fields_in_which_arms_differ_are_printed_by_arm():
    found = settings("--study=gate_bias", "--arms=b_i,gru")
    assert "cell=" not in found["model"]
    assert "model.cell=lstm" in found["b_i"] and "init.bias.f=0" in found["b_i"]
    assert "model.cell=gru" in found["gru"] and "init.bias.n_h=0" in found["gru"]
    assert "init.bias.i" not in found["b_i"]  # swept in this arm
    many = settings("--study=claim_10")
    assert "model.cell" in many["differs between arms"] and "adding: lstm" not in many


def test_the_plan_of_a_study_fits_on_a_screen():
    out = command("--study=gate_bias", "--dry_run", "--workdir=none").out
    assert out.count("\n") <= 30


def test_the_expected_duration_is_printed_and_falls_as_runs_are_recorded(finished):
    whole = command(*STUDY, "--dry_run", f"--workdir={finished / 'new'}").out
    assert re.search(r"^duration: about .* on 2 CPU cores \(estimate\)$", whole, flags=re.M)
    done = command(*STUDY, "--dry_run", f"--workdir={finished}").out
    assert "8 of 8 runs recorded" in done and "\nduration" not in done


def duration(study, platform="cpu", records=(), shard=(0, 1)) -> list[str]:
    groups = group_runs(plan_runs(study, range(2), records))
    environment = {"platform": platform, "devices": 2}
    return list(plan_text.duration(study, groups, shard, 2, environment, records))


def test_the_duration_on_a_gpu_is_unknown():
    (line,) = duration(find("init_by_clip").study, "gpu")
    assert "unknown" in line and "gpu" in line


def test_a_shard_takes_its_part_of_the_time(monkeypatch):
    said = []
    monkeypatch.setattr(plan_text.estimate, "duration_text", lambda s: said.append(s) or "")
    monkeypatch.setattr(plan_text.estimate, "COMPILATION", 0.0)
    study = find("claim_7").study  # tuned on separate seeds
    duration(study)
    duration(study, shard=(0, 4))
    assert said[1] == pytest.approx(said[0] / 4, rel=0.05)
