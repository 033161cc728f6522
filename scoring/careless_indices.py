"""Single signs of careless answering, each with its own cut: page time, long strings, consistency, distance, own word."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.effects import FloatArray
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items, read_numbers

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]
Kind = Literal["time", "string", "consistency", "distance", "self-report"]

# Measurement plan, section 4.8.
SECONDS_PER_ITEM: Final = 2.0
PAGES: Final = 2
LONG_STRING: Final = 12
SUBSCALES: Final = 6
PERSONS_PER_ITEM: Final = 5
# The usual cut of individual reliability (Jackson, 1976).
CONSISTENCY: Final = 0.30
# Share of careful, normally distributed respondents whose distance stays below its cut.
DISTANCE_LEVEL: Final = 0.99
# Share of respondents on whose moments distances are taken.
_SUPPORT: Final = 0.75
_SIMULATED_DISTANCES: Final = 3_000
# Correlations of items whose smallest eigenvalue is below this cannot be inverted.
_SINGULAR: Final = 1e-8

_NO_PAGES = N_("Times of at least %(minimum)d pages are needed to judge the speed; there are %(n)d.")
_NO_CONTRAST = N_("No two subscales contrast in direction, so long strings say nothing and were not counted.")
_SHORT = N_("With %(k)d items no string can be longer than %(limit)d.")
_FEW_SUBSCALES = N_(
    "Even-odd consistency needs %(minimum)d subscales of two items or more; there are %(n)d, so it was not computed."
)
_FLAT = N_(
    "%(n)d respondents answer all halves alike or too few of them, so their consistency is not defined."
)
_FEW_PERSONS = N_(
    "Distances need more than %(times)d complete respondents for each item, so more than %(minimum)d; there are %(n)d."
)
_NO_SPREAD = N_("An item does not vary or follows from others, so distances are not defined.")
_INCOMPLETE = N_("%(n)d respondents with a missing answer have no distance.")


@dataclass(frozen=True)
class CarelessIndex:
    """One index of careless answering.

    Attributes
    ----------
    kind : "time", "string", "consistency", "distance" or "self-report"
    values : Series, one per respondent
        The index; NaN where it is not defined for the respondent.
    flags : Series of bool
        Whether the index alone speaks of carelessness; False where it is not defined. One index alone convicts nobody.
    cut : float or None
        Value from which flags are set; None when the index was not computed.
    n_used : int
        Respondents with a value.
    converged : bool
        False when the index was not computed at all; a note says why.
    notes : tuple of Note
    """

    kind: Kind
    values: "pd.Series[float]"
    flags: "pd.Series[bool]"
    cut: float | None
    n_used: int
    converged: bool
    notes: tuple[Note, ...]


def page_time_index(seconds: pd.DataFrame, items_per_page: Mapping[str, int]) -> CarelessIndex:
    """Judge the speed of answering: the median over pages of seconds per item.

    Parameters
    ----------
    seconds : DataFrame, respondents x pages
        Seconds spent on each page, 0 or more; NaN for a page not seen.
    items_per_page : mapping page -> number of items
        At least 1 each.

    Returns
    -------
    CarelessIndex
        Flagged when the median is below 2 seconds and two pages or more are that fast themselves.

    Notes
    -----
    Missing pages are left out of the median. People differ in speed with their traits and their experience, so speed alone
    convicts nobody.

    References
    ----------
    Huang, J. L., Curran, P. G., Keeney, J., Poposki, E. M., & DeShon, R. P. (2012). Detecting and deterring insufficient effort
    responding to surveys. Journal of Business and Psychology, 27, 99-114. https://doi.org/10.1007/s10869-011-9231-8

    Raises
    ------
    ScoringError
        `careless.number` for times that are no finite numbers of 0 or more, `careless.pages` for a page without a number of items.
    """
    for page in seconds.columns:
        if not items_per_page.get(str(page), 0) >= 1:
            raise ScoringError(
                "careless.pages",
                "Page %(page)s has no number of items.",
                "Say for each page how many items it holds.",
                page=str(page),
            )
    times = np.column_stack(
        [_read(seconds.iloc[:, place], str(page)) for place, page in enumerate(seconds.columns)]
        or [np.empty((len(seconds), 0))]
    )
    if (times < 0).any():
        raise ScoringError("careless.number", "A page took less than no time.", "Pass seconds of 0 or more.")
    if times.shape[1] < PAGES:
        note = Note("careless.pages", _NO_PAGES, {"minimum": PAGES, "n": times.shape[1]})
        return _undefined("time", seconds.index, note)
    paces = times / np.array([items_per_page[str(page)] for page in seconds.columns], dtype=np.float64)
    with warnings.catch_warnings():
        # The median of a respondent without any time is NaN, as it should be.
        warnings.simplefilter("ignore", RuntimeWarning)
        values = np.nanmedian(paces, axis=1)
    flags = (values < SECONDS_PER_ITEM) & ((paces < SECONDS_PER_ITEM).sum(axis=1) >= PAGES)
    return _finish("time", seconds.index, values, flags, SECONDS_PER_ITEM, ())


def long_string_index(
    items: pd.DataFrame, keys: Mapping[str, int], subscales: Mapping[str, Sequence[str]]
) -> CarelessIndex:
    """Find the longest run of one and the same code over contrasting subscales.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Raw codes, columns in the order in which the items were shown.
    keys : mapping item -> 1 or -1
        -1 for items whose high codes mean a problem, or that are reversed for another reason.
    subscales : mapping subscale -> items
        Items that belong to none count in the length of a run only.

    Returns
    -------
    CarelessIndex
        Length of the longest run that holds items of two subscales or more and of both directions, so that it contradicts
        itself; 0 where there is none. Flagged above 12.

    Notes
    -----
    A missing answer ends a run. Within one facet or one direction a long run may well be an honest answer.

    References
    ----------
    Johnson, J. A. (2005). Ascertaining the validity of individual protocols from Web-based personality inventories. Journal of
    Research in Personality, 39, 103-129. https://doi.org/10.1016/j.jrp.2004.09.009

    Raises
    ------
    ScoringError
        `careless.items`, `careless.column`, `careless.number` for items; `careless.keys` and `careless.subscale` for unknown ones.
    """
    values = check_numeric_items(items, "careless")
    belongs = number_subscales(values, subscales)
    member = np.array([belongs.get(str(item), -1) for item in values.columns])
    inside = member >= 0
    signs = np.array([_key(keys, str(item)) if str(item) in belongs else 0 for item in values.columns])
    if len(set(signs[inside])) < 2 or len(set(member[inside])) < 2:
        return _undefined("string", values.index, Note("careless.contrast", _NO_CONTRAST))
    codes = values.to_numpy()
    longest = np.zeros(len(codes))
    length = np.zeros(len(codes))
    start = np.zeros(len(codes), dtype=np.int64)
    for place in range(codes.shape[1]):
        same = (codes[:, place] == codes[:, place - 1]) if place else np.zeros(len(codes), dtype=bool)
        start = np.where(same, start, place)
        length = np.where(np.isnan(codes[:, place]), 0.0, place - start + 1.0)
        contrast = start <= _last_contrast(signs, member, place)
        longest = np.where(contrast, np.maximum(longest, length), longest)
    notes = (
        ()
        if codes.shape[1] > LONG_STRING
        else (Note("careless.short", _SHORT, {"k": codes.shape[1], "limit": LONG_STRING}),)
    )
    return _finish("string", values.index, longest, longest > LONG_STRING, float(LONG_STRING), notes)


def _last_contrast(signs: FloatArray, member: FloatArray, place: int) -> int:
    """The latest start of a run up to `place` that holds both directions and two subscales; -1 when there is none."""
    inside = np.flatnonzero(member[: place + 1] >= 0)
    if len(inside) == 0:
        return -1
    latest = []
    for values in (signs, member):
        other = inside[values[inside] != values[inside[-1]]]
        latest.append(int(other[-1]) if len(other) else -1)
    return min(latest)


def even_odd_consistency(keyed: pd.DataFrame, subscales: Mapping[str, Sequence[str]]) -> CarelessIndex:
    """Correlate within each person the even and the odd halves of the subscales, stepped up by Spearman and Brown.

    Parameters
    ----------
    keyed : DataFrame, respondents x items
        Keyed values on one answer scale (reversed items already turned round).
    subscales : mapping subscale -> items
        Those of two items or more are halved in the order given; at least six of them.

    Returns
    -------
    CarelessIndex
        `2 r/(1 + r)`, -1 to 1, cut off at -1; flagged below .30. Not computed with fewer than six subscales; NaN for a person with
        fewer than six subscales answered on both sides, or whose halves do not vary.

    Notes
    -----
    Missing answers: a half is the mean of its answered items. The same as `careless::evenodd` in R, which returns it with the
    opposite sign. With six subscales that correlate .4 about one careful person in six lies below .30 as well, so the index alone
    convicts nobody.

    References
    ----------
    Jackson, D. N. (1976). The appraisal of personal reliability. Paper at the meetings of the Society of Multivariate Experimental
    Psychology, University Park, PA.
    Meade, A. W., & Craig, S. B. (2012). Identifying careless responses in survey data. Psychological Methods, 17, 437-455.
    https://doi.org/10.1037/a0028085

    Raises
    ------
    ScoringError
        `careless.items`, `careless.column`, `careless.number` for items, `careless.subscale` for an unknown or doubled one.
    """
    values = check_numeric_items(keyed, "careless")
    number_subscales(values, subscales)
    halved = [list(items) for items in subscales.values() if len(items) >= 2]
    if len(halved) < SUBSCALES:
        params = {"minimum": SUBSCALES, "n": len(halved)}
        return _undefined("consistency", values.index, Note("careless.subscales", _FEW_SUBSCALES, params))
    odd = np.column_stack([_mean(values[items[0::2]].to_numpy()) for items in halved])
    even = np.column_stack([_mean(values[items[1::2]].to_numpy()) for items in halved])
    both = ~np.isnan(odd) & ~np.isnan(even)
    odd, even = np.where(both, odd, np.nan), np.where(both, even, np.nan)
    odd, even = odd - _mean(odd)[:, None], even - _mean(even)[:, None]
    squares = np.nansum(odd**2, axis=1), np.nansum(even**2, axis=1)
    known = (both.sum(axis=1) >= SUBSCALES) & (np.minimum(*squares) > 1e-20)
    consistency = np.full(len(values), np.nan)
    r = np.nansum(odd * even, axis=1)[known] / np.sqrt(squares[0] * squares[1])[known]
    # 2 r/(1 + r) is -1 at r = -1/3, where the cut-off stands.
    consistency[known] = 2.0 * np.maximum(r, -1 / 3) / (1.0 + np.maximum(r, -1 / 3))
    flat = int((~known).sum())
    notes = (Note("careless.flat", _FLAT, {"n": flat}),) if flat else ()
    return _finish("consistency", values.index, consistency, consistency < CONSISTENCY, CONSISTENCY, notes)


def robust_distances(items: pd.DataFrame, *, seed: int = 0) -> CarelessIndex:
    """Measure how far each respondent's answers lie from the others', by Mahalanobis distance on robust moments.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Raw or keyed values; turning items round changes nothing.
    seed : int, default 0
        Start of the search for the minimum covariance determinant and of the simulated cut; the same seed gives the same flags.

    Returns
    -------
    CarelessIndex
        Squared distances, flagged above the 99th percentile of careful, normally distributed respondents of the same number and
        items. Not computed unless there are more than five complete respondents for each item.

    Notes
    -----
    Missing data: respondents with a missing answer have no distance. Location and scatter are the minimum covariance determinant's
    on three quarters of the respondents, by scikit-learn. The usual cut, a quantile of chi-square with k degrees of freedom, is not
    used: with 300 respondents and 30 items it calls every fifth careful person an outlier. Distances do not change when items are
    recombined linearly, so their distribution among careful people is simulated for uncorrelated items once and kept.
    R's robustbase::covMcd searches the same minimum with other corrections for small samples, so that distances differ in scale.

    References
    ----------
    Leys, C., Klein, O., Dominicy, Y., & Ley, C. (2018). Detecting multivariate outliers: Use a robust variant of the Mahalanobis
    distance. Journal of Experimental Social Psychology, 74, 150-156. https://doi.org/10.1016/j.jesp.2017.09.011
    Rousseeuw, P. J., & Van Driessen, K. (1999). A fast algorithm for the minimum covariance determinant estimator. Technometrics,
    41, 212-223. https://doi.org/10.1080/00401706.1999.10485670

    Raises
    ------
    ScoringError
        `careless.items`, `careless.column`, `careless.number` for items.
    """
    values = check_numeric_items(items, "careless")
    complete = values.notna().all(axis=1).to_numpy()
    answers = values.to_numpy()[complete]
    n, k = answers.shape
    if n <= PERSONS_PER_ITEM * k:
        params = {"times": PERSONS_PER_ITEM, "minimum": PERSONS_PER_ITEM * k, "n": n}
        return _undefined("distance", values.index, Note("careless.persons", _FEW_PERSONS, params))
    squared = _squared_distances(answers, seed)
    if squared is None:
        return _undefined("distance", values.index, Note("careless.spread", _NO_SPREAD))
    distances = np.full(len(values), np.nan)
    distances[complete] = squared
    cut = _distance_cut(n, k, seed)
    left = int((~complete).sum())
    notes = (Note("careless.incomplete", _INCOMPLETE, {"n": left}),) if left else ()
    return _finish("distance", values.index, distances, distances > cut, cut, notes)


def _squared_distances(answers: FloatArray, seed: int) -> FloatArray | None:
    """Squared distances on the moments of the most compact three quarters, or None where these have no spread."""
    if (answers.std(axis=0) <= 1e-12 * np.maximum(1.0, np.abs(answers).max(axis=0))).any():
        return None
    centred = (answers - answers.mean(axis=0)) / answers.std(axis=0)
    with warnings.catch_warnings():
        # Subsets without spread are common among coarse answers; whether the final one has any is checked below.
        warnings.simplefilter("ignore")
        from sklearn.covariance import MinCovDet

        if np.linalg.eigvalsh(centred.T @ centred / len(centred))[0] < _SINGULAR:
            return None
        try:
            fit = MinCovDet(support_fraction=_SUPPORT, random_state=seed).fit(centred)
        except ValueError:
            return None
        if not np.linalg.eigvalsh(fit.covariance_)[0] > _SINGULAR:
            return None
        return fit.mahalanobis(centred)


@lru_cache(maxsize=64)
def _distance_cut(n: int, k: int, seed: int) -> float:
    """The squared distance that 99 % of careful respondents stay below, from simulated ones."""
    rng = np.random.default_rng([seed, n, k])
    samples = max(math.ceil(_SIMULATED_DISTANCES / n), 2)
    drawn = [_squared_distances(rng.normal(size=(n, k)), seed) for _ in range(samples)]
    return float(np.quantile(np.concatenate([d for d in drawn if d is not None]), DISTANCE_LEVEL))


def diligence_index(diligence: "pd.Series[float]", minimum: float) -> CarelessIndex:
    """Take respondents at their word: flagged whose answer to the diligence item lies below `minimum`.

    Parameters
    ----------
    diligence : Series, one answer per respondent
        "I answered with care" or alike, higher is more careful; NaN is not flagged.
    minimum : float
        Lowest answer that says the data may be used.

    Returns
    -------
    CarelessIndex

    Raises
    ------
    ScoringError
        `careless.number` for answers that are no finite numbers.
    """
    values = _read(diligence, "diligence")
    return _finish("self-report", diligence.index, values, values < minimum, minimum, ())


def number_subscales(values: pd.DataFrame, subscales: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Say which subscale each item belongs to, 0, 1, ...; an item that is no column or stands twice raises ScoringError."""
    known = {str(item) for item in values.columns}
    belongs: dict[str, int] = {}
    for number, (subscale, items) in enumerate(subscales.items()):
        for item in items:
            if item not in known or item in belongs:
                raise ScoringError(
                    "careless.subscale",
                    "Item %(item)s of subscale %(subscale)s is missing from the table or stands in two subscales.",
                    "Give each item to one subscale, by the names of the columns.",
                    item=item,
                    subscale=subscale,
                )
            belongs[item] = number
    return belongs


