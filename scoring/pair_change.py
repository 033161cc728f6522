"""How both partners of each pair changed together (common change) and towards or away from one another (gap change)."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change import sign_flip_test
from scoring.descriptives import no_spread
from scoring.errors import Note, ScoringError
from scoring.gates import allowed, gate_for, minimum_for
from scoring.pair_scores import Array, IntArray, PairScores
from scoring.reference import Reference
from scoring.reliability import check_confidence, normal_quantile
from scoring.retest import Reliability, read_reliability

ContrastName = Literal["first role", "second role", "common", "gap"]
# From so many complete pairs on the mixed model takes over, and the sign-flip test is no longer made.
MODEL_MINIMUM: Final = minimum_for("mixed_model")
# Weights of the changes of the two roles in each contrast.
CONTRASTS: Final[Mapping[ContrastName, tuple[float, float]]] = {
    "first role": (1.0, 0.0),
    "second role": (0.0, 1.0),
    "common": (0.5, 0.5),
    "gap": (1.0, -1.0),
}

_ONE_WAVE = N_("Only one wave has scores of both roles.")
_FEW = N_("A change has an interval from two complete pairs on; there are %(n)d.")
_EQUAL = N_("In “%(contrast)s” every pair changed by the same amount, so there is no interval and no test.")
_NO_EXACT = N_("The sign-flip test needs exact whole-number scores; none were given.")
_MODEL = N_("From %(minimum)d complete pairs on a mixed model takes the place of the sign-flip test.")
_NO_SEM = N_("No retest reliability was given for both roles, so single pairs have no error.")
_RESEARCH = N_(
    "Changes of single pairs are for researchers only: each partner could compute the other's answer from them."
)


@dataclass(frozen=True)
class PairChange:
    """Changes of pairs between two waves.

    Attributes
    ----------
    contrasts : DataFrame
        Rows: the change of each role, "common" (the mean of both partners' changes) and "gap" (the first role's change minus the
        second's). Columns: estimate, se, df, t, p, low, high (points), sd (of the pairs), p_sign_flip; NaN where a note says why.
    pairs : DataFrame, one row per complete pair
        common, common_se, gap, gap_se with intervals (low, high) from the retest reliability; NaN without it. Researchers only.
    roles : (str, str)
    before, after : wave labels
    sign_flip_exact : bool
        Whether all sign patterns were looked at (up to 16 pairs that changed), rather than 9,999 random ones.
    n_used, n_dropped : int
        Complete pairs, and pairs that miss a score.
    confidence : float
    gate : str
        Name of the row of the gate table.
    converged : bool
        Whether every contrast has an interval.
    notes : tuple of Note
    """

    contrasts: pd.DataFrame
    pairs: pd.DataFrame
    roles: tuple[str, str]
    before: Hashable
    after: Hashable
    sign_flip_exact: bool
    n_used: int
    n_dropped: int
    confidence: float
    gate: str
    converged: bool
    notes: tuple[Note, ...]


def pair_change(
    scores: PairScores,
    before: Hashable | None = None,
    after: Hashable | None = None,
    *,
    reliabilities: Mapping[str, Reference | Reliability] | None = None,
    width: float = 4.0,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
) -> PairChange:
    """Compute the common change and the change in gap of every complete pair, and their means with t intervals and sign-flip tests.

    Parameters
    ----------
    scores : PairScores
        Scores of one scale in points; the gap asks for the same words for both roles.
    before, after : wave labels, optional
        By default the first and the last wave.
    reliabilities : mapping role -> Reference or Reliability, optional
        Retest reliability of each role, for the errors of single pairs.
    width : float, default 4
        Width of the score's range in points, to which a Reference is rescaled.
    confidence : float, default .95
        Coverage of the intervals.
    rng : Generator, optional
        For random sign flips above 16 pairs; a fixed seed by default.

    Returns
    -------
    PairChange

    Notes
    -----
    Missing data: pairs without all four scores are dropped and counted.

    Per pair `dM = (d_1 + d_2) / 2` and `dD = d_1 - d_2` with d the change of a role; mean -+ `t(n - 1) s / sqrt(n)`. With complete
    data these are the tests of wave and of role x wave. Errors of single pairs: `SEM_1^2 / 2 + SEM_2^2 / 2` is the variance of dM,
    `2 (SEM_1^2 + SEM_2^2)` of dD. The sign-flip test, on exact whole-number scores, is made below 20 pairs; there is no bootstrap,
    which covers too little at such sizes. R: `t.test(dM)`, `t.test(dD)`.

    References
    ----------
    Kenny, D. A., Kashy, D. A., & Cook, W. L. (2006). Dyadic data analysis. Guilford.

    Raises
    ------
    ScoringError
        `change.wave` when there is only one wave or both are the same, `pairs.wave`, `change.confidence`, `change.alpha` and
        `change.reliability` from the reliabilities.
    """
    check_options(scores, confidence)
    before = scores.waves[0] if before is None else before
    after = scores.waves[-1] if after is None else after
    places = [scores.place(before), scores.place(after)]
    if places[0] == places[1]:
        raise ScoringError(
            "change.wave",
            "Wave “%(wave)s” is compared with itself.",
            "Name two different waves.",
            wave=str(before),
        )
    chosen = scores.complete((before, after))
    values = scores.values[chosen][:, :, places]
    changes = values[:, :, 1] - values[:, :, 0]
    n = len(changes)
    notes = list(scores.notes)
    gate = gate_for(n)
    if not allowed(n, "t_interval"):
        notes.append(Note(f"gate.{gate.name}", gate.message))
    if n < 2:
        notes.append(Note("change.few", _FEW, {"n": n}))
    exact = None if scores.exact is None else scores.exact[chosen][:, :, places]
    flips, flip_exact, found = _flip(exact, n, rng)
    notes += found
    rows = {}
    for name, weights in CONTRASTS.items():
        label = contrast_label(name, scores.roles)
        row, equal = _estimate(changes @ np.array(weights), confidence)
        rows[label] = {**row, "p_sign_flip": flips.get(name, math.nan)}
        if equal:
            notes.append(Note("change.equal", _EQUAL, {"contrast": label}))
    contrasts = pd.DataFrame.from_dict(rows, orient="index")
    pairs, found = _single_pairs(scores, chosen, changes, reliabilities, width, confidence)
    return PairChange(
        contrasts=contrasts,
        pairs=pairs,
        roles=scores.roles,
        before=before,
        after=after,
        sign_flip_exact=flip_exact,
        n_used=n,
        n_dropped=len(scores.pairs) - n,
        confidence=confidence,
        gate=gate.name,
        converged=bool(contrasts["se"].notna().all()),
        notes=(*notes, *found),
    )


def contrast_label(name: ContrastName, roles: tuple[str, str]) -> str:
    """Return how a contrast is called: the role itself, "common" or "gap"."""
    return {"first role": roles[0], "second role": roles[1]}.get(name, name)


def check_options(scores: PairScores, confidence: float) -> None:
    """Raise ScoringError `change.wave` with fewer than two waves, `change.confidence` for an impossible coverage."""
    if len(scores.waves) < 2:
        raise ScoringError(
            "change.wave",
            _ONE_WAVE,
            "A change needs two waves at which both roles answered.",
        )
    check_confidence(confidence, "change")


def _estimate(differences: Array, confidence: float) -> tuple[dict[str, float], bool]:
    """Mean of one contrast over pairs with its t interval, and whether it does not vary."""
    from scipy.stats import t as student

    n = len(differences)
    empty = dict.fromkeys(("estimate", "se", "df", "t", "p", "low", "high", "sd"), math.nan)
    if n == 0:
        return empty, False
    mean = float(differences.mean())
    if n == 1 or no_spread(differences):
        return {**empty, "estimate": mean}, n > 1
    sd = float(differences.std(ddof=1))
    se, df = sd / math.sqrt(n), n - 1
    half = float(student.ppf(0.5 + confidence / 2.0, df)) * se
    t = mean / se
    row = {"estimate": mean, "se": se, "df": float(df), "t": t, "p": float(2.0 * student.sf(abs(t), df))}
    return {**row, "low": mean - half, "high": mean + half, "sd": sd}, False


def _flip(
    exact: IntArray | None, n: int, rng: np.random.Generator | None
) -> tuple[dict[ContrastName, float], bool, list[Note]]:
    """The sign-flip tests on whole numbers, and whether all of them were exact."""
    if n >= MODEL_MINIMUM:
        return {}, False, [Note("change.model", _MODEL, {"minimum": MODEL_MINIMUM})]
    if exact is None:
        return {}, False, [Note("flip.exact", _NO_EXACT)]
    first, second = (exact[:, :, 1] - exact[:, :, 0]).T
    # The common change is doubled, which changes no comparison of sums.
    whole: dict[ContrastName, Any] = {
        "first role": first,
        "second role": second,
        "common": first + second,
        "gap": first - second,
    }
    tests = {name: sign_flip_test(values, rng=rng) for name, values in whole.items()}
    unique = {note.code: note for test in tests.values() for note in test.notes}
    found = {name: test.p for name, test in tests.items() if test.p is not None}
    return found, all(test.exact for test in tests.values()), list(unique.values())


def _single_pairs(
    scores: PairScores,
    chosen: np.ndarray,
    changes: Array,
    reliabilities: Mapping[str, Reference | Reliability] | None,
    width: float,
    confidence: float,
) -> tuple[pd.DataFrame, list[Note]]:
    """The changes of each pair with their errors."""
    common, gap = changes.mean(axis=1), changes[:, 0] - changes[:, 1]
    squares = math.nan
    notes = [Note("change.research", _RESEARCH)]
    if reliabilities is None or set(scores.roles) - set(reliabilities):
        notes.append(Note("change.no_sem", _NO_SEM))
    else:
        squares = sum(read_reliability(reliabilities[role], width=width).sem ** 2 for role in scores.roles)
    z = normal_quantile(confidence)
    table: dict[str, Array] = {}
    for name, values, variance in (("common", common, squares / 2.0), ("gap", gap, 2.0 * squares)):
        se = math.sqrt(variance)
        table |= {
            name: values,
            f"{name}_se": np.full(len(values), se),
            f"{name}_low": values - z * se,
            f"{name}_high": values + z * se,
        }
    return pd.DataFrame(table, index=scores.pairs[chosen]), notes
