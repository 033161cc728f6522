"""Everything about the reliability of one scale in one report, each statistic behind its gate; and what reliability means for a score."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items
from scoring.gates import minimum_for
from scoring.omega import OmegaResult, omega_total
from scoring.omega_hierarchical import HIERARCHICAL_MINIMUM, HierarchicalOmega, omega_hierarchical
from scoring.ordinal_reliability import (
    CATEGORICAL_MINIMUM,
    CategoricalOmega,
    OrdinalAlpha,
    categorical_omega,
    ordinal_alpha,
)
from scoring.reliability import AlphaStatistics, alpha_statistics
from scoring.resampling import BootstrapResult, bootstrap_alpha
from scoring.split_halves import (
    SPEARMAN_BROWN_MINIMUM,
    SpearmanBrown,
    SplitHalves,
    spearman_brown,
    split_half_reliability,
)

Kind = Literal["internal", "retest"]
Verdict = Literal["adequate", "not shown", "too few"]

# Measurement plan, sections 4.0 and 4.1.
ADEQUATE: Final = 0.70
RETEST_MINIMUM: Final = 50
# More different codes than this are no answer categories.
_MOST_CATEGORIES: Final = 12
_HIERARCHICAL_ITEMS: Final = 6


@dataclass(frozen=True)
class MeasurementError:
    """Standard error of measurement of a score.

    Attributes
    ----------
    value : float or None
        In the unit of the score; None where the reliability is negative, with a note.
    kind : "internal" or "retest"
        From internal consistency: for a score now. From a retest: for change between two waves.
    sd, reliability : float
        What it was computed from.
    notes : tuple of Note
    """

    value: float | None
    kind: Kind
    sd: float
    reliability: float
    notes: tuple[Note, ...]


_NEGATIVE = N_("A negative reliability has no standard error of measurement.")


def measurement_error(sd: float, reliability: float, kind: Kind = "internal") -> MeasurementError:
    """Compute the standard error of measurement, `sd * sqrt(1 - reliability)`.

    Parameters
    ----------
    sd : float
        Standard deviation of the score in its reference group, 0 or more.
    reliability : float
        Of that score in that group, at most 1.
    kind : "internal" or "retest", default "internal"
        Where the reliability comes from. Alpha and omega leave out what varies from day to day, so their error is too small for
        judging change (target T3- of the measurement plan).

    Returns
    -------
    MeasurementError

    Notes
    -----
    The same as R's `sd(x) * sqrt(1 - rxx)`. Lord, F. M., & Novick, M. R. (1968). Statistical theories of mental test scores.
    Addison-Wesley.

    Raises
    ------
    ScoringError
        `measurement_error.input` for a negative or infinite sd, a reliability above 1, or an unknown kind.
    """
    if not (math.isfinite(sd) and sd >= 0 and reliability <= 1.0 and kind in ("internal", "retest")):
        raise ScoringError(
            "measurement_error.input",
            "No error of measurement follows from sd %(sd)s and %(kind)s reliability %(reliability)s.",
            "Pass a finite sd of 0 or more, a reliability of at most 1, and the kind internal or retest.",
            sd=sd,
            reliability=reliability,
            kind=kind,
        )
    if reliability < 0:
        note = Note("measurement_error.negative", _NEGATIVE)
        return MeasurementError(None, kind, sd, reliability, (note,))
    return MeasurementError(sd * math.sqrt(1.0 - reliability), kind, sd, reliability, ())


@dataclass(frozen=True)
class RetestReliability:
    """Agreement of two waves of one score without true change between them.

    Attributes
    ----------
    value, low, high : float or None
        ICC(A,1) and its interval at `confidence`; None where it is not defined, with a note.
    measurement_error : MeasurementError or None
        From the standard deviation of the first wave; the one for judging change.
    confidence : float
    n_used, n_dropped : int
        Persons with both waves, and persons with one only.
    converged : bool
    notes : tuple of Note
    """

    value: float | None
    low: float | None
    high: float | None
    measurement_error: MeasurementError | None
    confidence: float
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


_PROVISIONAL = N_(
    "With %(n)d persons (below %(minimum)d) this retest is provisional: no single change is judged by it."
)


def retest_reliability(first: pd.Series, second: pd.Series, *, confidence: float = 0.95) -> RetestReliability:
    """Compute the retest reliability of a score as ICC(A,1): two-way, single measurement, absolute agreement.

    Parameters
    ----------
    first, second : Series by person
        Scores of one role at two waves 10 to 14 days apart without a meeting in between; matched by index.
    confidence : float, default .95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    RetestReliability
        With a note below 50 persons.

    Notes
    -----
    Missing data: persons without both scores are dropped. `scoring.agreement.intraclass_correlation` computes it, and says more.

    The same as R's `psych::ICC(cbind(first, second), lmer = FALSE)`, row ICC2. McGraw, K. O., & Wong, S. P. (1996),
    https://doi.org/10.1037/1082-989X.1.1.30.

    Raises
    ------
    ScoringError
        `retest.index` when a person stands twice in a wave; what `intraclass_correlation` raises.
    """
    from scoring.agreement import intraclass_correlation

    if first.index.has_duplicates or second.index.has_duplicates:
        raise ScoringError(
            "retest.index",
            "A person stands more than once in one of the two waves.",
            "Pass one score per person and wave, with the person as index.",
        )
    both = pd.concat({"first": first, "second": second}, axis=1)
    result = intraclass_correlation(both, confidence=confidence)
    row = result.absolute_single
    value, low, high = (
        float(row[name]) if np.isfinite(row[name]) else None for name in ("value", "low", "high")
    )
    notes = result.notes
    if result.n_used < RETEST_MINIMUM:
        notes = (
            *notes,
            Note("retest.provisional", _PROVISIONAL, {"n": result.n_used, "minimum": RETEST_MINIMUM}),
        )
    error = None
    if value is not None:
        spread = float(both.dropna()["first"].std(ddof=1))
        error = measurement_error(spread, value, "retest")
        notes += error.notes
    return RetestReliability(
        value,
        low,
        high,
        error,
        confidence,
        result.n_used,
        result.n_dropped,
        value is not None,
        notes,
    )


@dataclass(frozen=True)
class ReliabilityReport:
    """Reliability of one scale: everything that its size allows.

    Attributes
    ----------
    alpha : AlphaStatistics
        Always there; see its `converged`.
    alpha_bootstrap : BootstrapResult or None
        Alpha with pairs drawn whole, where clusters were given.
    omega, omega_hierarchical, categorical, ordinal_alpha, spearman_brown, split_halves : results or None
        None where the gate is shut. Ordinal alpha is a what-if.
    measurement_error : MeasurementError or None
        Internal, in the unit of the score (the mean of the items).
    gates : mapping statistic -> Note
        `reliability.opened`, or why the statistic is not there (alpha: why it must not be shown).
    verdict : "adequate", "not shown" or "too few"
        "too few" below 40 independent respondents; "adequate" only where the lower end of the interval of `coefficient` is .70 or
        more.
    coefficient : "omega", "spearman_brown" or "alpha"
        What the verdict rests on: omega where it is open, for two items Spearman-Brown, otherwise alpha.
    value, low, high : float or None
        Of that coefficient.
    confidence : float
    n_used, n_dropped : int
        Complete rows, and rows left out for a missing answer.
    n_clusters : int
        Independent pairs or people among the rows used; what the gates count.
    k_items : int
    converged : bool
        False when not even alpha is defined.
    notes : tuple of Note
        On the report as a whole; every result has its own.
    """

    alpha: AlphaStatistics
    alpha_bootstrap: BootstrapResult | None
    omega: OmegaResult | None
    omega_hierarchical: HierarchicalOmega | None
    categorical: CategoricalOmega | None
    ordinal_alpha: OrdinalAlpha | None
    spearman_brown: SpearmanBrown | None
    split_halves: SplitHalves | None
    measurement_error: MeasurementError | None
    gates: Mapping[str, Note]
    verdict: Verdict
    coefficient: Literal["omega", "spearman_brown", "alpha"]
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    n_used: int
    n_dropped: int
    n_clusters: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


_OPENED = Note("reliability.opened", N_("Computed."))
_FLOOR = N_("From %(minimum)d independent respondents on; there are %(n)d.")
_NO_CLUSTERS = N_("Only where pairs are named: without them every row is independent.")
_NOT_ASKED = N_("Only where the number of group factors is given.")
_TOO_SHORT = N_("From %(minimum)d items on; there are %(k)d.")
_TWO_ONLY = N_("For scales of two items only.")
_NOT_ORDINAL = N_("Only for whole codes of at most %(most)d categories.")
_UNDEFINED = N_("Not defined for these answers.")


def scale_reliability(
    items: pd.DataFrame,
    *,
    clusters: pd.Series | None = None,
    k_factors: int | None = None,
    n_draws: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> ReliabilityReport:
    """Compute every reliability of one scale that its size allows, with a verdict and the reasons for what is missing.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values of one scale and wave; of one role, or of both with `clusters` naming the pairs.
    clusters : Series with the index of `items`, optional
        The pair of each row; intervals then come from pairs drawn whole.
    k_factors : int, optional
        Group factors for omega hierarchical.
    n_draws : int, default 1000
        Resampled data sets.
    seed : int, default 0
        The same seed gives the same report.
    confidence : float, default .95
        Coverage of all intervals, between 0 and 1.

    Returns
    -------
    ReliabilityReport

    Notes
    -----
    Missing data: rows with a missing answer are dropped (listwise). Floors: section 4.1 of the measurement plan.

    Raises
    ------
    ScoringError
        What `alpha_statistics` and `bootstrap_alpha` raise.
    """
    values = check_numeric_items(items, "alpha").rename(columns=str)
    alpha = alpha_statistics(values, confidence=confidence)
    bootstrap = None
    if clusters is not None:
        bootstrap = bootstrap_alpha(
            values, clusters=clusters, n_draws=n_draws, seed=seed, confidence=confidence
        )
    n = alpha.n_used if bootstrap is None else bootstrap.n_clusters
    k = values.shape[1]
    gates = _gates(values, alpha, n=n, clustered=clusters is not None, k_factors=k_factors)

    def opened(name: str) -> bool:
        return gates[name] is _OPENED

    omega = None
    if opened("omega"):
        omega = omega_total(values, clusters=clusters, n_draws=n_draws, seed=seed, confidence=confidence)
        if omega.value is None:
            gates["omega"] = omega.notes[0]
    hierarchical = None
    if k_factors is not None and opened("omega_hierarchical"):
        hierarchical = omega_hierarchical(values, k_factors)
    two = spearman_brown(values, confidence=confidence) if opened("spearman_brown") else None
    coefficient, value, low, high = _choose(alpha, bootstrap, omega, two)
    return ReliabilityReport(
        alpha=alpha,
        alpha_bootstrap=bootstrap,
        omega=omega,
        omega_hierarchical=hierarchical,
        categorical=categorical_omega(values) if opened("categorical") else None,
        ordinal_alpha=ordinal_alpha(values) if opened("ordinal_alpha") else None,
        spearman_brown=two,
        split_halves=split_half_reliability(values) if opened("split_halves") else None,
        measurement_error=None
        if value is None or alpha.sd is None
        else measurement_error(alpha.sd, min(value, 1.0)),
        gates=gates,
        verdict=_judge(low, n),
        coefficient=coefficient,
        value=value,
        low=low,
        high=high,
        confidence=confidence,
        n_used=alpha.n_used,
        n_dropped=alpha.n_dropped,
        n_clusters=n,
        k_items=k,
        converged=alpha.converged,
        notes=alpha.notes if not alpha.converged else (),
    )


def _gates(
    values: pd.DataFrame, alpha: AlphaStatistics, *, n: int, clustered: bool, k_factors: int | None
) -> dict[str, Note]:
    """For each statistic, that it is open, or the first reason why it is not."""
    k = values.shape[1]
    undefined = [] if alpha.converged else [Note("reliability.undefined", _UNDEFINED)]
    not_ordinal = [] if _is_ordinal(values) else [_closed(_NOT_ORDINAL, most=_MOST_CATEGORIES)]
    too_short = [] if k >= 3 else [_closed(_TOO_SHORT, minimum=3, k=k)]
    asked = [] if k_factors is not None else [_closed(_NOT_ASKED)]
    wide = [] if k >= _HIERARCHICAL_ITEMS else [_closed(_TOO_SHORT, minimum=_HIERARCHICAL_ITEMS, k=k)]
    reasons: dict[str, list[Note]] = {
        "alpha": _below(n, minimum_for("alpha_interval")),
        "alpha_bootstrap": [] if clustered else [_closed(_NO_CLUSTERS)],
        "verdict": _below(n, minimum_for("reliability_verdict")),
        "omega": too_short,
        "omega_hierarchical": asked + wide + _below(n, HIERARCHICAL_MINIMUM),
        "categorical": not_ordinal + too_short + _below(n, CATEGORICAL_MINIMUM),
        "ordinal_alpha": not_ordinal + _below(n, CATEGORICAL_MINIMUM),
        "spearman_brown": ([] if k == 2 else [_closed(_TWO_ONLY)]) + _below(n, SPEARMAN_BROWN_MINIMUM),
        "split_halves": _below(n, minimum_for("alpha_interval")),
    }
    return {name: (undefined + found or [_OPENED])[0] for name, found in reasons.items()}


def _closed(message: str, **params: int) -> Note:
    """The reason why a gate is shut."""
    return Note("reliability.shut", message, params)


def _below(n: int, minimum: int) -> list[Note]:
    """The reason of too few respondents, or none."""
    return [] if n >= minimum else [_closed(_FLOOR, minimum=minimum, n=n)]


def _is_ordinal(values: pd.DataFrame) -> bool:
    """Whether the answers are whole codes of few categories."""
    found = values.to_numpy()
    found = found[~np.isnan(found)]
    return bool((found == np.round(found)).all()) and bool((values.nunique() <= _MOST_CATEGORIES).all())


def _choose(
    alpha: AlphaStatistics,
    bootstrap: BootstrapResult | None,
    omega: OmegaResult | None,
    two: SpearmanBrown | None,
) -> tuple[Literal["omega", "spearman_brown", "alpha"], float | None, float | None, float | None]:
    """The coefficient that the verdict rests on, with its interval."""
    if omega is not None and omega.low is not None:
        return "omega", omega.value, omega.low, omega.high
    if bootstrap is not None:
        return "alpha", bootstrap.value, bootstrap.low, bootstrap.high
    if two is not None and two.low is not None:
        return "spearman_brown", two.value, two.low, two.high
    if alpha.feldt is None:
        return "alpha", alpha.raw, None, None
    return "alpha", alpha.raw, alpha.feldt.low, alpha.feldt.high


def _judge(low: float | None, n: int) -> Verdict:
    """The verdict of section 4.0: no word of praise below 40, and none that the interval does not bear."""
    if n < minimum_for("reliability_verdict"):
        return "too few"
    return "adequate" if low is not None and low >= ADEQUATE else "not shown"
