"""Many comparisons in one report: the primary family after Holm, the secondary after Benjamini and Hochberg, the rest without stars."""

import math
import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import pandas as pd

from instruments.errors import N_
from scoring.equivalence import Equivalence, FullVerdict, full_verdict
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers

Adjustment = Literal["holm", "bh", "none"]
FamilyName = Literal["primary", "secondary", "exploratory"]

ALPHA: Final = 0.05
# Fixed by the measurement plan (4.6) before any answer is seen: safety in the pair, and upward candour.
PRIMARY_SCALES: Final = ("PS", "PW-V")
_METHODS: Final[Mapping[FamilyName, Adjustment]] = {
    "primary": "holm",
    "secondary": "bh",
    "exploratory": "none",
}
_PINGOUIN: Final = {"holm": "holm", "bh": "fdr_bh"}


@dataclass(frozen=True)
class Claim:
    """One comparison of a report, before it is seen among the others.

    Attributes
    ----------
    name : str
        Unlike every other of the report, for instance "PS mentor".
    scale : str
        What the families go by.
    low, high : float or None
        95 % interval in points; None where a gate keeps it shut.
    p : float or None
        Two-sided p of the same comparison; None where there is none.
    equivalence : Equivalence or None
    width : float
        Width of the score's range in points.
    """

    name: str
    scale: str
    low: float | None
    high: float | None
    p: float | None
    equivalence: Equivalence | None = None
    width: float = 4.0


@dataclass(frozen=True)
class JudgedClaim:
    """One comparison within its family.

    Attributes
    ----------
    claim : Claim
    family : "primary", "secondary" or "exploratory"
    p_adjusted : float or None
        Holm's in the primary family, Benjamini and Hochberg's in the secondary; None in the exploratory one, and without p.
    verdict : "moved", "not shown", "equivalent", "too few" or None
        None in the exploratory family, which gets an interval and no word.
    notes : tuple of Note
        Says so when the comparison alone would have been called "moved".
    """

    claim: Claim
    family: FamilyName
    p_adjusted: float | None
    verdict: FullVerdict | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class FamilyReport:
    """All comparisons of a report.

    Attributes
    ----------
    claims : tuple of JudgedClaim
        In the order given.
    alpha : float
        Error of the primary family; false discovery rate of the secondary.
    n_tests : mapping family -> int
        Comparisons with a p in each family.
    notes : tuple of Note
    """

    claims: tuple[JudgedClaim, ...]
    alpha: float
    n_tests: Mapping[FamilyName, int]
    notes: tuple[Note, ...]

    def find(self, name: str) -> JudgedClaim:
        """Return the comparison of this name; raises ScoringError `family.unknown`."""
        for claim in self.claims:
            if claim.claim.name == name:
                return claim
        raise ScoringError(
            "family.unknown",
            "The report has no comparison “%(name)s”.",
            "Use one of: %(known)s.",
            name=name,
            known=", ".join(claim.claim.name for claim in self.claims),
        )


_AMONG = N_("Alone this change would count as shown; among %(n)d comparisons of its family it does not.")
_EXPLORATORY = N_(
    "Comparisons outside the declared families are shown with their interval and without a verdict."
)
_NO_P = N_("%(n)d comparisons of the %(family)s family have no test and do not count in it.")


def adjust_p(
    p_values: pd.Series | Mapping[str, float | None] | Sequence[float | None], method: Adjustment
) -> pd.Series:
    """Adjust p values for their number.

    Parameters
    ----------
    p_values : Series, mapping or sequence of float
        Each 0 to 1; NaN or None where there was no test.
    method : "holm", "bh" or "none"
        Holm keeps the chance of any false finding of the family, Benjamini and Hochberg the expected share of false ones among the
        findings.

    Returns
    -------
    Series of float64
        Same labels and order; NaN where there was no test, which then does not count in the number.

    Notes
    -----
    The same as R's `p.adjust(p, "holm")` and `p.adjust(p, "BH")`; computed by pingouin.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics, 6, 65-70.
    Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the Royal Statistical Society B, 57,
    289-300. https://doi.org/10.1111/j.2517-6161.1995.tb02031.x

    Raises
    ------
    ScoringError
        `family.p` for anything outside 0 to 1, `family.method`.
    """
    given = p_values if isinstance(p_values, pd.Series) else pd.Series(p_values, dtype=object)
    if method not in ("holm", "bh", "none"):
        raise ScoringError(
            "family.method",
            "There is no adjustment “%(method)s”.",
            "Use one of: holm, bh, none.",
            method=str(method),
        )
    values, wrong = read_numbers(given)
    present = ~pd.isna(values)
    if wrong.any() or not ((values[present] >= 0) & (values[present] <= 1)).all():
        raise ScoringError(
            "family.p",
            "A p value is not a number between 0 and 1.",
            "Pass the p of each comparison, and leave it empty (NaN) where there was no test.",
        )
    adjusted = pd.Series(values, index=given.index, dtype="float64", name=given.name)
    if method == "none" or not present.any():
        return adjusted
    with warnings.catch_warnings():
        # pingouin and the packages under it warn of their own future while they are imported.
        warnings.simplefilter("ignore")
        import pingouin

        adjusted[present] = pingouin.multicomp(values[present], method=_PINGOUIN[method])[1]
    return adjusted


