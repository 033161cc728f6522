"""Keys and scores: raw code -> keyed value -> score, three words for three things (measurement plan section 3.9)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from instruments.model import Instrument, Scale
from scoring.errors import Note, ScoringError
from scoring.frames import IDENTITY, check_item_frame, read_numbers
from scoring.gates import MINIMUM_ANSWERED

# A sum of this many exact scores still fits into 64 bits.
_LARGEST_SUM: Final = 2**62
_RESPONDENTS: Final = 100_000


@dataclass(frozen=True)
class IntegerScores:
    """Scores as whole numbers: `values` is score * `multiplier` without rounding, so equal scores are exactly equal.

    Attributes
    ----------
    values : Series of Int64
        One per row, pandas.NA where the score is missing.
    multiplier : int
        L = lcm(1, ..., k): every mean of at most k whole numbers becomes whole when multiplied by it.
    """

    values: pd.Series
    multiplier: int


@dataclass(frozen=True)
class ScaleScores:
    """The scores of one scale.

    Attributes
    ----------
    scores : Series of float
        Mean keyed value of the valid items, in the unit of the codes; NaN where too few items were answered.
    n_valid : Series of int
        Valid items per row, 0 to `k_items`.
    k_items : int
        Items of the scale.
    k_required : int
        Valid items a row needs for a score: ceil(2k/3) unless told otherwise.
    exact : IntegerScores or None
        The same scores as whole numbers; None when a code is not a whole number or the scale is too long for 64 bits.
    """

    scores: pd.Series
    n_valid: pd.Series
    k_items: int
    k_required: int
    exact: IntegerScores | None


@dataclass(frozen=True)
class ScoreSet:
    """Every score of an item frame.

    Attributes
    ----------
    scores : DataFrame
        Index and identity columns of the frame, then one float column per scale, NaN where the scale was not asked in that
        row's form or too few of its items were answered.
    n_valid : DataFrame of Int64
        Valid items per row and scale, pandas.NA where the scale was not asked.
    exact : mapping scale id -> IntegerScores
        The same scores as whole numbers; a scale without whole codes is missing here.
    keyed : mapping scale id -> DataFrame of float64
        Keyed values of the rows whose form asked the scale.
    asked : mapping (wave, role) -> tuple of scale ids
        What each form in the frame asked completely.
    widths : mapping scale id -> float
        Width of the score's range in points, maximum minus minimum.
    notes : tuple of Note
    """

    scores: pd.DataFrame
    n_valid: pd.DataFrame
    exact: Mapping[str, IntegerScores]
    keyed: Mapping[str, pd.DataFrame]
    asked: Mapping[tuple[str, str], tuple[str, ...]]
    widths: Mapping[str, float]
    notes: tuple[Note, ...]

    def select(
        self, scale: str, *, role: str, wave: str, cohort: str | None = None
    ) -> tuple[pd.Series, IntegerScores | None]:
        """Return the scores of one scale, role, wave and (optionally) cohort, indexed by (respondent, pair).

        Returns
        -------
        Series of float, IntegerScores or None
            Both with the same two-level index; a missing score is NaN or pandas.NA; empty when the scale was not asked.

        Raises
        ------
        ScoringError
            `scores.scale` when the set has no such scale.
        """
        if scale not in self.widths:
            raise ScoringError(
                "scores.scale",
                "No scale %(scale)s was scored.",
                "Use one of: %(known)s.",
                scale=scale,
                known=", ".join(self.widths),
            )
        chosen = (self.scores["role"] == role) & (self.scores["wave"] == wave)
        if cohort is not None:
            chosen &= self.scores["cohort"] == cohort
        if scale not in self.asked.get((wave, role), ()):
            chosen &= False
        rows = self.scores.loc[chosen]
        index = pd.MultiIndex.from_frame(rows[["respondent", "pair"]])
        exact = self.exact.get(scale)
        return rows[scale].set_axis(index), exact and IntegerScores(
            exact.values.loc[rows.index].set_axis(index), exact.multiplier
        )


def keyed_items(
    items: pd.DataFrame, keys: Mapping[str, int], *, minimum: float, maximum: float
) -> pd.DataFrame:
    """Turn raw codes into keyed values: `x` for key +1, `minimum + maximum - x` for key -1.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Raw codes from `minimum` to `maximum`; further columns are left out.
    keys : mapping item -> +1 or -1
        The items of the scale; at least one.
    minimum, maximum : float
        Smallest and largest code the items can take (not those that occur), minimum < maximum.

    Returns
    -------
    DataFrame of float64
        Same index, one column per key in the order of `keys`.

    Notes
    -----
    Missing answers are NaN and stay NaN. R: `minimum + maximum - x`, as psych::reverse.code does.

    Raises
    ------
    ScoringError
        `keys.empty`, `keys.sign` (a key other than +1 or -1), `keys.range` (minimum not below maximum), `keys.column` (an
        item is no column, or more than one), `keys.code` (a value that is no number or lies outside the range).
    """
    _check_keys(items, keys, minimum, maximum)
    keyed = {}
    for item, sign in keys.items():
        codes = _read_codes(items[item], item, minimum, maximum)
        keyed[item] = codes if sign == 1 else minimum + maximum - codes
    return pd.DataFrame(keyed, index=items.index, dtype="float64")


def score_scale(
    items: pd.DataFrame,
    keys: Mapping[str, int],
    *,
    minimum: float,
    maximum: float,
    minimum_answered: Fraction | float = MINIMUM_ANSWERED,
) -> ScaleScores:
    """Score one scale: the mean of the valid keyed items when at least ceil(2k/3) of the k items are valid.

    Parameters
    ----------
    items, keys, minimum, maximum
        As in `keyed_items`.
    minimum_answered : Fraction or float, default 2/3
        Share of the items a row needs, above 0 and at most 1; rounded up to whole items.

    Returns
    -------
    ScaleScores
        Scores from `minimum` to `maximum`, unrounded.

    Notes
    -----
    A row with too few valid items has the score NaN; nothing is imputed. A row where every answer is missing has n_valid 0.
    R: `rowMeans(x, na.rm = TRUE)` with rows of fewer than `ceiling(2 * k / 3)` answers set to NA.

    Raises
    ------
    ScoringError
        `scale.share` for a share outside (0, 1]; and what `keyed_items` raises.
    """
    share = Fraction(minimum_answered).limit_denominator(1000)
    if not 0 < share <= 1:
        raise ScoringError(
            "scale.share",
            "A share of %(share)s of the items cannot be required.",
            "Pass a share above 0 and at most 1, for example 2/3.",
            share=str(minimum_answered),
        )
    keyed = keyed_items(items, keys, minimum=minimum, maximum=maximum)
    k_required = math.ceil(share * len(keys))
    n_valid = keyed.notna().sum(axis=1).astype("int64")
    scores = keyed.mean(axis=1).where(n_valid >= k_required).astype("float64")
    exact = _exact_means(keyed, n_valid, k_required, max(abs(minimum), abs(maximum)))
    return ScaleScores(scores, n_valid, len(keys), k_required, exact)


def integer_scores(
    items: pd.DataFrame, keys: Mapping[str, int], minimum: float, maximum: float
) -> IntegerScores:
    """Return the scores of a scale as whole numbers, score * lcm(1, ..., k), for tests that must see ties.

    Parameters, missing-data rule and formula are those of `score_scale`. A floating mean of three items is rounded in its
    last bit, and a test on signs and ranks then splits values that are equal.

    Raises
    ------
    ScoringError
        `scale.whole` when a code is not a whole number, or the scale is too long for 64 bits; and what `keyed_items` raises.
    """
    exact = score_scale(items, keys, minimum=minimum, maximum=maximum).exact
    if exact is None:
        raise ScoringError(
            "scale.whole",
            "The scale of %(first)s has codes that are not whole numbers, or too many items (%(k)d), for exact scores.",
            "Use whole codes and at most 30 items.",
            first=next(iter(keys)),
            k=len(keys),
        )
    return exact


def rescale_100(scores: pd.Series, minimum: float, maximum: float) -> pd.Series:
    """Return scores on a range of 0 to 100: `100 * (x - minimum) / (maximum - minimum)`; NaN stays NaN.

    Raises
    ------
    ScoringError
        `keys.range` when minimum is not below maximum.
    """
    _check_range(minimum, maximum)
    return 100.0 * (scores - minimum) / (maximum - minimum)


def score_instrument(
    frame: pd.DataFrame, instrument: Instrument, picks: Mapping[str, Sequence[str]] | None = None
) -> ScoreSet:
    """Score every scale of an instrument in every row whose form asks all items of the scale.

    Parameters
    ----------
    frame : DataFrame
        An item frame (see `scoring.frames`) with a column for each item of the scales that its forms ask.
    instrument : Instrument
        The questionnaire that was answered.
    picks : mapping pool id -> item ids, optional
        What the organisation picked from each pool; the pools' defaults otherwise.

    Returns
    -------
    ScoreSet

    Notes
    -----
    A scale is "not asked", not missing, in a row whose form leaves out one of its items: NaN in `scores`, pandas.NA in
    `n_valid`, and absent from `asked`. Within a form that asks it, the rule of `score_scale` holds.

    Raises
    ------
    FrameError
        When the frame breaks its contract or holds a code outside its item's options.
    ScoringError
        `scale.formats` when the items of one scale have different ranges.
    """
    forms = (
        sorted(set(zip(frame["wave"], frame["role"], strict=True)))
        if {"wave", "role"} <= set(frame.columns)
        else []
    )
    asked_scales = {(wave, role): instrument.scales_scored(wave, role, picks) for wave, role in forms}
    scales = {scale.id: scale for scored in asked_scales.values() for scale in scored}
    ranges = {item: _range_of(instrument, item) for scale in scales.values() for item in scale.keys}
    checked = check_item_frame(frame, list(ranges), ranges=ranges)
    asked = {form: tuple(scale.id for scale in scored) for form, scored in asked_scales.items()}
    form_of_row = list(zip(checked["wave"], checked["role"], strict=True))

    scores, n_valid = checked[list(IDENTITY)].copy(), pd.DataFrame(index=checked.index)
    exact: dict[str, IntegerScores] = {}
    keyed: dict[str, pd.DataFrame] = {}
    widths: dict[str, float] = {}
    for scale in scales.values():
        low, high = _common_range(scale, ranges)
        rows = checked.loc[[scale.id in asked[form] for form in form_of_row]]
        result = score_scale(rows, scale.keys, minimum=low, maximum=high)
        scores[scale.id] = result.scores.reindex(checked.index)
        n_valid[scale.id] = result.n_valid.astype("Int64").reindex(checked.index)
        keyed[scale.id] = keyed_items(rows, scale.keys, minimum=low, maximum=high)
        widths[scale.id] = high - low
        if result.exact is not None:
            exact[scale.id] = IntegerScores(
                result.exact.values.reindex(checked.index), result.exact.multiplier
            )
    return ScoreSet(scores, n_valid, exact, keyed, asked, widths, _frame_notes(asked))


def _frame_notes(asked: Mapping[tuple[str, str], tuple[str, ...]]) -> tuple[Note, ...]:
    """A note for each form of the frame of which no scale can be scored."""
    return tuple(
        Note(
            "scores.none",
            N_("Nothing can be scored for the %(role)s in wave %(wave)s: its form asks no scale completely."),
            {"role": role, "wave": wave},
        )
        for (wave, role), scales in asked.items()
        if not scales
    )


def _range_of(instrument: Instrument, item: str) -> tuple[float, float]:
    """Smallest and largest code of an item."""
    response_format = instrument.format_of(item)
    return float(response_format.minimum), float(response_format.maximum)


def _common_range(scale: Scale, ranges: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    """The range that all items of a scale share; a mean over different ranges has no unit."""
    found = {ranges[item] for item in scale.keys}
    if len(found) != 1:
        raise ScoringError(
            "scale.formats",
            "The items of scale %(scale)s have different ranges: %(ranges)s.",
            "Give all items of a scale formats with the same smallest and largest code.",
            scale=scale.id,
            ranges=", ".join(f"{low:g}-{high:g}" for low, high in sorted(found)),
        )
    return found.pop()


def _check_range(minimum: float, maximum: float) -> None:
    """The smallest code lies below the largest."""
    if not -math.inf < minimum < maximum < math.inf:
        raise ScoringError(
            "keys.range",
            "%(minimum)s to %(maximum)s is no range.",
            "Pass the smallest and the largest code the items can take.",
            minimum=minimum,
            maximum=maximum,
        )


def _check_keys(items: pd.DataFrame, keys: Mapping[str, int], minimum: float, maximum: float) -> None:
    """There are keys, each +1 or -1, and one column for each."""
    _check_range(minimum, maximum)
    if not keys:
        raise ScoringError(
            "keys.empty", "A scale without items has no score.", "Name at least one item and its key."
        )
    for item, sign in keys.items():
        if sign not in {1, -1}:
            raise ScoringError(
                "keys.sign",
                "The key of item %(item)s is %(sign)s.",
                "A key is +1, or -1 for a reversed item.",
                item=item,
                sign=str(sign),
            )
        count = int((items.columns == item).sum())
        if count != 1:
            raise ScoringError(
                "keys.column",
                "Item %(item)s stands in %(count)d columns.",
                "Give one column for each item of the scale.",
                item=item,
                count=count,
            )


def _read_codes(
    values: pd.Series, item: str, minimum: float, maximum: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The codes of an item as float64, all inside the range or NaN."""
    codes, wrong = read_numbers(values)
    if (wrong | (codes < minimum) | (codes > maximum)).any():
        raise ScoringError(
            "keys.code",
            "Item %(item)s has values that are no codes from %(minimum)s to %(maximum)s.",
            "Pass raw codes; leave missing answers empty (NaN).",
            item=item,
            minimum=minimum,
            maximum=maximum,
        )
    return codes


def _exact_means(
    keyed: pd.DataFrame, n_valid: pd.Series, k_required: int, largest: float
) -> IntegerScores | None:
    """Means of the valid items times lcm(1, ..., k), in whole numbers; None where that is impossible."""
    multiplier = math.lcm(*range(1, keyed.shape[1] + 1))
    values = keyed.fillna(0.0).to_numpy()
    if (values != np.round(values)).any() or multiplier * (largest + 1) * _RESPONDENTS > _LARGEST_SUM:
        return None
    sums = values.astype(np.int64).sum(axis=1)
    enough = (n_valid >= k_required).to_numpy()
    # L is a multiple of every possible number of valid items, so this division leaves no remainder.
    means = sums * (multiplier // np.maximum(n_valid.to_numpy(), 1))
    exact = pd.array(means, dtype="Int64")
    exact[~enough] = pd.NA
    return IntegerScores(pd.Series(exact, index=keyed.index), multiplier)
