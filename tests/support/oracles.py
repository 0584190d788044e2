"""The equations of every cell as a plain NumPy loop, written from the literature.

Nothing here knows seqjax. A step works on the vectors of one example, ``step(p, x, *carry) ->
carry``, whose first entry is the output; ``p`` holds the matrices ``W`` (D, H) and ``U`` (H, H)
and the rows ``b`` (H,) by gate name, and what else a cell has under its field name.
"""

from functools import partial

import numpy as np


def unroll(step, p, x_TBD, carry, lengths_B=None, reset_TB=None, reverse=False):
    """``(outputs_TBH, carry)``: one example after the other, one step after the other."""
    T, B, _ = x_TBD.shape
    outputs_TBH = np.zeros((T, *carry[0].shape))
    last = [np.array(leaf) for leaf in carry]
    for b in range(B):
        start = state = tuple(leaf[b] for leaf in carry)
        steps = range(T if lengths_B is None else lengths_B[b])
        for t in reversed(steps) if reverse else steps:
            first = reset_TB is not None and reset_TB[t, b]
            state = step(p, x_TBD[t, b], *(start if first and not reverse else state))
            outputs_TBH[t, b] = state[0]
            if first and reverse:
                state = start
        for leaf, value in zip(last, state, strict=True):
            leaf[b] = value
    return outputs_TBH, tuple(last)


def finite_differences(f, arrays, step=1e-6):
    """The gradient of the number ``f()`` in every entry of ``arrays``, which ``f`` must read."""
    gradients = [np.empty_like(array) for array in arrays]
    for array, gradient in zip(arrays, gradients, strict=True):
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            above = f()
            array[index] = kept - step
            gradient[index] = (above - f()) / (2 * step)
            array[index] = kept
    return gradients


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.maximum(z, 0)


def affine(p, k, x, h):
    return x @ p["W"][k] + h @ p["U"][k] + p["b"][k]


def gate(p, k, x, h):
    return sigmoid(affine(p, k, x, h))


def elman(p, x, h, *, phi):
    return (phi(affine(p, "h", x, h)),)


def feedforward(p, x, h):
    return (np.tanh(x @ p["W"]["h"] + p["b"]["h"]),)


def indrnn(p, x, h):
    """Li et al. 2018, equation 4."""
    return (relu(x @ p["W"]["h"] + p["p_PH"]["h"] * h + p["b"]["h"]),)


def lstm(p, x, h, c, *, removed="", coupled=False, peepholes=False, g_tanh=True, c_tanh=True):
    """Greff et al. 2017, section 2 and appendix A; the gates in ``removed`` are held at 1."""

    def gate(k, c):
        if k in removed:
            return np.ones_like(c)
        return sigmoid(affine(p, k, x, h) + (p["p_PH"][k] * c if peepholes else 0))

    f = gate("f", c)
    i = 1 - f if coupled else gate("i", c)
    g = affine(p, "g", x, h)
    c = i * (np.tanh(g) if g_tanh else g) + f * c
    return gate("o", c) * (np.tanh(c) if c_tanh else c), c


def nudged_lstm(p, x_TD, carry, t_nudged, nudge, peepholes):
    """An LSTM loop: outputs and c, with ``nudge`` added to c where it is computed in one step."""
    h, c = carry
    outputs, memories = [], []
    for t, x in enumerate(x_TD):

        def gate(k, c, x=x, h=h):
            return sigmoid(affine(p, k, x, h) + (p["p_PH"][k] * c if peepholes else 0))

        c = gate("f", c) * c + gate("i", c) * np.tanh(affine(p, "g", x, h))
        c = c + nudge if t == t_nudged else c
        h = gate("o", c) * np.tanh(c)
        outputs.append(h)
        memories.append(c)
    return np.stack(outputs), np.stack(memories)


def lstm_fgr(p, x, h, c, i, f, o):
    """Greff et al. 2017: every gate also sees the three gates of the step before."""

    def seen(k):
        gates = sum(gate @ p["r_HQH"][f"{k}_{q}"] for q, gate in (("i", i), ("f", f), ("o", o)))
        return affine(p, k, x, h) + gates

    peephole = p["p_PH"]
    new_i = sigmoid(seen("i") + peephole["i"] * c)
    new_f = sigmoid(seen("f") + peephole["f"] * c)
    c = new_i * np.tanh(affine(p, "g", x, h)) + new_f * c
    new_o = sigmoid(seen("o") + peephole["o"] * c)
    return new_o * np.tanh(c), c, new_i, new_f, new_o


