"""How alike the two people of a pair are, and whether their roles can be told apart in means, variances and covariances."""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.dyads.pairs import (
    DISTINGUISHABILITY_MINIMUM,
    FULL_INFORMATION_MINIMUM,
    ROLES,
    Array,
    check_missing,
    few_pairs,
    find_constants,
    gate_notes,
    is_flat,
    read_pairs,
)
from scoring.errors import Note, ScoringError
from scoring.gates import minimum_for
from scoring.reliability import check_confidence, normal_quantile

_WHAT: Final = "The correlation of the two partners"
_INTERVAL = N_("An interval of the correlation needs at least 4 complete pairs; there are %(n)d.")
_PERFECT = N_("The two partners' scores lie on one line, so the correlation has no interval.")
_NO_TEST = N_(
    "Whether the correlation differs from 0 never decides whether pairs are modelled: they always are."
)
_SINGULAR = N_(
    "The scores can be computed from one another, or there are too few pairs for them, so the roles are not compared."
)
_BY_DESIGN = N_("Mentor and mentee are different roles by design; this test describes, it does not decide.")


@dataclass(frozen=True)
class RoleModel:
    """Means and spread of the roles with the correlation of partners: `y ~ role`, a variance per role, by REML.

    Attributes
    ----------
    mean_mentor, difference : float
        Mean of the mentors, and mentee minus mentor.
    se_mean_mentor, se_difference : float
    sd_mentor, sd_mentee : float
    rho : float
        Correlation of the two partners.
    """

    mean_mentor: float
    difference: float
    se_mean_mentor: float
    se_difference: float
    sd_mentor: float
    sd_mentee: float
    rho: float


@dataclass(frozen=True)
class DyadicCorrelation:
    """How alike mentor and mentee of one pair answer.

    Attributes
    ----------
    r, low, high : float or None
        Pearson's correlation of mentor and mentee scores with Fisher's interval.
    p : float or None
        Of the hypothesis that it is 0; it never decides whether pairs are modelled.
    icc_pairwise : float or None
        Intraclass correlation that ignores the roles, (MSB - MSW) / (MSB + MSW), for comparison only.
    icc_double_entry : float or None
        Pearson's correlation after every pair was entered twice, once in each order.
    icc_role_centred : float or None
        Covariance over the mean of both roles' variances.
    mean_square_between, mean_square_within, F, p_f : float or None
        Analysis of variance of pairs, roles ignored, with `df_between` and `df_within` degrees of freedom.
    model : RoleModel or None
    confidence : float
    n_used, n_dropped : int
        Complete pairs, and pairs with one score only.
    converged : bool
        False when the correlation is not defined.
    notes : tuple of Note
    """

    n_used: int
    n_dropped: int
    confidence: float
    converged: bool
    notes: tuple[Note, ...]
    r: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    icc_pairwise: float | None = None
    icc_double_entry: float | None = None
    icc_role_centred: float | None = None
    mean_square_between: float | None = None
    mean_square_within: float | None = None
    F: float | None = None
    df_between: int | None = None
    df_within: int | None = None
    p_f: float | None = None
    model: RoleModel | None = None


