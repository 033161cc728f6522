"""Targets E1 and E2 of the measurement plan (6.3): the words that reports give to simulated programmes, with what must fail.

Answers go in raw and the report's own words are read. For thousands of programmes only the steps that lead to the words of the primary
family are made; a test shows that the whole report says the same.
"""

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pandas as pd
from scipy.stats import norm

from scoring.change_report import ChangeReport, change_report, render_text
from scoring.change_report.cohorts import compare_data
from scoring.change_report.data import ChangeData, prepare_changes
from scoring.change_report.families import judge_report
from scoring.change_report.scales import ScaleChangeSection, analyse_scale
from scoring.parallel_work import Seed, map_seeds, spawn_seeds
from scoring.reliable_change import label_changes, reliable_change
from scoring.retest import Reliability
from tests.scoring.simulations.programmes import (
    PRIMARY,
    PRIMARY_SCALES,
    ROLES,
    SCALES,
    World,
    draw_programme,
)

WEEKS = 12
CLAIMS = tuple((name, role) for name in PRIMARY for role in ROLES)
WORDS = ("moved", "not shown", "equivalent", "too few")
# Parts of a scale's section that take time and say nothing about its words; they may live in any file of the report.
_BESIDE = {
    "compare_partners": None,
    "pair_change": None,
    "state_power": None,
    "latent_change": None,
    "compare_anchors": SimpleNamespace(items=()),
}
# Sentences that would take a missing finding for a finding. "No proof that nothing changed" says the opposite and may stand.
_FORBIDDEN = re.compile(
    r"no effects?\b|without effect|no changes?\b|no difference|did not (?:change|move)|has not (?:changed|moved)|unchanged|"
    r"(?<!no proof that )nothing (?:has )?(?:changed|moved|happened)|stayed the same|was not effective",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Word:
    """What a report says of one claim of the primary family."""

    verdict: str | None
    p: float | None
    p_adjusted: float | None
    mean: float
    n_used: int


def judge_programme(frame: pd.DataFrame, world: World) -> dict[tuple[str, str], Word]:
    """The words of the primary family, by the steps of the report that lead to them."""
    return read_words(analyse_primary(prepare_changes(frame, PRIMARY_SCALES, world.options)))


def analyse_primary(data: ChangeData) -> Mapping[str, ScaleChangeSection]:
    """The primary scales with their words; what stands beside a word and has no part in it is passed over."""
    with ExitStack() as stack:
        for place, module in list(sys.modules.items()):
            if place.startswith("scoring.change_report."):
                for name in _BESIDE.keys() & vars(module).keys():
                    stack.enter_context(mock.patch.object(module, name, return_value=_BESIDE[name]))
        sections, _ = judge_report(data, {name: analyse_scale(data, name) for name in PRIMARY})
    return sections


def read_words(sections: Mapping[str, ScaleChangeSection]) -> dict[tuple[str, str], Word]:
    """The words of the primary family as they stand in a report."""
    found = {}
    for name, role in CLAIMS:
        section = sections[name].roles[role]
        change = section.change
        found[name, role] = Word(
            section.verdict,
            None if change is None else change.p_t,
            section.p_adjusted,
            np.nan if change is None or change.mean is None else change.mean,
            0 if change is None else change.n_used,
        )
    return found


def find_forbidden(report: ChangeReport) -> list[str]:
    """Sentences of the printed report that say that there was no effect."""
    return _FORBIDDEN.findall(" ".join(render_text(report).split()))


def count_forbidden(samples: int, seed: int, world: World) -> int:
    """Number of whole reports, printed as text, with any such sentence."""
    return sum(map_seeds(partial(_print_one, world=world), spawn_seeds(seed, samples)))


def _print_one(seed: Seed, world: World) -> bool:
    """Whether the report of one programme has any."""
    frame = draw_programme(np.random.default_rng(seed), world)
    return bool(find_forbidden(change_report(frame, SCALES, world.options)))


@dataclass(frozen=True)
class ProgrammeFigures:
    """E1 and E2: shares of programmes, or of the claims on PS, by the word of the report.

    Attributes
    ----------
    world : World
    samples : int
    any_moved : float
        Share of programmes in which any primary claim "moved" (E1).
    any_p : float
        Share in which any of them has an unadjusted p below .05, which is the report without its verdict rules (E1-).
    words : mapping word -> float
        Shares among the claims on PS, both roles together (E2).
    by_role : mapping role -> float
        Share of "moved" on PS.
    any_role, both_roles : float
        Share of programmes in which PS "moved" for one role or more, and for both.
    change : mapping role -> float
        Mean change of PS among those who answered at both waves.
    people : float
        Their mean number in a role.
    equivalent : float
        Share of all primary claims called "equivalent".
    """

    world: World
    samples: int
    any_moved: float
    any_p: float
    words: Mapping[str, float]
    by_role: Mapping[str, float]
    any_role: float
    both_roles: float
    change: Mapping[str, float]
    people: float
    equivalent: float

    def __str__(self) -> str:
        world, words = self.world, ", ".join(f"{word} {share:.4f}" for word, share in self.words.items())
        roles = ", ".join(f"{role} {share:.4f}" for role, share in self.by_role.items())
        change = ", ".join(f"{role} {mean:+.3f}" for role, mean in self.change.items())
        return (
            f"n={world.pairs} {world.counted} gain {world.gain} missing {world.dropout} ({world.reason}) R={self.samples}: any primary claim "
            f"moved {self.any_moved:.4f}, any p < .05 {self.any_p:.4f}; PS {words}; PS moved {roles}, either {self.any_role:.4f}, both "
            f"{self.both_roles:.4f}; mean change of {self.people:.1f} people a role {change}"
        )


def simulate_programmes(
    samples: int, seed: int, world: World, *, n_jobs: int | None = None
) -> ProgrammeFigures:
    """E1 and E2: draw programmes, read the words of their reports."""
    found = map_seeds(partial(_judge_one, world=world), spawn_seeds(seed, samples), n_jobs=n_jobs)
    return summarise(found, world)


def summarise(found: Sequence[Mapping[tuple[str, str], Word]], world: World) -> ProgrammeFigures:
    """Shares over programmes."""
    samples = len(found)
    moved = np.array([[words[claim].verdict == "moved" for claim in CLAIMS] for words in found])
    p = np.array([[_number(words[claim].p) for claim in CLAIMS] for words in found])
    on_ps = np.array([place for place, (name, _) in enumerate(CLAIMS) if name == "PS"])
    counts = Counter(words["PS", role].verdict for words in found for role in ROLES)
    everything = Counter(word.verdict for words in found for word in words.values())
    return ProgrammeFigures(
        world,
        samples,
        float(moved.any(axis=1).mean()),
        float((p < 0.05).any(axis=1).mean()),
        {word: counts[word] / (2 * samples) for word in WORDS},
        {role: float(moved[:, CLAIMS.index(("PS", role))].mean()) for role in ROLES},
        float(moved[:, on_ps].any(axis=1).mean()),
        float(moved[:, on_ps].all(axis=1).mean()),
        {role: float(np.nanmean([words["PS", role].mean for words in found])) for role in ROLES},
        float(np.mean([words["PS", role].n_used for words in found for role in ROLES])),
        everything["equivalent"] / (len(CLAIMS) * samples),
    )


def _judge_one(seed: Seed, world: World) -> dict[tuple[str, str], Word]:
    """The words of one programme."""
    return judge_programme(draw_programme(np.random.default_rng(seed), world), world)


def _number(value: float | None) -> float:
    """A p that is not there is none below .05."""
    return np.nan if value is None else value


@dataclass(frozen=True)
class SideFigures:
    """T5 in D12 and cohorts: people labelled in a null report, and comparisons of named cohorts that "moved" apart.

    Attributes
    ----------
    labelled : float
        Mean number of people with a label per report, everything adjusted together as in the report.
    labelled_apart : float
        The same where one declared scale (PS) stands by itself, unadjusted.
    naive : float
        People beyond 1.96 errors on any scale.
    cohorts_moved : float
        Share of programmes in which any comparison of cohorts is called "moved"; NaN with one cohort.
    error : float
        Standard error of `labelled`.
    """

    world: World
    samples: int
    labelled: float
    labelled_apart: float
    naive: float
    cohorts_moved: float
    error: float

    def __str__(self) -> str:
        return (
            f"n={self.world.pairs} careless {self.world.careless} R={self.samples}: people labelled {self.labelled:.2f} (SE {self.error:.2f}), with PS by itself "
            f"{self.labelled_apart:.2f}, without any adjustment {self.naive:.2f}; any comparison of {self.world.cohorts} cohorts moved "
            f"{self.cohorts_moved:.4f}"
        )


def simulate_sides(samples: int, seed: int, world: World, *, n_jobs: int | None = None) -> SideFigures:
    """T5 at the level of the report, and cohorts beside each other.

    The report's own labels stay off while its reference file is provisional. So the same functions are given the reliabilities that a
    field study of the same world without careless people would have found.
    """
    reliabilities = field_reliabilities(world)
    found = map_seeds(
        partial(_examine_one, world=world, reliabilities=reliabilities),
        spawn_seeds(seed, samples),
        n_jobs=n_jobs,
    )
    table = np.array(found, dtype=float)
    error = float(table[:, 0].std(ddof=1) / np.sqrt(samples))
    labelled, apart, naive, moved = map(float, table.mean(axis=0))
    return SideFigures(world, samples, labelled, apart, naive, moved, error)


def _examine_one(
    seed: Seed, world: World, reliabilities: Mapping[tuple[str, str], Reliability]
) -> tuple[float, float, float, float]:
    """Counts of labelled people, and whether any comparison of cohorts moved."""
    data = prepare_changes(draw_programme(np.random.default_rng(seed), world), SCALES, world.options)
    labelled = count_labelled(data, reliabilities)
    if world.cohorts < 2:
        return (*labelled, np.nan)
    compared = compare_data(data)
    entries = [] if compared is None else [e for scale in compared.scales.values() for e in scale.values()]
    return (*labelled, float(any(entry.verdict == "moved" for entry in entries)))


def count_labelled(
    data: ChangeData, reliabilities: Mapping[tuple[str, str], Reliability]
) -> tuple[int, int, int]:
    """People with a label when everything is adjusted together, when PS stands by itself, and when nothing is adjusted."""
    changes = {}
    for name, scored in data.scored.items():
        for side, role in enumerate(data.roles):
            waves = scored.waves_of(side)
            before, after = (data.series(name, side, wave)[0] for wave in (waves[0], waves[-1]))
            if (before.notna() & after.notna()).sum() >= 10:
                changes[f"{name} {role}"] = reliable_change(
                    before, after, reliabilities[name, role], interval_weeks=WEEKS
                )
    alone = [key for key in changes if key.startswith("PS ")]
    counts = []
    for primary in ([], alone):
        table = label_changes(changes, primary=primary).table
        counts.append(_people(table[table["label"].isin(["higher", "lower"])]))
    table = label_changes(changes).table
    return counts[0], counts[1], _people(table[table["rc"].abs() > norm.ppf(0.975)])


def _people(rows: pd.DataFrame) -> int:
    """Different people among rows of scales and people; a person is a role of a pair."""
    roles = [str(key).rsplit(" ", 1)[1] for key in rows.index.get_level_values("scale")]
    return len(set(zip(roles, rows.index.get_level_values("person"), strict=True)))


def field_reliabilities(world: World) -> Mapping[tuple[str, str], Reliability]:
    """Retest correlation and spread of each scale and role as a field study of the same world finds them, careless people left out."""
    return _field_reliabilities(world.inflation, world.difficulty, world.waves, world.short_trial)


@cache
def _field_reliabilities(
    inflation: tuple[float, float], difficulty: float, waves: tuple[str, ...], short_trial: bool
) -> Mapping[tuple[str, str], Reliability]:
    """From 20,000 pairs; people and sizes that do not matter here are left as they are."""
    world = World(
        20_000, waves=waves, short_trial=short_trial, inflation=inflation, difficulty=difficulty, cohorts=1
    )
    frame = draw_programme(np.random.default_rng(20_260_101), world)
    data = prepare_changes(frame, SCALES, world.options)
    found = {}
    for name, scored in data.scored.items():
        for side, role in enumerate(data.roles):
            places = scored.waves_of(side)
            first, last = scored.values[:, side, places[0]], scored.values[:, side, places[-1]]
            retest = float(np.corrcoef(first, last)[0, 1])
            found[name, role] = Reliability(
                retest, float(np.concatenate([first, last]).std()), "retest", WEEKS, "field", 200
            )
    return found
