"""A person's own scores over the waves, with the band within which a change says nothing; computed for the page and kept nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from instruments.digests import version_key
from instruments.errors import N_
from instruments.model import Instrument, Scale, WaveKind
from scoring.own_scores import Verdict, noise_band, read_change, score_person
from surveys.own_answers import OwnWave

VERDICTS: dict[Verdict, str] = {
    "higher": N_("clearly higher than at first"),
    "lower": N_("clearly lower than at first"),
    "unclear": N_("no clear change"),
}
# The drawing, in its own units.
WIDTH, HEIGHT, EDGE = 240, 64, 8


@dataclass(frozen=True)
class TrendPoint:
    """One wave's score."""

    kind: WaveKind
    score: Fraction


@dataclass(frozen=True)
class Trend:
    """One scale over the waves that asked it in the same words."""

    items: frozenset[str]
    title: str
    description: str
    is_problem: bool
    minimum: int
    maximum: int
    points: tuple[TrendPoint, ...]
    band: float
    verdict: Verdict | None

    @property
    def line(self) -> tuple[tuple[float, float], ...]:
        """Where the points lie in the drawing, from the first to the last."""
        last = max(1, len(self.points) - 1)
        return tuple(
            (round(EDGE + (WIDTH - 2 * EDGE) * place / last, 1), self._height(float(point.score)))
            for place, point in enumerate(self.points)
        )

    @property
    def noise(self) -> tuple[float, float]:
        """Top and height of the band around the first point in the drawing."""
        first = float(self.points[0].score)
        top = self._height(min(float(self.maximum), first + self.band))
        return top, round(self._height(max(float(self.minimum), first - self.band)) - top, 1)

    def _height(self, score: float) -> float:
        """The distance of a score from the top of the drawing."""
        share = (score - self.minimum) / (self.maximum - self.minimum)
        return round(EDGE + (HEIGHT - 2 * EDGE) * (1 - share), 1)


def own_trends(waves: Sequence[OwnWave], locale: str) -> tuple[Trend, ...]:
    """Return every scale of which there is a score, in the questionnaire's order; a short form gives way to the whole scale."""
    if not waves:
        return ()
    newest = waves[-1].instrument
    found = [trend for scale in newest.scales if (trend := _trend(scale, waves, newest, locale)) is not None]
    return tuple(trend for trend in found if not any(_covers(other, trend) for other in found))


def _covers(whole: Trend, part: Trend) -> bool:
    """Whether a scale holds all items of another one and was scored in as many waves."""
    return whole.items > part.items and len(whole.points) >= len(part.points)


def _trend(scale: Scale, waves: Sequence[OwnWave], newest: Instrument, locale: str) -> Trend | None:
    """One scale, None where the person has no score of it."""
    role, picks = waves[-1].role, waves[-1].wave.picks
    comparable = newest.comparable_waves(scale.id, role, picks)
    points = [
        TrendPoint(one.wave.kind, score)
        for one in waves
        if one.wave.kind in comparable
        and _same_ruler(one.instrument, newest)
        and (score := _score(scale, one)) is not None
    ]
    if not points:
        return None
    response = newest.format_of(next(iter(scale.keys)))
    band = noise_band(scale.id, role.value, response.maximum - response.minimum)
    return Trend(
        items=frozenset(scale.keys),
        title=newest.scale_title(scale.id, locale),
        description=newest.scale_description(scale.id, locale),
        is_problem=scale.direction == "problem",
        minimum=response.minimum,
        maximum=response.maximum,
        points=tuple(points),
        band=band,
        verdict=read_change(points[0].score, points[-1].score, band) if len(points) > 1 else None,
    )


def _score(scale: Scale, one: OwnWave) -> Fraction | None:
    """The person's score in one wave, None where its form does not ask the whole scale or too little was answered."""
    scored = one.instrument.scales_scored(one.wave.kind, one.role, one.wave.picks)
    own = next((found for found in scored if found.id == scale.id), None)
    if own is None:
        return None
    response = one.instrument.format_of(next(iter(own.keys)))
    return score_person(one.codes, own.keys, minimum=response.minimum, maximum=response.maximum)


def _same_ruler(first: Instrument, second: Instrument) -> bool:
    """Whether the scores of two versions may be compared: a new language or a corrected slip changes the last number only."""
    return first.id == second.id and version_key(first.version)[:2] == version_key(second.version)[:2]
