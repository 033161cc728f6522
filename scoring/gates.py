"""What may be computed and said at which number of complete pairs: one table, measurement plan section 4.0; pure Python."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from instruments.errors import N_
from scoring.errors import ScoringError

# The share of a scale's items that a person has to answer for a score, rounded up to whole items (section 3.9).
MINIMUM_ANSWERED: Final = Fraction(2, 3)


@dataclass(frozen=True)
class Gate:
    """One row of the table: from `minimum` units on, `opens` holds what may be computed and shown to a coordinator.

    Attributes
    ----------
    name : str
        Stable name of the row.
    minimum, maximum : int, int or None
        Smallest and largest number of units of the row; None is open-ended.
    opens : frozenset of str
        What this row and the rows of fewer units of the same kind open.
    message : str
        English sentence for a coordinator (a msgid): what these numbers can bear and what stays shut.
    counts : "pairs" or "persons per language"
        The unit that is counted: complete pairs in the analysis, so also persons per role; or persons per language.
    """

    name: str
    minimum: int
    maximum: int | None
    opens: frozenset[str]
    message: str
    counts: Literal["pairs", "persons per language"] = "pairs"


def _make_table() -> tuple[Gate, ...]:
    """The rows, each opening what its predecessors open and something more."""
    rows: tuple[tuple[str, int, int | None, tuple[str, ...], str], ...] = (
        (
            "participation",
            0,
            4,
            ("participation",),
            N_("Too few people to report without exposing individuals."),
        ),
        (
            "means",
            5,
            9,
            ("cell_mean", "reference_interval"),
            N_(
                "Too few pairs to conclude: only averages are shown, with an interval that rests on reference values. "
                "Whether something changed can be said from 10 pairs on."
            ),
        ),
        (
            "change",
            10,
            19,
            ("mean_change", "t_interval", "sign_flip", "effect_size", "dyadic_correlation", "alpha_interval"),
            N_(
                "With 10 to 19 pairs only large changes can be seen. A change that is not shown here may still have "
                "happened."
            ),
        ),
        (
            "models",
            20,
            39,
            ("mixed_model", "ancova", "apim_estimates", "equivalence"),
            N_(
                "With 20 to 39 pairs middling to large changes can be seen; how one partner influences the other "
                "stays exploratory."
            ),
        ),
        (
            "contrasts",
            40,
            79,
            ("cohort_contrast", "shrinkage", "reliability_verdict"),
            N_(
                "With 40 to 79 pairs cohorts of this size can be compared, but only middling to large differences "
                "between them can be seen."
            ),
        ),
        (
            "influence",
            80,
            99,
            ("apim_confirmatory",),
            N_("With 80 or more pairs the influence of one partner on the other can be tested."),
        ),
        (
            "exploration",
            100,
            149,
            ("efa",),
            N_("With 100 or more pairs the structure of the questionnaire can be explored, not yet judged."),
        ),
        (
            "structure",
            150,
            None,
            ("cfa_verdict", "invariance", "response_surface", "common_fate"),
            N_("With 150 or more pairs the structure of the questionnaire can be judged."),
        ),
    )
    table: list[Gate] = []
    opened: frozenset[str] = frozenset()
    for name, minimum, maximum, opens, message in rows:
        opened |= frozenset(opens)
        table.append(Gate(name, minimum, maximum, opened, message))
    dif = N_("Translations can be compared item by item from 200 people in each language on.")
    table.append(Gate("translations", 200, None, frozenset({"dif_verdict"}), dif, "persons per language"))
    return tuple(table)


# Points on a range of 1 to 5: the smallest change worth a word, and the half-width beyond which nothing can be concluded.
SMALLEST_CHANGE: Final = 0.1
WIDEST_HALF: Final = 0.5

Verdict = Literal["moved", "not shown", "too few"]

GATES: Final[tuple[Gate, ...]] = _make_table()
_MINIMUM: Final[dict[str, int]] = {
    what: min(gate.minimum for gate in GATES if what in gate.opens) for gate in GATES for what in gate.opens
}


def gate_for(n_pairs: int) -> Gate:
    """Return the row of the table that a number of complete pairs falls into.

    Parameters
    ----------
    n_pairs : int
        Complete pairs in the analysis (for one role: persons), 0 or more.

    Returns
    -------
    Gate
        The row with `counts == "pairs"` whose range holds `n_pairs`.

    Raises
    ------
    ScoringError
        `gate.negative` for a number below 0.
    """
    if n_pairs < 0:
        raise ScoringError(
            "gate.negative",
            "%(n)d is not a number of pairs.",
            "Pass the number of complete pairs, 0 or more.",
            n=n_pairs,
        )
    return next(gate for gate in reversed(GATES) if gate.counts == "pairs" and gate.minimum <= n_pairs)


def allowed(n_units: int, what: str) -> bool:
    """Say whether `n_units` complete pairs (for "dif_verdict": persons per language) open `what`.

    Raises
    ------
    ScoringError
        `gate.unknown` when no row of the table opens `what`.
    """
    return n_units >= minimum_for(what)


def minimum_for(what: str) -> int:
    """Return the smallest number of units at which `what` opens; raises ScoringError `gate.unknown`."""
    if what not in _MINIMUM:
        raise ScoringError(
            "gate.unknown",
            "No gate opens “%(what)s”.",
            "Use one of: %(known)s.",
            what=what,
            known=", ".join(sorted(_MINIMUM)),
        )
    return _MINIMUM[what]


def verdict_for(low: float, high: float, *, width: float = 4.0) -> Verdict:
    """Put the interval of a change, or of a difference between changes, into one of three words (section 4.6).

    Parameters
    ----------
    low, high : float
        95 % interval in score points.
    width : float, default 4
        Width of the score's range in points; the two thresholds, .1 and .5 point on a range of 1 to 5, grow with it.

    Returns
    -------
    "moved", "not shown" or "too few"
        "moved" when the interval leaves out 0 and even its end nearer to 0 is .1 point or more away; otherwise "too few" when
        its half-width is above .5 point; otherwise "not shown". Never "no change": an interval around 0 is no proof of that.
    """
    unit = width / 4.0
    nearer = max(low, -high)
    if nearer >= SMALLEST_CHANGE * unit:
        return "moved"
    return "too few" if (high - low) / 2.0 > WIDEST_HALF * unit else "not shown"
