"""chrF by its equations."""

import collections

import numpy as np


def counted(said, meant):
    """By the equations, with a counter for every length."""
    precisions, recalls = [], []
    for n in range(1, 7):
        grams = [[text[k : k + n] for k in range(len(text) - n + 1)] for text in (said, meant)]
        if all(grams):
            shared = (collections.Counter(grams[0]) & collections.Counter(grams[1])).total()
            precisions.append(shared / len(grams[0]))
            recalls.append(shared / len(grams[1]))
    if not sum(precisions):
        return 0.0
    p, r = np.mean(precisions), np.mean(recalls)
    return 5 * p * r / (4 * p + r)
