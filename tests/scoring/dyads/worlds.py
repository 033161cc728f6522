"""Pairs for the tests of this folder, drawn from stated truths."""

import numpy as np
import pandas as pd


def labels(n):
    """Names of n pairs."""
    return [f"p{number:05d}" for number in range(n)]


def draw_pairs(n, seed=1, r=0.4, width=None):
    """Scores of two partners with a correlation; rounded to a grid where a width is given."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=n)
    second = r * first + np.sqrt(1 - r * r) * rng.normal(size=n)
    table = pd.DataFrame({"mentor": 3.4 + 0.7 * first, "mentee": 3.1 + 0.8 * second}, index=labels(n))
    return table if width is None else (table / width).round() * width


def draw_model(n, seed=2, actor=(0.5, 0.4), partner=(0.2, 0.3)):
    """Predictors and outcomes of an actor-partner model: the four columns in the order of the model's arguments."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    x[:, 1] += 0.4 * x[:, 0]
    e = rng.normal(size=(n, 2))
    mentor = 1.0 + actor[0] * x[:, 0] + partner[0] * x[:, 1] + 0.6 * e[:, 0]
    mentee = 2.0 + actor[1] * x[:, 1] + partner[1] * x[:, 0] + 0.6 * (0.3 * e[:, 0] + e[:, 1])
    columns = (x[:, 0], x[:, 1], mentor, mentee)
    return [pd.Series(column, index=labels(n)) for column in columns]


def codes(result):
    """Codes of a result's notes."""
    return [note.code for note in result.notes]