def _key(keys: Mapping[str, int], item: str) -> int:
    """The key of an item, 1 or -1."""
    if keys.get(item) not in {1, -1}:
        raise ScoringError(
            "careless.keys",
            "Item %(item)s has no key.",
            "Say for each item whether it is keyed 1 or -1.",
            item=item,
        )
    return keys[item]


def _read(values: pd.Series, name: str) -> FloatArray:
    """A column of finite numbers, NaN where missing."""
    read, wrong = read_numbers(values)
    if (wrong | np.isinf(read)).any():
        raise ScoringError(
            "careless.number",
            "Column %(column)s holds something that is not a finite number.",
            "Pass numbers; leave missing values empty (NaN).",
            column=name,
        )
    return read


def _mean(values: FloatArray) -> FloatArray:
    """Mean of each row over the values there are, NaN where there is none."""
    counts = (~np.isnan(values)).sum(axis=1)
    return np.where(counts > 0, np.nansum(values, axis=1) / np.maximum(counts, 1), np.nan)


def _finish(
    kind: Kind,
    index: pd.Index,
    values: FloatArray,
    flags: BoolArray,
    cut: float,
    notes: tuple[Note, ...],
) -> CarelessIndex:
    """An index that was computed."""
    return CarelessIndex(
        kind,
        pd.Series(values, index=index, dtype=np.float64),
        pd.Series(flags, index=index, dtype=bool),
        cut,
        int((~np.isnan(values)).sum()),
        True,
        notes,
    )


def _undefined(kind: Kind, index: pd.Index, note: Note) -> CarelessIndex:
    """An index that was not computed."""
    return CarelessIndex(
        kind,
        pd.Series(np.nan, index=index, dtype=np.float64),
        pd.Series(False, index=index, dtype=bool),
        None,
        0,
        False,
        (note,),
    )