def dyadic_correlation(
    mentor: pd.Series, mentee: pd.Series, *, confidence: float = 0.95
) -> DyadicCorrelation:
    """Correlate the scores of mentor and mentee over pairs.

    Parameters
    ----------
    mentor, mentee : Series of float, one score per pair
        Any unit; the index holds the pairs' labels.
    confidence : float, default .95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    DyadicCorrelation
        None where not defined, with a note: fewer than three pairs, a role that does not vary, fewer than four pairs for the
        interval.

    Notes
    -----
    Missing data: pairs with one score are dropped and counted.

    `tanh(atanh(r) -+ z / sqrt(n - 3))`. With pair means m and differences d, g the grand mean: `MSB = 2 sum (m - g)^2 / (n - 1)`,
    `MSW = sum d^2 / (2 n)`, `F = MSB / MSW` on n - 1 and n. The intraclass correlations treat the partners as exchangeable and
    count a mean difference of the roles as disagreement; they stand here for comparison with studies that had no roles.

    With complete pairs the restricted likelihood of `y ~ role` with a variance per role and one correlation has its maximum at
    the sample's means, standard deviations (n - 1) and r, so nothing is iterated.

    R: `cor.test(mentor, mentee)`; `nlme::gls(y ~ role, correlation = corCompSymm(form = ~ 1 | pair), weights = varIdent(form = ~ 1
    | role))`.

    References
    ----------
    Fisher, R. A. (1921). On the "probable error" of a coefficient of correlation deduced from a small sample. Metron, 1, 3-32.
    Kenny, D. A., Kashy, D. A., & Cook, W. L. (2006). Dyadic data analysis. Guilford.
    Gonzalez, R., & Griffin, D. (1995). The correlational analysis of dyad-level data in the distinguishable case. Personal
    Relationships, 2, 271-280.

    Raises
    ------
    ScoringError
        `dyads.series`, `dyads.index`, `dyads.number` (see `read_pairs`); `dyads.confidence`.
    """
    check_confidence(confidence, "dyads")
    table = read_pairs({"mentor": mentor, "mentee": mentee})
    both = table.dropna()
    n = len(both)
    counts = DyadicCorrelation(n, len(table) - n, confidence, False, ())
    if n < 3:
        return replace(counts, notes=(few_pairs(_WHAT, n, 3),))
    a, b = both["mentor"].to_numpy(), both["mentee"].to_numpy()
    counts = _add_variance_analysis(counts, a, b)
    constant = find_constants(both, "the correlation of the two partners")
    if constant:
        return replace(counts, notes=tuple(constant))
    notes = [Note("dyads.no_test", _NO_TEST), *gate_notes(_WHAT, n, minimum_for("dyadic_correlation"))]
    covariance = np.cov(a, b)
    sd_a, sd_b = (float(value) for value in np.sqrt(np.diagonal(covariance)))
    r = float(np.clip(covariance[0, 1] / (sd_a * sd_b), -1.0, 1.0))
    perfect = 1.0 - abs(r) < 1e-12
    if perfect:
        notes.append(Note("dyads.perfect", _PERFECT))
    elif n < 4:
        notes.append(Note("dyads.interval", _INTERVAL, {"n": n}))
    low, high = (None, None) if perfect or n < 4 else _optional_pair(fisher_interval(r, n, confidence))
    difference = b - a
    return replace(
        counts,
        r=r,
        low=low,
        high=high,
        p=_correlation_p(r, n),
        icc_role_centred=2.0 * float(covariance[0, 1]) / (sd_a**2 + sd_b**2),
        model=RoleModel(
            mean_mentor=float(a.mean()),
            difference=float(difference.mean()),
            se_mean_mentor=sd_a / math.sqrt(n),
            se_difference=float(difference.std(ddof=1)) / math.sqrt(n),
            sd_mentor=sd_a,
            sd_mentee=sd_b,
            rho=r,
        ),
        converged=True,
        notes=tuple(notes),
    )


def fisher_interval(r: Array | float, n: int, confidence: float = 0.95) -> tuple[Array, Array]:
    """Return Fisher's interval of correlations of n pairs, n at least 4; r may hold many samples of one size."""
    centre, half = np.arctanh(r), normal_quantile(confidence) / math.sqrt(n - 3)
    return np.tanh(centre - half), np.tanh(centre + half)


def _optional_pair(ends: tuple[Array, Array]) -> tuple[float, float]:
    """Two ends as plain numbers."""
    return float(ends[0]), float(ends[1])


def _correlation_p(r: float, n: int) -> float:
    """Two-sided p of a correlation."""
    from scipy.stats import t as student

    rest = 1.0 - r * r
    return 0.0 if rest <= 0.0 else float(2.0 * student.sf(abs(r) * math.sqrt((n - 2) / rest), n - 2))


