"""Ordinal logistic regression with proportional odds, fitted by Newton's method to one problem or many at once."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.effects import FloatArray
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers
from scoring.intraclass import check_confidence

IntArray = np.ndarray[Any, np.dtype[np.int64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

# Newton's steps are taken until the next would raise the log-likelihood by less than this, and then once more.
_DECREMENT: Final = 1e-10
_MAX_STEPS: Final = 60
_HALVINGS: Final = 30
# Predictors whose correlation matrix has a smaller eigenvalue say the same thing twice.
_SINGULAR: Final = 1e-10
# A standardized slope with a larger standard error runs away: its predictor separates the categories.
_RUNAWAY: Final = 50.0
# More distinct answers than this are no categories.
MOST_CATEGORIES: Final = 30


@dataclass(frozen=True)
class OddsFits:
    """Maximum likelihood fits of b problems with the same number of categories J and of predictors p.

    Attributes
    ----------
    thresholds : array (b, J - 1)
        In rising order.
    slopes : array (b, p)
    covariance : array (b, J - 1 + p, J - 1 + p)
        Inverse of the observed information, thresholds first.
    log_likelihood : array (b,)
    converged, identified, separated : arrays of bool (b,)
        Whether a maximum was reached; whether no predictor is constant or made up by others (NaN everywhere if not); whether a
        predictor separates categories, so that its slope has no finite value.
    """

    thresholds: FloatArray
    slopes: FloatArray
    covariance: FloatArray
    log_likelihood: FloatArray
    converged: BoolArray
    identified: BoolArray
    separated: BoolArray


def fit_proportional_odds(
    counts: FloatArray, design: FloatArray, start: tuple[FloatArray, FloatArray] | None = None
) -> OddsFits:
    """Fit `logit P(y <= j) = threshold_j - x'slope` to tables of cells, many problems in one go.

    Parameters
    ----------
    counts : array (b, m, J)
        How many respondents (or their expected number) of each cell chose each category; every category is chosen by somebody.
        Cells without anybody are allowed.
    design : array (b, m, p)
        Predictors of each cell.
    start : (array (b, J - 1), array (b, p)), optional
        Thresholds and slopes to start from.

    Returns
    -------
    OddsFits

    Notes
    -----
    With `u = threshold - x'slope`, the probability of a middle category is a product, `s(u_j) s(-u_{j-1}) (1 - exp(threshold_{j-1}
    - threshold_j))` with s the logistic function. So the log-likelihood is one of separate logistic regressions, one a threshold,
    plus a term of the thresholds' distances alone, and its information matrix costs a product of the design with itself. It is
    concave (Pratt, 1981), so that Newton's method with halved steps finds the only maximum. Predictors are standardized inside.

    References
    ----------
    McCullagh, P. (1980). Regression models for ordinal data. Journal of the Royal Statistical Society B, 42, 109-142.
    https://doi.org/10.1111/j.2517-6161.1980.tb01109.x
    Pratt, J. W. (1981). Concavity of the log likelihood. Journal of the American Statistical Association, 76, 103-106.
    https://doi.org/10.1080/01621459.1981.10477613
    """
    b, _, n_thresholds = counts.shape[0], counts.shape[1], counts.shape[2] - 1
    p = design.shape[2]
    centre, scale, identified = _scaling(counts.sum(axis=2), design)
    standardized = (design - centre[:, None, :]) / scale[:, None, :]
    if start is None:
        cumulated = counts.sum(axis=1).cumsum(axis=1)
        shares = cumulated[:, :-1] / cumulated[:, -1:]
        points = np.concatenate([np.log(shares / (1.0 - shares)), np.zeros((b, p))], axis=1)
    else:
        thresholds = start[0] - (start[1] * centre).sum(axis=1, keepdims=True)
        points = np.concatenate([thresholds, start[1] * scale], axis=1)
    likelihood = np.full(b, np.nan)
    information = np.full((b, n_thresholds + p, n_thresholds + p), np.nan)
    converged = np.zeros(b, dtype=bool)
    active = np.flatnonzero(identified)
    if len(active):
        found = _climb(counts[active], standardized[active], points[active])
        points[active], likelihood[active], information[active], converged[active] = found
    points[~identified] = np.nan
    covariance = np.full_like(information, np.nan)
    covariance[active] = np.linalg.inv(_steady(information[active]))
    errors = np.einsum("bii->bi", covariance)[:, n_thresholds:]
    separated = identified & (errors > _RUNAWAY**2).any(axis=1)
    return _rescale(
        OddsFits(
            points[:, :n_thresholds],
            points[:, n_thresholds:],
            covariance,
            likelihood,
            converged & ~separated,
            identified,
            separated,
        ),
        centre,
        scale,
    )


def _scaling(weights: FloatArray, design: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Mean and standard deviation of each predictor, and whether the predictors are independent."""
    total = weights.sum(axis=1)[:, None]
    centre = np.einsum("bm,bmp->bp", weights, design) / total
    centred = design - centre[:, None, :]
    covariance = np.einsum("bmp,bm,bmq->bpq", centred, weights, centred) / total[:, :, None]
    scale = np.sqrt(np.einsum("bii->bi", covariance))
    level = np.maximum(1.0, np.abs(design).max(axis=1, initial=0.0))
    varies = (scale > 1e-12 * level).all(axis=1)
    scale = np.where(scale > 1e-12 * level, scale, 1.0)
    correlation = covariance / (scale[:, :, None] * scale[:, None, :])
    smallest = np.linalg.eigvalsh(correlation)[:, 0] if design.shape[2] else np.ones(len(design))
    return centre, scale, varies & (smallest > _SINGULAR)


