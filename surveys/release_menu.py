"""What a closed wave could say: every level and change its questionnaire offers, with the answers behind each.

Of a total and its parts only the total is offered. Their means would say the same twice, but for those who skipped an item:
a score is the mean of what was answered, so for them the total is not the mean of its parts, and the difference of the published
means would be about these few people alone. A short form beside its long form is no such family: what is left of the long form
is unknown for every single person, so the two means cannot be played off against one another.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, Protocol

from instruments.model import Instrument, Role, Scale, WaveKind
from surveys.models import Wave

if TYPE_CHECKING:
    import pandas as pd

CandidateName = tuple[str, Role, str]


class Scores(Protocol):
    """What is needed here of scored answers; `scoring.scales.ScoreSet` is one."""

    @property
    def widths(self) -> Mapping[str, float]:
        """The scales that were scored."""

    def select(
        self, scale: str, *, role: str, wave: str, cohort: str | None = None
    ) -> "tuple[pd.Series, Any]":
        """Scores, and the same as whole numbers, indexed by respondent and pair."""


@dataclass(frozen=True)
class ScoredWave:
    """One closed wave of the cohort with its questionnaire and its scores; without any response it has no scores."""

    wave: Wave
    instrument: Instrument
    scores: Scores | None
    _selected: "dict[tuple[str, Role], tuple[pd.Series, Any]]" = field(default_factory=dict, repr=False)

    def scales(self, role: Role) -> tuple[Scale, ...]:
        """The scales of which this wave asks the role every item."""
        return self.instrument.scales_scored(self.wave.kind, role, self.wave.picks)

    def range_of(self, scale: Scale) -> tuple[float, float]:
        """The ends of the scale's score."""
        answered = self.instrument.format_of(next(iter(scale.keys)))
        return float(answered.minimum), float(answered.maximum)

    def select(self, scale_id: str, role: Role) -> "tuple[pd.Series, Any]":
        """The scores there are, indexed by respondent and pair."""
        import pandas as pd

        if self.scores is None or scale_id not in self.scores.widths:
            nobody = pd.MultiIndex.from_arrays([[], []], names=["respondent", "pair"])
            return pd.Series([], index=nobody, dtype="float64"), None
        # A scale is asked for several times in a release, and picking its rows is the dearest part of one.
        if (scale_id, role) not in self._selected:
            values, exact = self.scores.select(scale_id, role=role.value, wave=self.wave.kind.value)
            self._selected[scale_id, role] = values.dropna(), exact
        return self._selected[scale_id, role]


@dataclass(frozen=True)
class Candidate:
    """A number that might be released, with the answers behind it: `rows` names each by respondent and pair."""

    kind: Literal["level", "change"]
    role: Role
    scale: Scale
    quantity: str
    rows: "pd.MultiIndex"
    current: ScoredWave
    before: ScoredWave | None = None

    @property
    def name(self) -> CandidateName:
        """What tells it from the other candidates of its wave."""
        return self.kind, self.role, self.scale.id

    @property
    def sensitive(self) -> bool:
        """Whether the scale, or one of its items, has the higher floor."""
        items = (self.current.instrument.item(item) for item in self.scale.keys)
        return self.scale.sensitive or any(item.sensitive for item in items)

    @property
    def n_people(self) -> int:
        """How many people stand behind the answers."""
        return int(self.rows.get_level_values("respondent").nunique())


def name_by_person(answers: Iterable[str]) -> frozenset[str]:
    """The answers of a cell, "respondent/pair" each, named by whose they are and which of theirs in this cell, whatever the pair.

    Somebody who was matched anew, or put into a second cohort, is asked about another pair and may well answer the same. Who
    lays the two groups side by side then sees the person, not the pair.
    """
    found: Counter[str] = Counter(answer.partition("/")[0] for answer in answers)
    return frozenset(f"{respondent}/{number}" for respondent, n in found.items() for number in range(n))


def list_candidates(current: ScoredWave, scored: Mapping[WaveKind, ScoredWave]) -> Iterator[Candidate]:
    """Every level and change that the questionnaire offers, whoever has answered; those named first are preferred."""
    for role in Role:
        for scale in sorted(offered_scales(current, role), key=lambda scale: not scale.primary):
            rows = current.select(scale.id, role)[0].index
            kind = current.wave.kind
            before = _earlier(current, scored, scale, role)
            if before is not None:
                both = rows.intersection(before.select(scale.id, role)[0].index)
                quantity = f"change:{scale.id}:{before.wave.kind.value}:{kind.value}"
                yield Candidate("change", role, scale, quantity, both, current, before)
            yield Candidate("level", role, scale, f"level:{scale.id}:{kind.value}", rows, current)


def offered_scales(current: ScoredWave, role: Role) -> tuple[Scale, ...]:
    """The scales that a release of this wave speaks of: of a total and its parts the total alone."""
    scales = current.scales(role)
    family_of = find_families(scales)
    longest = {
        family: max(
            (scale for scale in scales if family_of[scale.id] == family), key=lambda one: len(one.keys)
        )
        for family in family_of.values()
    }
    return tuple(scale for scale in scales if longest[family_of[scale.id]] is scale)


def find_families(scales: Sequence[Scale]) -> dict[str, str]:
    """The family of each scale, by the name of its first member: scales of which one follows from the others.

    Found by eliminating the item weights of each scale by those before it; exact, in fractions.
    """
    family_of: dict[str, str] = {}
    basis: list[tuple[str, dict[str, Fraction], set[str]]] = []
    for scale in scales:
        rest = {item: Fraction(key, len(scale.keys)) for item, key in scale.keys.items()}
        used = {scale.id}
        for lead, weights, made_of in basis:
            factor = rest.get(lead, Fraction(0)) / weights[lead]
            if factor:
                used |= made_of
                changed = {
                    item: rest.get(item, 0) - factor * weights.get(item, 0) for item in {*rest, *weights}
                }
                rest = {item: weight for item, weight in changed.items() if weight}
        family_of[scale.id] = scale.id
        if rest:
            basis.append((min(rest), rest, used))
            continue
        joined = {family_of[member] for member in used}
        name = next(known.id for known in scales if known.id in joined)
        family_of.update({known: name for known, family in family_of.items() if family in joined})
    return family_of


def _earlier(
    current: ScoredWave, scored: Mapping[WaveKind, ScoredWave], scale: Scale, role: Role
) -> ScoredWave | None:
    """The first earlier closed wave that asked the role the same scale in the same words."""
    from instruments.revision import diff_instruments

    comparable = current.instrument.comparable_waves(scale.id, role, current.wave.picks)
    if current.wave.kind not in comparable:
        return None
    for kind in comparable[: comparable.index(current.wave.kind)]:
        before = scored.get(kind)
        if before is None or all(known.id != scale.id for known in before.scales(role)):
            continue
        if before.instrument == current.instrument:
            return before
        if scale.id in diff_instruments(before.instrument, current.instrument).comparable_scales:
            return before
    return None