def _add_variance_analysis(counts: DyadicCorrelation, a: Array, b: Array) -> DyadicCorrelation:
    """The analysis of variance of pairs without roles; everything None where nobody differs from anybody."""
    from scipy.stats import f

    if is_flat(np.concatenate([a, b])):
        return counts
    n, grand = len(a), float(a.mean() + b.mean()) / 2.0
    a, b = a - grand, b - grand
    between = 2.0 * float((((a + b) / 2.0) ** 2).sum()) / (n - 1)
    within = float(((a - b) ** 2).sum()) / (2.0 * n)
    ratio = between / within if within > 0.0 else None
    return replace(
        counts,
        icc_pairwise=(between - within) / (between + within),
        icc_double_entry=2.0 * float(a @ b) / float(a @ a + b @ b),
        mean_square_between=between,
        mean_square_within=within,
        F=ratio,
        df_between=n - 1,
        df_within=n,
        p_f=None if ratio is None else float(f.sf(ratio, n - 1, n)),
    )


@dataclass(frozen=True)
class Distinguishability:
    """Whether the two roles differ in means, variances or covariances at all.

    Attributes
    ----------
    chi_square : float or None
        Likelihood ratio against the model in which mentor and mentee could be exchanged.
    df : int
        k + k^2 for k measures: k means, and k^2 variances and covariances.
    p : float or None
    measures : tuple of str
        What was compared: one measure, one measure at several waves, or several.
    missing : "listwise" or "fiml"
    n_used, n_dropped : int
        Pairs used, and pairs left out.
    converged : bool
    notes : tuple of Note
    """

    chi_square: float | None
    df: int
    p: float | None
    measures: tuple[str, ...]
    missing: Literal["listwise", "fiml"]
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


def distinguishability(
    mentor: pd.Series | pd.DataFrame,
    mentee: pd.Series | pd.DataFrame,
    *,
    missing: Literal["listwise", "fiml"] = "listwise",
) -> Distinguishability:
    """Test whether mentors and mentees could be exchanged: equal means, variances, and covariances, all at once.

    Parameters
    ----------
    mentor, mentee : Series, or DataFrame of pairs x k measures
        The same measures of both roles, columns named alike; the index holds the pairs' labels. Two waves of one scale make the
        test that precedes an actor-partner model (I-SAT).
    missing : "listwise" or "fiml"
        Complete pairs only, or all pairs with any score by full information maximum likelihood (missing at random).

    Returns
    -------
    Distinguishability
        With a note below 40 pairs.

    Notes
    -----
    If the roles can be exchanged, differences mentor - mentee have mean 0 and do not covary with sums mentor + mentee. For complete
    pairs `chi2 = n (ln|S_sum| + ln|Q_difference| - ln|S_sum,difference|)`, S with denominator n and Q the mean products of the
    differences around 0. With missing scores both models are fitted by full information.

    R: lavaan's likelihood ratio of the I-SAT model against the saturated one; for one measure `anova` of two `nlme::gls` by ML.

    References
    ----------
    Olsen, J. A., & Kenny, D. A. (2006). Structural equation modeling with interchangeable dyads. Psychological Methods, 11,
    127-141. https://doi.org/10.1037/1082-989X.11.2.127

    Raises
    ------
    ScoringError
        `dyads.measures` when the two tables do not hold the same measures; and as `read_pairs`.
    """
    check_missing(missing)
    measures, table = _read_measures(mentor, mentee)
    k = len(measures)
    used = table.dropna() if missing == "listwise" else table
    n, df = len(used), k + k * k
    notes = [
        Note("dyads.by_design", _BY_DESIGN),
        *gate_notes("The test of distinguishability", n, DISTINGUISHABILITY_MINIMUM),
    ]
    if missing == "fiml":
        notes += gate_notes("A model with full information", n, FULL_INFORMATION_MINIMUM)
    result = Distinguishability(None, df, None, measures, missing, n, len(table) - n, False, tuple(notes))
    if missing == "fiml" and used.isna().to_numpy().any():
        return _exchange_full_information(result, used)
    chi_square = _exchange_complete(used.to_numpy(), k)
    if chi_square is None:
        return replace(result, notes=(*notes, Note("dyads.singular", _SINGULAR)))
    return _finish(result, chi_square)


