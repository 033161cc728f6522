"""Which pattern a pair's influence follows: the ratio k of partner to actor effect, with intervals and a name."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from instruments.errors import N_
from scoring.dyads.actor_partner import ActorPartner
from scoring.dyads.pairs import PATTERNS_MINIMUM, ROLES, Array, Role, gate_notes
from scoring.dyads.structural import FACTORS
from scoring.errors import Note
from scoring.resampling import cluster_moments, percentile_interval, resample_covariances

Pattern = Literal["actor", "couple", "contrast", "undetermined"]
PATTERNS: Final[dict[float, Pattern]] = {0.0: "actor", 1.0: "couple", -1.0: "contrast"}

_NO_MODEL = N_("The actor-partner model has no estimates, so there is no k.")
_NO_ACTOR = N_(
    "The actor effect of the %(role)s cannot be told from 0, so the ratio k has no bounded interval and no pattern."
)
_DISAGREE = N_(
    "The two intervals of k for the %(role)s name different patterns or none, so the pattern is undetermined."
)


@dataclass(frozen=True)
class PartnerPattern:
    """The ratio of partner to actor effect of one role.

    Attributes
    ----------
    role : "mentor" or "mentee"
        Whose outcome it is about.
    k : float or None
        Partner effect over actor effect.
    fieller : (float, float) or None
        Fieller's interval; None when it is not bounded.
    bootstrap : (float, float) or None
        Percentile interval from resampled pairs; None below 100 pairs.
    pattern : "actor" (k = 0), "couple" (k = 1), "contrast" (k = -1) or "undetermined"
        Named when both intervals hold one of the three values, the same one, and no other.
    n_used : int
    n_draws : int
    converged : bool
        False when there is no k.
    notes : tuple of Note
    """

    role: Role
    k: float | None
    fieller: tuple[float, float] | None
    bootstrap: tuple[float, float] | None
    pattern: Pattern
    n_used: int
    n_draws: int
    converged: bool
    notes: tuple[Note, ...]


def partner_patterns(
    model: ActorPartner, *, n_draws: int = 5_000, seed: int = 20_260_101
) -> tuple[PartnerPattern, PartnerPattern]:
    """Return the pattern of the mentor's and of the mentee's outcome.

    Parameters
    ----------
    model : ActorPartner
        A fitted model; its complete pairs are used.
    n_draws : int, default 5000
        Bootstrap samples of whole pairs.
    seed : int
        The same seed gives the same interval.

    Returns
    -------
    tuple of two PartnerPattern, mentor first

    Notes
    -----
    `k = p / a`. Fieller's interval holds every k for which `p - k a` is not different from 0 by a t test on n - 3 degrees of freedom;
    it is bounded when the actor effect itself is different from 0. The bootstrap draws pairs with replacement, both people together.
    Below 100 pairs k is shown without a pattern. R: the quadratic formula on `vcov(lm(...))`.

    References
    ----------
    Kenny, D. A., & Ledermann, T. (2010). Detecting, measuring, and testing dyadic patterns in the actor-partner interdependence
    model. Journal of Family Psychology, 24, 359-366. https://doi.org/10.1037/a0019651
    Fieller, E. C. (1954). Some problems in interval estimation. Journal of the Royal Statistical Society B, 16, 175-185.
    https://doi.org/10.1111/j.2517-6161.1954.tb00159.x
    """
    draws = None
    if model.regressions is not None and model.n_used >= PATTERNS_MINIMUM:
        draws = _draw_ratios(model, n_draws, seed)
    first, second = (_pattern(model, role, draws) for role in ROLES)
    return first, second


def _pattern(model: ActorPartner, role: Role, draws: Array | None) -> PartnerPattern:
    """The pattern of one role."""
    found, place, n = model.regressions, ROLES.index(role), model.n_used
    if found is None:
        note = Note("apim.k_none", _NO_MODEL)
        return PartnerPattern(role, None, None, None, "undetermined", n, 0, False, (note,))
    _, actor, partner = found.estimates()[place]
    own, other = (1, 2) if role == "mentor" else (2, 1)
    spread = found.residuals[place, place] * found.inverse[np.ix_([own, other], [own, other])]
    fieller = fieller_interval(float(partner), float(actor), spread, found.df, model.confidence)
    notes = gate_notes("The pattern of partner and actor effect", n, PATTERNS_MINIMUM)
    if fieller is None:
        notes.append(Note("apim.k_unbounded", _NO_ACTOR, {"role": role}))
    bootstrap = None if draws is None else percentile_interval(draws[:, place], n, model.confidence)
    pattern: Pattern = "undetermined"
    if fieller is not None and bootstrap is not None:
        names = {name_pattern(*fieller), name_pattern(*bootstrap)}
        pattern = names.pop() if len(names) == 1 else "undetermined"
        if pattern == "undetermined":
            notes.append(Note("apim.k_undetermined", _DISAGREE, {"role": role}))
    k = float(partner / actor) if actor else None
    n_draws = 0 if draws is None else len(draws)
    return PartnerPattern(role, k, fieller, bootstrap, pattern, n, n_draws, k is not None, tuple(notes))


def fieller_interval(
    numerator: float, denominator: float, covariance: Array, df: float, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return Fieller's interval of a ratio of two estimates, None when it is not bounded.

    `covariance` (2 x 2) belongs to denominator and numerator, in this order.
    """
    from scipy.stats import t as student

    square = float(student.ppf(0.5 + confidence / 2.0, df)) ** 2
    # a k^2 - 2 b k + c <= 0 holds for every k that the data do not refuse.
    a = denominator**2 - square * float(covariance[0, 0])
    b = denominator * numerator - square * float(covariance[0, 1])
    c = numerator**2 - square * float(covariance[1, 1])
    if not a > 0.0:
        return None
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a


def name_pattern(low: float, high: float) -> Pattern:
    """Return the pattern whose k lies in an interval that holds no other pattern's k."""
    held = [name for k, name in PATTERNS.items() if low <= k <= high]
    return held[0] if len(held) == 1 else "undetermined"


def _draw_ratios(model: ActorPartner, n_draws: int, seed: int) -> Array:
    """Ratios of both roles in resampled pairs: (n_draws, 2)."""
    rng = np.random.default_rng(seed)
    values = model.complete[list(FACTORS)].to_numpy()
    # Units do not matter to k but to the digits of the inverse.
    moments = cluster_moments((values - values.mean(axis=0)) / values.std(axis=0), None, rng)
    covariances = resample_covariances(moments, n_draws, rng)
    scale = values.std(axis=0)
    xx, xy = covariances[:, :2, :2], covariances[:, :2, 2:]
    determinant = xx[:, 0, 0] * xx[:, 1, 1] - xx[:, 0, 1] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        # Cramer's rule; the determinant drops out of the ratio of two slopes of one equation.
        first = (xx[:, 1, 1, None] * xy[:, 0] - xx[:, 0, 1, None] * xy[:, 1]) / scale[0]
        second = (xx[:, 0, 0, None] * xy[:, 1] - xx[:, 0, 1, None] * xy[:, 0]) / scale[1]
        ratios = np.stack([second[:, 0] / first[:, 0], first[:, 1] / second[:, 1]], axis=1)
    ratios[~(determinant > 0.0)] = np.nan
    return ratios
