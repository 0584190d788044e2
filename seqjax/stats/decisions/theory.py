"""Claims 1 to 3: information in a state, and gradients under repeated products."""

from collections.abc import Mapping, Sequence

import numpy as np

from seqjax.stats import intervals
from seqjax.stats.decisions.analysis import (
    Analysis,
    bonferroni_level,
    claim_rule,
    describe,
    make_verdict,
)
from seqjax.stats.decisions.base import (
    DESCRIPTIVE,
    Comparison,
    EvidenceError,
    Verdict,
    above,
    at_least,
    below,
    lookup,
)

FEED_FORWARD = ("feedforward", "feedforward_equal")
ELMAN = ("elman_logistic", "elman_tanh")
DEPTHS = (10, 30, 50)
FAMILIES = ("gaussian linear", "gaussian tanh", "orthogonal linear", "orthogonal tanh")


@claim_rule
def claim_1(
    analysis: Analysis,
    accuracies: Mapping[tuple[str, str], np.ndarray],
    jacobians: Mapping[str, float],
    chance: float,
) -> list[Verdict]:
    """Recall at lag 1 by two feed-forward networks and two Elman networks, under every readout.

    S: feed-forward upper < chance + .01, ∂ŷ_t/∂x_s = 0 for s ≠ t in the feed-forward networks, and
    lower > .9 for both Elman networks. P: the same with lower > .9 for one Elman network. C: lower
    > chance + .02 for a feed-forward network.

    Args:
      accuracies: (n,) by (readout, arm) for ``FEED_FORWARD`` and ``ELMAN``, failed runs at chance.
        Other arms, such as a feed-forward network with a window, are listed.
      jacobians: max |∂ŷ_t/∂x_s| over s ≠ t by arm of ``FEED_FORWARD``.
      chance: accuracy at chance.

    Raises:
      EvidenceError: an arm or a Jacobian is missing.
    """
    readouts = dict.fromkeys(readout for readout, _ in accuracies)
    if not readouts:
        raise EvidenceError("evidence: expected accuracies by (readout, arm), got none")
    m = len(readouts) * len((*FEED_FORWARD, *ELMAN))
    blind_nets, elman_nets = (
        {
            (arm, readout): analysis.mean(f"{arm}, {readout}", lookup(accuracies, readout, arm), m)
            for readout in readouts
            for arm in arms
        }
        for arms in (FEED_FORWARD, ELMAN)
    )
    additional = [
        analysis.mean(f"{arm}, {readout}", x, m)
        for (readout, arm), x in accuracies.items()
        if arm not in (*FEED_FORWARD, *ELMAN)
    ]
    largest = max(abs(lookup(jacobians, arm)) for arm in FEED_FORWARD)
    at_chance, above_chance = analysis.margins.at_chance, analysis.margins.above_chance
    best_blind = max(c.upper for c in blind_nets.values())
    blind = largest == 0 and below(best_blind, chance + at_chance)
    least = {arm: min(elman_nets[arm, readout].lower for readout in readouts) for arm in ELMAN}
    carrying = sum(above(lower, 0.9) for lower in least.values())
    return [
        make_verdict(
            "1",
            "An RNN's state carries earlier inputs forward; a feed-forward network's output "
            "depends on the current input alone.",
            [*blind_nets.values(), *elman_nets.values()],
            f"accuracies under {' and '.join(readouts)}: feed-forward at most {best_blind:.3f} "
            f"(chance {chance:.3f}), {', '.join(f'{a} at least {x:.3f}' for a, x in least.items())}"
            f", by their intervals; max |∂ŷ_t/∂x_s| of the feed-forward nets {largest:.3g}",
            additional=additional,
            supported=blind and carrying == 2,
            in_part=blind and carrying == 1,
            contradicted=any(above(c.lower, chance + above_chance) for c in blind_nets.values()),
        )
    ]


@claim_rule
def claim_2(
    analysis: Analysis,
    slopes: Mapping[tuple[str, float, bool], np.ndarray],
    probes: Mapping[tuple[str, float, bool], np.ndarray],
) -> list[Verdict]:
    """Elman tanh and logistic, six gains, with and without input.

    (a) At least 80 % of all conditions have an interval of the slope outside ±.02. (b) The probe's
    upper limit is < .1 in every condition with a gain <= 1. S: (a) and (b). P: (a) or (b). C: less
    than 50 % in (a), and the probe's lower limit is > .5 in every condition with a gain <= 1.

    Args:
      slopes: (draws,) slopes of log10‖∂L_T/∂h_t‖ per step, by (cell, gain, input?).
      probes: (draws,) scores of a linear probe of x_1 from h_50, by (cell, gain, input?); gains
        <= 1 decide.

    Raises:
      EvidenceError: no slopes, or no probes at gains <= 1.
    """
    early = {key: scores for key, scores in probes.items() if key[1] <= 1}
    if not slopes or not early:
        raise EvidenceError(
            "evidence: expected slopes, and probes at gains <= 1; one of them is empty"
        )
    m = len(slopes) + len(early)
    steep = [analysis.mean(f"slope of {_place(k)}", x, m) for k, x in slopes.items()]
    read = [analysis.mean(f"probe in {_place(k)}", x, m) for k, x in early.items()]
    margin = analysis.margins.slope
    outside = sum(above(c.lower, margin) or below(c.upper, -margin) for c in steep) / len(steep)
    changing, overwritten = at_least(outside, 0.8), all(below(c.upper, 0.1) for c in read)
    lowest, highest = min(c.lower for c in read), max(c.upper for c in read)
    return [
        make_verdict(
            "2",
            "After many steps early inputs have been overwritten, and gradients vanish or explode.",
            [*steep, *read],
            f"(a) {'holds' if changing else 'fails'}: {outside:.0%} of {len(steep)} cells have "
            f"slopes outside ±{margin:g}; (b) {'holds' if overwritten else 'fails'}: the probe's "
            f"intervals at gains up to 1 lie from {lowest:.3f} to {highest:.3f}",
            supported=changing and overwritten,
            in_part=changing != overwritten,
            contradicted=below(outside, 0.5) and all(above(c.lower, 0.5) for c in read),
        )
    ]