def _read_measures(
    mentor: pd.Series | pd.DataFrame, mentee: pd.Series | pd.DataFrame
) -> tuple[tuple[str, ...], pd.DataFrame]:
    """The names of the measures, and the table: all of the mentor's, then all of the mentee's."""
    tables = [
        part.rename("score").to_frame() if isinstance(part, pd.Series) else part for part in (mentor, mentee)
    ]
    names = [[str(name) for name in part.columns] for part in tables]
    if names[0] != names[1] or not names[0] or len(set(names[0])) < len(names[0]):
        raise ScoringError(
            "dyads.measures",
            "The measures of the two roles are not the same: %(mentor)s and %(mentee)s.",
            "Give both tables the same columns in the same order, each once.",
            mentor=", ".join(names[0]),
            mentee=", ".join(names[1]),
        )
    columns = {
        f"{role} {name}": part.iloc[:, place]
        for role, part in zip(ROLES, tables, strict=True)
        for place, name in enumerate(names[0])
    }
    return tuple(names[0]), read_pairs(columns)


def _finish(result: Distinguishability, chi_square: float) -> Distinguishability:
    """The result with its statistic."""
    from scipy.stats import chi2

    value = max(chi_square, 0.0)
    return replace(result, chi_square=value, p=float(chi2.sf(value, result.df)), converged=True)


def _exchange_complete(values: Array, k: int) -> float | None:
    """The likelihood ratio in closed form; None where a covariance matrix is singular."""
    n = len(values)
    if n <= 2 * k:
        return None
    sd = np.sqrt((values[:, :k].var(axis=0) + values[:, k:].var(axis=0)) / 2.0)
    if not (sd > 0.0).all():
        return None
    # In units of each measure's own spread, so that metres and kilograms do not make a matrix look singular.
    first, second = values[:, :k] / sd, values[:, k:] / sd
    total, difference = first + second, first - second
    both = np.concatenate([total, difference], axis=1)
    free = np.cov(both.T, bias=True)
    if np.linalg.eigvalsh(free)[0] < 1e-10:
        return None
    sums = np.cov(total.T, bias=True).reshape(k, k)
    squares = difference.T @ difference / n
    logs = [float(np.linalg.slogdet(matrix)[1]) for matrix in (sums, squares, free)]
    return n * (logs[0] + logs[1] - logs[2])


def _exchange_full_information(result: Distinguishability, table: pd.DataFrame) -> Distinguishability:
    """The likelihood ratio by fitting the model of exchangeable roles to incomplete pairs."""
    from scoring.sem.data import prepare_data
    from scoring.sem.estimate import fit_specification
    from scoring.sem.model import Parameter, Specification

    k, names = len(result.measures), [str(name) for name in table.columns]
    parameters = []
    for i in range(2 * k):
        parameters.append(Parameter(names[i], "~1", "", label=f"mean {i % k}"))
        for j in range(i, 2 * k):
            first, second = sorted((i % k, j % k))
            # Covariances of one person's measures are equal in both roles, and so are those between partners.
            kind = "own" if i // k == j // k else "partner"
            parameters.append(Parameter(names[i], "~~", names[j], label=f"{kind} {first} {second}"))
    try:
        data = prepare_data(table, names, missing="fiml")
        fit = fit_specification(data, Specification(tuple(names), (), tuple(parameters)), thorough=False)
    except ScoringError as problem:
        return replace(result, notes=(*result.notes, Note(problem.code, problem.message, problem.params)))
    if not fit.converged:
        return replace(result, notes=(*result.notes, *fit.notes))
    return _finish(result, fit.measures.chi_square)
