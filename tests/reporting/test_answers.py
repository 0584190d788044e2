"""Answers name the best cell, and claim a difference only where its interval excludes 0."""

import dataclasses
import re

from support.made_up import record
from support.made_up_tables import BIAS, CLIP, RATE, table_of

from seqjax.reporting.answers import answer, verdicts_answer
from seqjax.stats.decisions import Verdict


def runs(means, noise=0.01, seeds=4, **changes):
    """Records of one arm for each mean; seeds differ by ``noise``, the same way in all arms."""
    return [
        record(arm=arm, seed=seed, test=mean + noise * (-1) ** seed * (1 + seed), **changes)
        for arm, mean in means.items()
        for seed in range(seeds)
    ]


def sentence(records, **options):
    return answer(table_of(records, tune=None, **options)).sentence


def test_a_difference_outside_its_interval_is_claimed_with_its_size():
    text = sentence(runs({"gru": 0.8, "lstm": 0.6, "elman": 0.4}))
    assert "highest mean test accuracy" in text and "with gru" in text
    assert "other 2 cells are lower" in text and "lstm by 0.200" in text


def test_no_difference_is_claimed_inside_the_intervals():
    records = runs({"gru": 0.5}) + runs({"lstm": 0.49}, noise=-0.01)
    text = sentence(records)
    assert "no difference" in text and "lower" not in text


def test_some_are_lower_but_not_the_runner_up():
    records = runs({"gru": 0.5, "elman": 0.2}) + runs({"lstm": 0.49}, noise=-0.01)
    lower = r"1 of the other 2 cells are lower .* but not the runner-up \(lstm by"
    assert re.search(lower, sentence(records))


def test_the_level_is_shared_by_all_comparisons():
    pair = runs({"gru": 0.7}, noise=0.004) + runs({"lstm": 0.6}, noise=-0.004)
    assert "lower" in sentence(pair)
    many = pair + runs({f"z{k}": 0.6 for k in range(40)}, noise=-0.004)
    assert "lower" not in sentence(many)
    assert "1 − .05/41" in answer(table_of(many, tune=None)).basis[0]


def test_one_seed_has_no_intervals_and_one_cell_nothing_to_compare():
    assert "no intervals" in sentence(runs({"gru": 0.8, "lstm": 0.6}, seeds=1))
    found = answer(table_of(runs({"gru": 0.8}), tune=None))
    assert "nothing to compare" in found.sentence and found.basis == ()


def test_failed_runs_and_runs_at_chance_give_no_answer():
    assert "all runs in the table failed" in sentence(runs({"gru": 0.8}, failed="collapsed"))
    assert "better than chance" in sentence(runs({"gru": 0.05, "lstm": 0.04}, noise=0.001))


def test_cells_of_different_tasks_are_never_compared():
    lengths = [
        record({"task.length": length, BIAS: bias}, seed=seed, test=loss + 1e-4 * seed,
               settings={"task.name": "adding"})
        for length, base in ((10, 0.01), (50, 0.1))
        for bias, loss in ((0.0, base), (1.0, base + 0.05))
        for seed in range(3)
    ]  # fmt: skip
    text = sentence(lengths)
    assert text.count("lowest test mse") == 2
    assert "task.length 10: " in text and "task.length 50: " in text
    assert text.count("ahead of 1 of 1 others") == 2


def test_of_many_tasks_the_winners_are_counted():
    records = [
        record({"task.length": length, BIAS: bias}, seed=seed, test=loss + 1e-4 * seed,
               settings={"task.name": "adding"})
        for length in (10, 20, 30, 40)
        for bias, loss in ((0.0, 0.01), (1.0, 0.06 if length < 40 else 0.0101))
        for seed in range(3)
    ]  # fmt: skip
    text = sentence(records)
    assert "The lowest mean, by task or metric: init.bias.f 0 on 4 of 4" in text
    assert "on 4 it is ahead" in text
    noisy = [record(dict(r.point), seed=r.seed, test=r.test["mse"] + 0.02 * r.seed * r.point[BIAS],
                    settings={"task.name": "adding"}) for r in records]  # fmt: skip
    assert "on none is it ahead" in sentence(noisy)


def test_the_selected_value_and_missing_runs_are_named():
    records = [
        record({CLIP: clip, RATE: rate}, seed=seed, test=0.5 + rate * clip + 1e-3 * seed)
        for clip in (0.5, 1.0) for rate in (0.1, 0.3) for seed in range(3)
    ]  # fmt: skip
    table = table_of(records, titles={CLIP: "clip norm"})
    assert "clip norm 1 (at optim.learning_rate 0.3)" in answer(table).sentence
    partial = dataclasses.replace(table, incomplete="6 of 8 runs")
    assert answer(partial).sentence.startswith("So far, with 6 of 8 runs: ")


def test_verdicts_are_named_with_their_reasons_the_exploratory_ones_only_if_alone():
    one = Verdict("7a", "An LSTM can.", "supported", "0.12 [0.05, 0.2]", (), 8, fragile=True)
    other = dataclasses.replace(one, claim="7b", verdict="undecided", fragile=False)
    exploratory = dataclasses.replace(one, exploratory=True)
    alone = verdicts_answer([one, exploratory])
    assert alone.sentence == "Supported (fragile): An LSTM can."
    assert alone.basis == ("Reason: 0.12 [0.05, 0.2].",)
    both = verdicts_answer([one, other])
    assert "7a is supported (fragile); claim 7b is undecided" in both.sentence
    assert len(both.basis) == 2
    assert verdicts_answer([exploratory]).sentence.startswith("Exploratory: ")