def _place(key: tuple[str, float, bool]) -> str:
    cell, gain, driven = key
    return f"{cell}, gain {gain:g}, {'with' if driven else 'no'} input"


@claim_rule
def claim_2b(
    analysis: Analysis, depths: Sequence[int], pieces: Mapping[str, np.ndarray]
) -> list[Verdict]:
    """Growth of the number of monotone pieces with depth; descriptive.

    Growth is the least-squares slope of log2(pieces) against depth: 1 doubles them at each step.

    Args:
      depths: (K,) depths k.
      pieces: (K, draws) numbers of monotone pieces of w·h_k, by "shared" and "independent".
    """
    k_K = np.asarray(depths, np.float64) - np.mean(depths)
    growth = {
        kind: analysis.mean(
            f"doublings a step, {kind}",
            k_K @ np.log2(np.asarray(lookup(pieces, kind), np.float64)) / (k_K @ k_K),
            m=2,
        )
        for kind in ("shared", "independent")
    }
    ends = ", ".join(
        f"{kind} {np.mean(pieces[kind][0]):.1f} pieces at {depths[0]} and "
        f"{np.mean(pieces[kind][-1]):.1f} at {depths[-1]}"
        for kind in growth
    )
    statement = "Composing the same function many times gives extremely non-linear behaviour."
    comparisons = tuple(growth.values())
    n = min(c.n for c in comparisons)
    return [
        Verdict("2b", statement, DESCRIPTIVE, f"{ends}; {describe(comparisons)}", comparisons, n)
    ]


@claim_rule
def claim_3(
    analysis: Analysis,
    counts: Mapping[tuple[str, bool, int], np.ndarray],
    draws: int,
    spread: Mapping[tuple[str, bool], np.ndarray] | None = None,
) -> list[Verdict]:
    """Share F(k) of draws with a gradient norm in [.1, 10], at the best scale.

    S: F_independent(50) >= .95 and F_shared(50) <= .5 in all four families. P: lower > .05 for the
    difference F_independent - F_shared in at least one family. C: the interval of the difference
    lies inside ±.05 in all families. Intervals are Newcombe's, which assume that the draws of both
    kinds are independent. In the rule about medians the exact limits of the shares must pass the
    thresholds of S.

    Args:
      counts: (scales,) numbers of draws inside the window, by (family, shared?, k).
      draws: number of draws at each scale.
      spread: (3,) standard deviations over draws of the log10 norm at ``DEPTHS``, at the scale of
        the largest share, by (family, shared?); listed only.

    Raises:
      EvidenceError: counts of a family are missing.
    """
    m = len(FAMILIES)
    differences, good = [], []
    for family in FAMILIES:
        independent, shared = (
            int(np.max(lookup(counts, family, s, DEPTHS[-1]))) for s in (False, True)
        )
        mean, lower, upper = intervals.difference_of_proportions(
            independent, draws, shared, draws, bonferroni_level(m)
        )
        name = f"independent − shared, {family}"
        differences.append(Comparison(name, mean, lower, upper, draws, np.nan, mean - lower, ()))
        least, most = independent / draws, shared / draws
        if analysis.medians:
            least = intervals.proportion_interval(independent, draws, bonferroni_level(2 * m))[0]
            most = intervals.proportion_interval(shared, draws, bonferroni_level(2 * m))[1]
        good.append(at_least(least, 0.95) and at_least(0.5, most))
    margin = analysis.margins.share
    parts = [_family(family, counts, draws, spread or {}) for family in FAMILIES]
    return [
        make_verdict(
            "3",
            "The cause is the repeated product of the same matrix; a feed-forward network with "
            "different matrices of well designed scales avoids it.",
            differences,
            f"thresholds hold in {sum(good)} of {m} families; F independent/shared at depth "
            f"{DEPTHS[-1]}, with SD of the log10 norm and its growth a step: {'; '.join(parts)}",
            supported=all(good),
            in_part=any(above(c.lower, margin) for c in differences),
            contradicted=all(
                below(c.upper, margin) and above(c.lower, -margin) for c in differences
            ),
        )
    ]


def _family(
    family: str,
    counts: Mapping[tuple[str, bool, int], np.ndarray],
    draws: int,
    spread: Mapping[tuple[str, bool], np.ndarray],
) -> str:
    """F at the last depth, and the spread there if given, as independent/shared."""
    shares = [np.max(counts[family, s, DEPTHS[-1]]) / draws for s in (False, True)]
    text = f"{family} {shares[0]:.2f}/{shares[1]:.2f}"
    if (family, True) not in spread or (family, False) not in spread:
        return text
    independent, shared = spread[family, False], spread[family, True]
    steps = DEPTHS[-1] - DEPTHS[0]
    a, b = ((sd[-1] - sd[0]) / steps for sd in (independent, shared))
    return f"{text} (SD {independent[-1]:.2f}/{shared[-1]:.2f}, {a:+.3f}/{b:+.3f})"
