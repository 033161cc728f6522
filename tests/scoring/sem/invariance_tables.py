"""Samples of the simulated worlds as tables, and the engine's reports on them, drawn and computed once."""

from functools import cache

import numpy as np

from scoring.sem.invariance import group_invariance, wave_invariance
from tests.scoring.simulations.invariance import ITEMS, World

MODEL = {"f": ITEMS}


@cache
def table_of(world, seed=1):
    return world.table(np.random.default_rng(seed))


@cache
def report_of(world, seed=1, **options):
    """The report on one sample of a world; what is in the table is not looked at again."""
    table = table_of(world, seed)
    if world.sight == "groups":
        return group_invariance(table[list(ITEMS)], MODEL, table["place"], **options)
    return wave_invariance(table, MODEL, person="person", wave="place", **options)


def codes(report):
    return [note.code for note in report.notes]


def step_of(report, name):
    return next(step for step in report.steps if step.step == name)


def waves_of(n, **options):
    return World("waves", n, **options)
