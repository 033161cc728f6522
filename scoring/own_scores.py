"""One person's own scores, for that person's own screen: the same rule as `scoring.scales`, in plain Python.

A page of a participant must not wait for pandas, so the mean of a few whole numbers is taken without it; a test holds the two ways
of scoring to the same values.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final, Literal

from scoring.errors import ScoringError
from scoring.gates import MINIMUM_ANSWERED
from scoring.reference import find_reference

Verdict = Literal["higher", "lower", "unclear"]

# The two-sided 95 % point of the normal distribution, as the measurement plan (4.5) rounds it.
Z: Final = 1.96


def score_person(
    codes: Mapping[str, int], keys: Mapping[str, int], *, minimum: int, maximum: int
) -> Fraction | None:
    """Return the exact mean of a person's keyed answers to one scale, None when too few of its items were answered.

    Parameters
    ----------
    codes : mapping item id -> raw code
        The person's answers in one wave, each from `minimum` to `maximum`; items outside the scale are ignored.
    keys : mapping item id -> +1 or -1
        The items of the scale and their keys.
    minimum, maximum : int
        The range of the raw codes.

    Returns
    -------
    Fraction or None
        From `minimum` to `maximum`.

    Notes
    -----
    Formula: the mean of `x` (key +1) or `minimum + maximum - x` (key -1) over the answered items. An item without a code is left
    out; with fewer than ceil(2k/3) of the k items answered there is no score.
    R: `rowMeans(x, na.rm = TRUE)` with rows of fewer than `ceiling(2 * k / 3)` answers set to NA.

    Raises
    ------
    ScoringError
        `keys.empty` for a scale without items, `keys.code` for a code outside the range.
    """
    if not keys:
        raise ScoringError("keys.empty", "A scale needs at least one item.", "Pass its items and keys.")
    keyed = []
    for item, sign in keys.items():
        code = codes.get(item)
        if code is None:
            continue
        if not minimum <= code <= maximum:
            raise ScoringError(
                "keys.code",
                "Item %(item)s has the code %(number)d, outside %(minimum)d to %(maximum)d.",
                "Pass raw codes of the item's own options.",
                item=item,
                number=code,
                minimum=minimum,
                maximum=maximum,
            )
        keyed.append(code if sign == 1 else minimum + maximum - code)
    if len(keyed) < MINIMUM_ANSWERED * len(keys):
        return None
    return Fraction(sum(keyed), len(keyed))


def noise_band(scale: str, role: str, width: float) -> float:
    """Return the smallest change of one person that is more than noise, in points of the score.

    Parameters
    ----------
    scale, role : str
        Which entry of the reference file holds; the general one where there is none of its own.
    width : float
        Width of the score's range, above 0.

    Returns
    -------
    float
        The minimal detectable change, MDC95 = 1.96 * sd * sqrt(2 * (1 - r)), with the reference file's standard deviation and
        retest correlation. No reliability coefficient of the internal kind enters it: that would make the band too narrow.

    Notes
    -----
    Reference: Jacobson, N. S., & Truax, P. (1991). Clinical significance. Journal of Consulting and Clinical Psychology, 59, 12-19.
    doi:10.1037/0022-006X.59.1.12; with the retest correlation in place of internal consistency.

    Raises
    ------
    ScoringError
        `reference.missing` when no entry fits, `reference.range` when the width is not above 0.
    """
    return Z * find_reference(scale, role).rescaled(width).sd_change


def read_change(before: Fraction, after: Fraction, band: float) -> Verdict:
    """Return whether a change is larger than the noise: "higher", "lower", or "unclear" for everything within the band.

    Parameters
    ----------
    before, after : Fraction
        Two scores of one person on one scale.
    band : float
        The minimal detectable change in the same points, at least 0; a change of exactly the band is unclear.

    Notes
    -----
    R: `abs(after - before) > band`.
    """
    difference = float(after - before)
    if abs(difference) <= band:
        return "unclear"
    return "higher" if difference > 0 else "lower"