def _climb(
    counts: FloatArray, design: FloatArray, points: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
    """Newton's method with halved steps: the maxima, their log-likelihoods and information, and which were reached."""
    value, gradient, information = _evaluate(counts, design, points)
    last = np.zeros(len(points), dtype=bool)
    done = np.zeros(len(points), dtype=bool)
    for _ in range(_MAX_STEPS):
        step = np.linalg.solve(_steady(information), gradient[..., None])[..., 0]
        decrement = (step * gradient).sum(axis=1)
        # Whoever was as good as there before this step is there after it.
        done |= last
        last |= decrement < _DECREMENT
        step[done] = 0.0
        size = np.ones(len(points))
        for _ in range(_HALVINGS):
            trial = points + size[:, None] * step
            new_value, new_gradient, new_information = _evaluate(counts, design, trial)
            worse = ~(new_value >= value - 1e-9 * (1.0 + np.abs(value)))
            if not worse.any():
                break
            size[worse] /= 2.0
        points, value, gradient, information = trial, new_value, new_gradient, new_information
        if done.all():
            break
    return points, value, information, done


def _evaluate(
    counts: FloatArray, design: FloatArray, points: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log-likelihood (minus infinity for thresholds out of order), gradient and observed information."""
    from scipy.special import expit, log_expit

    n_thresholds = counts.shape[2] - 1
    thresholds, slopes = points[:, :n_thresholds], points[:, n_thresholds:]
    u = thresholds[:, None, :] - np.einsum("bmp,bp->bm", design, slopes)[:, :, None]
    at_or_below, above = counts[:, :, :-1], counts[:, :, 1:]
    both = at_or_below + above
    below = expit(u)
    score = at_or_below - both * below
    weight = both * below * expit(-u)
    value = (at_or_below * log_expit(u) + above * log_expit(-u)).sum(axis=(1, 2))

    gradient = np.concatenate(
        [score.sum(axis=1), -np.einsum("bmp,bm->bp", design, score.sum(axis=2))], axis=1
    )
    information = np.zeros((len(points), points.shape[1], points.shape[1]))
    cross = -np.einsum("bmt,bmp->btp", weight, design)
    weighted = weight.sum(axis=2)[:, :, None] * design
    information[:, n_thresholds:, n_thresholds:] = design.transpose(0, 2, 1) @ weighted
    information[:, :n_thresholds, n_thresholds:] = cross
    information[:, n_thresholds:, :n_thresholds] = cross.transpose(0, 2, 1)
    diagonal = np.arange(n_thresholds)
    information[:, diagonal, diagonal] = weight.sum(axis=1)

    distance = np.diff(thresholds, axis=1)
    ordered = (distance > 0).all(axis=1)
    distance = np.where(distance > 0, distance, 1.0)
    middle = counts[:, :, 1:-1].sum(axis=1)
    share, left = np.exp(-distance), -np.expm1(-distance)
    value = np.where(ordered, value + (middle * np.log(left)).sum(axis=1), -np.inf)
    pull, bend = middle * share / left, middle * share / left**2
    lower, upper = diagonal[:-1], diagonal[1:]
    gradient[:, upper] += pull
    gradient[:, lower] -= pull
    information[:, upper, upper] += bend
    information[:, lower, lower] += bend
    information[:, upper, lower] -= bend
    information[:, lower, upper] -= bend
    return value, gradient, information


def _steady(information: FloatArray) -> FloatArray:
    """The information with a trace of its diagonal added, so that a runaway slope does not stop the others."""
    steadied = information.copy()
    diagonal = np.arange(information.shape[1])
    steadied[:, diagonal, diagonal] *= 1.0 + 1e-13
    steadied[:, diagonal, diagonal] += 1e-14
    return steadied


def _rescale(fits: OddsFits, centre: FloatArray, scale: FloatArray) -> OddsFits:
    """Take fits on standardized predictors back to the predictors' own units."""
    n_thresholds, size = fits.thresholds.shape[1], fits.covariance.shape[1]
    back = np.zeros_like(fits.covariance)
    back[:, np.arange(size), np.arange(size)] = 1.0
    back[:, n_thresholds:, n_thresholds:] /= scale[:, :, None]
    back[:, :n_thresholds, n_thresholds:] = (centre / scale)[:, None, :]
    slopes = fits.slopes / scale
    return OddsFits(
        fits.thresholds + (slopes * centre).sum(axis=1, keepdims=True),
        slopes,
        back @ fits.covariance @ back.transpose(0, 2, 1),
        fits.log_likelihood,
        fits.converged,
        fits.identified,
        fits.separated,
    )


def null_log_likelihood(totals: FloatArray) -> FloatArray:
    """Return the log-likelihood of thresholds alone from how often each category was chosen (last axis)."""
    shares = totals / totals.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(totals > 0, totals * np.log(shares), 0.0).sum(axis=-1)


def nagelkerke_r2(log_likelihood: Any, null: Any, n: float) -> Any:
    """Return Nagelkerke's R2, `(1 - exp(2 (l0 - l)/n)) / (1 - exp(2 l0/n))`, 0 to 1; https://doi.org/10.1093/biomet/78.3.691."""
    return -np.expm1(2.0 * (null - log_likelihood) / n) / -np.expm1(2.0 * null / n)


@dataclass(frozen=True)
class OrdinalRegression:
    """An ordinal logistic regression with proportional odds.

    Attributes
    ----------
    coefficients : DataFrame, one row per predictor
        estimate (log-odds of a higher category per unit), se, z, p, low, high.
    thresholds : DataFrame, one row per boundary between categories, "1|2"
        estimate, se.
    covariance : DataFrame
        Of thresholds and coefficients, in this order.
    categories : tuple of float
        Codes that occur, in rising order.
    log_likelihood, log_likelihood_null : float or None
        Of the model and of the thresholds alone.
    r2_nagelkerke, r2_cox_snell, r2_mcfadden : float or None
    confidence : float
    n_used, n_dropped : int
    converged : bool
        False when there is no maximum: too few categories, predictors that say the same thing, or separation. What is not
        defined is NaN or None then, and a note says why.
    notes : tuple of Note
    """

    coefficients: pd.DataFrame
    thresholds: pd.DataFrame
    covariance: pd.DataFrame
    categories: tuple[float, ...]
    log_likelihood: float | None
    log_likelihood_null: float | None
    r2_nagelkerke: float | None
    r2_cox_snell: float | None
    r2_mcfadden: float | None
    confidence: float
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


_CATEGORIES = N_("An ordinal regression needs answers in two categories or more; there are %(n)d.")
_COLLINEAR = N_(
    "A predictor is constant or can be computed from the others, so no effect can be told from another."
)
_SEPARATED = N_(
    "A predictor separates the categories, so its effect has no finite estimate; likelihood and R2 are those in the limit."
)
_SLOW = N_("The fit did not converge.")


def ordinal_logistic(y: pd.Series, X: pd.DataFrame, *, confidence: float = 0.95) -> OrdinalRegression:
    """Regress ordered categories on predictors with proportional odds.

    Parameters
    ----------
    y : Series, one answer per respondent
        Codes; only their order counts. At most 30 different ones.
    X : DataFrame with the same index, respondents x predictors
        Numbers; a group is passed as 0 and 1.
    confidence : float, default .95
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    OrdinalRegression

    Notes
    -----
    Missing data: rows with a missing value are dropped.

    `logit P(y <= j) = threshold_j - x'coefficient`, so a positive coefficient means higher answers. Standard errors come from the
    observed information, intervals are Wald's. The same as R's `MASS::polr(y ~ x, method = "logistic", Hess = TRUE)`; polr stops
    earlier (its estimates differ by about 1e-5) and reports no separation.

    References
    ----------
    McCullagh, P. (1980), see `fit_proportional_odds`.
    Nagelkerke, N. J. D. (1991). A note on a general definition of the coefficient of determination. Biometrika, 78, 691-692.
    https://doi.org/10.1093/biomet/78.3.691

    Raises
    ------
    ScoringError
        `odds.rows` for predictors on another index, `odds.column` for none or doubled ones, `odds.number` for text or infinite
        values, `odds.categories` for more than 30 different answers, `odds.confidence`.
    """
    check_confidence(confidence, "odds")
    if not y.index.equals(X.index):
        raise ScoringError(
            "odds.rows", "Answers and predictors do not stand in the same rows.", "Give both the same index."
        )
    if X.shape[1] == 0 or X.columns.has_duplicates:
        raise ScoringError(
            "odds.column", "There is no predictor, or one stands in two columns.", "Pass each predictor once."
        )
    columns = [_read_column(y, "y"), *(_read_column(X[name], str(name)) for name in X.columns)]
    values = np.column_stack(columns)
    complete = values[~np.isnan(values).any(axis=1)]
    categories, codes = np.unique(complete[:, 0], return_inverse=True)
    check_categories(len(categories), "y", "odds")
    names = [f"{a:g}|{b:g}" for a, b in itertools.pairwise(categories)]
    names += [str(name) for name in X.columns]
    fits = None
    if len(categories) >= 2:
        cells, members = np.unique(complete[:, 1:], axis=0, return_inverse=True)
        counts = count_cells(members.ravel(), codes, len(cells), len(categories))
        fits = fit_proportional_odds(counts[None], cells[None])
    sizes = (len(complete), len(values) - len(complete))
    return _describe(fits, names, categories, codes, sizes, confidence)


def _read_column(values: pd.Series, name: str) -> FloatArray:
    """A column of numbers without infinite ones."""
    read, wrong = read_numbers(values)
    if (wrong | np.isinf(read)).any():
        raise ScoringError(
            "odds.number",
            "Column %(column)s holds something that is not a finite number.",
            "Pass numbers; leave missing values empty (NaN).",
            column=name,
        )
    return read


def check_categories(n: int, item: str, statistic: str) -> None:
    """Refuse answers too fine to be categories with a ScoringError whose code starts with `statistic`."""
    if n > MOST_CATEGORIES:
        raise ScoringError(
            f"{statistic}.categories",
            "%(item)s has %(n)d different answers, too many for ordered categories.",
            "Pass codes of at most %(most)d options.",
            item=item,
            n=n,
            most=MOST_CATEGORIES,
        )


def count_cells(members: IntArray, codes: IntArray, n_cells: int, n_categories: int) -> FloatArray:
    """Count how often each category (code 0, 1, ...) was chosen in each cell; cells x categories."""
    counted = np.bincount(members * n_categories + codes, minlength=n_cells * n_categories)
    return counted.reshape(n_cells, n_categories).astype(np.float64)


def _describe(
    fits: OddsFits | None,
    names: Sequence[str],
    categories: FloatArray,
    codes: IntArray,
    sizes: tuple[int, int],
    confidence: float,
) -> OrdinalRegression:
    """Name what a fit found, and what it did not."""
    from scipy.stats import norm

    n_thresholds = max(len(categories) - 1, 0)
    table = pd.DataFrame(np.nan, index=list(names), columns=["estimate", "se", "z", "p", "low", "high"])
    covariance = pd.DataFrame(np.nan, index=list(names), columns=list(names))
    likelihoods: dict[str, float | None] = dict.fromkeys(
        ("log_likelihood", "log_likelihood_null", "r2_nagelkerke", "r2_cox_snell", "r2_mcfadden")
    )
    if fits is not None and fits.identified[0]:
        null = float(null_log_likelihood(np.bincount(codes).astype(np.float64)))
        model = float(fits.log_likelihood[0])
        likelihoods = {
            "log_likelihood": model,
            "log_likelihood_null": null,
            "r2_nagelkerke": float(nagelkerke_r2(model, null, sizes[0])),
            "r2_cox_snell": float(-np.expm1(2.0 * (null - model) / sizes[0])),
            "r2_mcfadden": 1.0 - model / null,
        }
    if fits is not None and fits.converged[0]:
        table["estimate"] = np.concatenate([fits.thresholds[0], fits.slopes[0]])
        covariance.loc[:, :] = fits.covariance[0]
        table["se"] = np.sqrt(np.diag(fits.covariance[0]))
        table["z"] = table["estimate"] / table["se"]
        table["p"] = 2.0 * norm.sf(table["z"].abs())
        half = float(norm.ppf((1.0 + confidence) / 2.0)) * table["se"]
        table["low"], table["high"] = table["estimate"] - half, table["estimate"] + half
    return OrdinalRegression(
        coefficients=table.iloc[n_thresholds:],
        thresholds=table.iloc[:n_thresholds][["estimate", "se"]],
        covariance=covariance,
        categories=tuple(float(code) for code in categories),
        **likelihoods,
        confidence=confidence,
        n_used=sizes[0],
        n_dropped=sizes[1],
        converged=fits is not None and bool(fits.converged[0]),
        notes=_explain(fits, len(categories)),
    )


def _explain(fits: OddsFits | None, n_categories: int) -> tuple[Note, ...]:
    """Why a fit has no estimates."""
    if fits is None:
        return (Note("odds.constant", _CATEGORIES, {"n": n_categories}),)
    if not fits.identified[0]:
        return (Note("odds.collinear", _COLLINEAR),)
    if fits.separated[0]:
        return (Note("odds.separated", _SEPARATED),)
    return () if fits.converged[0] else (Note("odds.converged", _SLOW),)