def lstm_layernorm(p, x, h, c):
    """Ba et al. 2016, equations 20 to 22, each gate normalised on its own."""

    def norm(a):
        return (a - np.mean(a)) / np.sqrt(np.var(a) + 1e-5)

    def seen(k):
        from_input = p["input_gain_GH"][k] * norm(x @ p["W"][k])
        return from_input + p["state_gain_GH"][k] * norm(h @ p["U"][k]) + p["b"][k]

    c = sigmoid(seen("f")) * c + sigmoid(seen("i")) * np.tanh(seen("g"))
    shown = p["cell_gain_GH"]["c"] * norm(c) + p["cell_shift_GH"]["c"]
    return sigmoid(seen("o")) * np.tanh(shown), c


def lstm_decay(p, x, h, c):
    """Gers, Schmidhuber and Cummins 2000: a cell state that decays by .9 in every step."""
    c = 0.9 * c + gate(p, "i", x, h) * np.tanh(affine(p, "g", x, h))
    return gate(p, "o", x, h) * np.tanh(c), c


def lstm_tanh_output(p, x, h, c):
    """Jozefowicz et al. 2015, section 2.2, as printed: o = tanh(...)."""
    c = c * gate(p, "f", x, h) + gate(p, "i", x, h) * np.tanh(affine(p, "g", x, h))
    return np.tanh(c) * np.tanh(affine(p, "o", x, h)), c


def lstm_refine(p, x, h, c):
    """Gu et al. 2020: between f² and 1 - (1 - f)², by the refine gate."""
    f, r = gate(p, "f", x, h), gate(p, "r", x, h)
    effective = r * (1 - (1 - f) ** 2) + (1 - r) * f**2
    c = effective * c + (1 - effective) * np.tanh(affine(p, "g", x, h))
    return gate(p, "o", x, h) * np.tanh(c), c


def janet(p, x, h):
    """Van der Westhuizen and Lasenby 2018, section 3: β = 1 is taken off the new value's gate."""
    s = affine(p, "f", x, h)
    return (sigmoid(s) * h + (1 - sigmoid(s - 1)) * np.tanh(affine(p, "g", x, h)),)


def gru(p, x, h):
    """The GRU of cuDNN and torch: the reset gate multiplies the finished product, bias and all."""
    r, z = sigmoid(affine(p, "r", x, h)), sigmoid(affine(p, "z", x, h))
    from_state = h @ p["U"]["n_h"] + p["b"]["n_h"]
    n = np.tanh(x @ p["W"]["n"] + p["b"]["n"] + r * from_state)
    return (n + z * (h - n),)


def gru_reset_before(p, x, h):
    """Cho et al. 2014, version 3, equations 5 to 8."""
    r, z = sigmoid(affine(p, "r", x, h)), sigmoid(affine(p, "z", x, h))
    n = np.tanh(affine(p, "n", x, r * h))
    return (z * h + (1 - z) * n,)


def mut1(p, x, h):
    """MUT1 to MUT3: Jozefowicz et al. 2015, section 3.5."""
    z = sigmoid(x @ p["W"]["z"] + p["b"]["z"])
    r = sigmoid(affine(p, "r", x, h))
    return (z * np.tanh((r * h) @ p["U"]["n"] + np.tanh(x) + p["b"]["n"]) + (1 - z) * h,)


def mut2(p, x, h):
    z = sigmoid(affine(p, "z", x, h))
    r = sigmoid(x + h @ p["U"]["r"] + p["b"]["r"])
    return (z * np.tanh(affine(p, "n", x, r * h)) + (1 - z) * h,)


def mut3(p, x, h):
    z = sigmoid(affine(p, "z", x, np.tanh(h)))
    r = sigmoid(affine(p, "r", x, h))
    return (z * np.tanh(affine(p, "n", x, r * h)) + (1 - z) * h,)


VARIANTS = {
    "": {},
    "_nig": {"removed": "i"},
    "_nfg": {"removed": "f"},
    "_nog": {"removed": "o"},
    "_niaf": {"g_tanh": False},
    "_noaf": {"c_tanh": False},
    "_cifg": {"coupled": True},
}
STEPS = {
    "elman": partial(elman, phi=np.tanh),
    "elman_sigmoid": partial(elman, phi=sigmoid),
    "elman_relu": partial(elman, phi=relu),
    "feedforward": feedforward,
    "indrnn": indrnn,
    **{f"lstm{name}": partial(lstm, **options) for name, options in VARIANTS.items()},
    **{
        f"lstm_peephole{name}": partial(lstm, peepholes=True, **options)
        for name, options in VARIANTS.items()
    },
    "lstm_ungated": partial(lstm, removed="ifo"),
    "lstm_fgr": lstm_fgr,
    "lstm_layernorm": lstm_layernorm,
    "lstm_decay": lstm_decay,
    "lstm_refine": lstm_refine,
    "lstm_tanh_output": lstm_tanh_output,
    "janet": janet,
    "gru": gru,
    "gru_reset_before": gru_reset_before,
    "mut1": mut1,
    "mut2": mut2,
    "mut3": mut3,
}