def judge_claims(
    claims: Sequence[Claim],
    *,
    primary: Collection[str] = PRIMARY_SCALES,
    secondary: Collection[str] | None = None,
    alpha: float = ALPHA,
) -> FamilyReport:
    """Give every comparison of a report its family, adjusted p and verdict word.

    Parameters
    ----------
    claims : sequence of Claim
        All comparisons that the report shows; the primary family holds every claim on a primary scale (both roles).
    primary : collection of str
        Scales fixed in advance; by default PS and PW-V.
    secondary : collection of str, optional
        Scales declared in advance beside them; by default none, so that everything else is exploratory.
    alpha : float, default .05
        Error of the primary family and false discovery rate of the secondary one.

    Returns
    -------
    FamilyReport

    Notes
    -----
    A comparison is "moved" when its interval says so (`full_verdict`) and its adjusted p is at most alpha; otherwise it falls back to
    "not shown", or to "too few" when its interval is that wide. "equivalent" rests on tests of their own, declared one by one, and
    is not adjusted. Exploratory comparisons get neither stars nor words.

    Raises
    ------
    ScoringError
        `family.name` for a name that stands twice, `family.scale` for a scale in both families, `family.alpha`, `family.p`.
    """
    _check_claims(claims, primary, secondary or (), alpha)
    families: list[FamilyName] = [
        "primary"
        if claim.scale in primary
        else "secondary"
        if claim.scale in (secondary or ())
        else "exploratory"
        for claim in claims
    ]
    adjusted: dict[str, float] = {}
    n_tests: dict[FamilyName, int] = {}
    notes = []
    for family, method in _METHODS.items():
        own = {claim.name: claim.p for claim, its in zip(claims, families, strict=True) if its == family}
        n_tests[family] = sum(not _missing(p) for p in own.values())
        if family == "exploratory":
            if own:
                notes.append(Note("family.exploratory", _EXPLORATORY))
            continue
        adjusted |= {str(name): float(p) for name, p in adjust_p(own, method).items()}
        if n_tests[family] < len(own):
            notes.append(Note("family.no_p", _NO_P, {"n": len(own) - n_tests[family], "family": family}))
    judged = tuple(
        _judge(claim, family, adjusted.get(claim.name, math.nan), alpha, n_tests[family])
        for claim, family in zip(claims, families, strict=True)
    )
    return FamilyReport(judged, alpha, n_tests, tuple(notes))


def _judge(claim: Claim, family: FamilyName, adjusted: float, alpha: float, n_tests: int) -> JudgedClaim:
    """The word of one comparison."""
    if family == "exploratory":
        return JudgedClaim(claim, family, None, None, ())
    p = None if math.isnan(adjusted) else adjusted
    word = full_verdict(claim.low, claim.high, claim.equivalence, width=claim.width)
    judged = JudgedClaim(claim, family, p, word, ())
    if word != "moved" or (p is not None and p <= alpha):
        return judged
    # An interval that leaves out 0 is never half as wide as "too few" unless the change is large; its width still decides.
    low, high = claim.low or 0.0, claim.high or 0.0
    half = (high - low) / 2.0
    fallen = full_verdict(-half, half, claim.equivalence, width=claim.width)
    return replace(judged, verdict=fallen, notes=(Note("family.among", _AMONG, {"n": n_tests}),))


def _missing(p: float | None) -> bool:
    """Whether a comparison has no test."""
    return p is None or bool(pd.isna(p))


def _check_claims(
    claims: Sequence[Claim], primary: Collection[str], secondary: Collection[str], alpha: float
) -> None:
    """Every comparison has a name of its own, every scale one family."""
    counts = Counter(claim.name for claim in claims)
    doubled = next((name for name, count in counts.items() if count > 1), None)
    if doubled is not None:
        raise ScoringError(
            "family.name",
            "The comparison “%(name)s” stands twice in one report.",
            "Give every comparison a name of its own.",
            name=doubled,
        )
    both = next((scale for scale in primary if scale in secondary), None)
    if both is not None:
        raise ScoringError(
            "family.scale",
            "The scale %(scale)s stands in the primary and in the secondary family.",
            "Put every scale into one family.",
            scale=both,
        )
    if not 0 < alpha < 1:
        raise ScoringError(
            "family.alpha",
            "A family cannot have the error %(alpha)s.",
            "Pass a number between 0 and 1, for example 0.05.",
            alpha=alpha,
        )
