"""The programme against its own objectives: each objective, its scales, their change with its interval, and a word."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from instruments.errors import N_
from scoring.change import MeanChange
from scoring.equivalence import Equivalence, FullVerdict
from scoring.errors import Note, ScoringError
from scoring.multiplicity import ALPHA, PRIMARY_SCALES, Claim, FamilyReport, JudgedClaim, judge_claims

Wish = Literal["higher", "lower"]
Direction = Literal["as wished", "against", "both ways"]

MOST_OBJECTIVES: Final = 5


@dataclass(frozen=True)
class Objective:
    """What a programme set out to do, fixed before it started.

    Attributes
    ----------
    name : str
        As the coordinator wrote it; unlike every other.
    scales : tuple of str
        At least one; "PS" means both roles.
    wishes : mapping scale -> "higher" or "lower"
        Which way is meant; "higher" where nothing is said.
    """

    name: str
    scales: tuple[str, ...]
    wishes: Mapping[str, Wish] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an objective that nothing measures."""
        if not self.name.strip() or not self.scales or len(set(self.scales)) != len(self.scales):
            raise ScoringError(
                "scorecard.objective",
                "The objective “%(name)s” has no name, no scale, or one scale twice.",
                "Name it, and map it to at least one scale.",
                name=self.name,
            )
        strange = [scale for scale in self.wishes if scale not in self.scales]
        if strange or any(wish not in ("higher", "lower") for wish in self.wishes.values()):
            raise ScoringError(
                "scorecard.wish",
                "The objective “%(name)s” wishes something for a scale that is not its own, or neither higher nor lower.",
                "Say higher or lower for its own scales.",
                name=self.name,
            )


@dataclass(frozen=True)
class ScaleChange:
    """The change of one scale in one role, ready for the scorecard.

    Attributes
    ----------
    scale, role : str
    change : MeanChange
    equivalence : Equivalence or None
    width : float
        Width of the score's range in points.
    """

    scale: str
    role: str
    change: MeanChange
    equivalence: Equivalence | None = None
    width: float = 4.0


@dataclass(frozen=True)
class MeasuredChange:
    """The change of one scale in one role with its word, as a report has it.

    Attributes
    ----------
    scale, role : str
    estimate, low, high : float or None
        In points; None where a gate keeps them shut.
    judged : JudgedClaim
        Among all comparisons of the report.
    verdict : "moved", "not shown", "equivalent", "too few" or None
        None below five persons, and outside the declared families.
    """

    scale: str
    role: str
    estimate: float | None
    low: float | None
    high: float | None
    judged: JudgedClaim
    verdict: FullVerdict | None


@dataclass(frozen=True)
class ScorecardLine:
    """One scale in one role under an objective.

    Attributes
    ----------
    measured : MeasuredChange
    direction : "as wished", "against" or None
        None unless moved.
    """

    measured: MeasuredChange
    direction: Literal["as wished", "against"] | None

    @property
    def scale(self) -> str:
        """The scale."""
        return self.measured.scale

    @property
    def role(self) -> str:
        """The role."""
        return self.measured.role

    @property
    def verdict(self) -> FullVerdict | None:
        """The word."""
        return self.measured.verdict


@dataclass(frozen=True)
class ScoredObjective:
    """One objective and what became of it.

    Attributes
    ----------
    objective : Objective
    lines : tuple of ScorecardLine
        Scales in the order of the objective, roles in the order given; never merged into one number.
    verdict : "moved", "not shown", "equivalent", "too few" or None
        "moved" when any scale moved; "equivalent" when all are; "too few" when all are; otherwise "not shown". None when none of its
        scales was measured at both waves, or all cells are below five persons.
    direction : "as wished", "against", "both ways" or None
        None unless moved.
    unmeasured : tuple of str
        Its scales without any change.
    notes : tuple of Note
    """

    objective: Objective
    lines: tuple[ScorecardLine, ...]
    verdict: FullVerdict | None
    direction: Direction | None
    unmeasured: tuple[str, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Scorecard:
    """All objectives of a programme.

    Attributes
    ----------
    objectives : tuple of ScoredObjective
    families : FamilyReport
        How the comparisons were judged together.
    wording : "changed during"
    notes : tuple of Note
    """

    objectives: tuple[ScoredObjective, ...]
    families: FamilyReport
    wording: Literal["changed during"]
    notes: tuple[Note, ...]

    def find(self, name: str) -> ScoredObjective:
        """Return the objective of this name; raises ScoringError `scorecard.unknown`."""
        for scored in self.objectives:
            if scored.objective.name == name:
                return scored
        raise ScoringError(
            "scorecard.unknown",
            "The programme has no objective “%(name)s”.",
            "Use one of: %(known)s.",
            name=name,
            known=", ".join(scored.objective.name for scored in self.objectives),
        )


_UNMEASURED = N_("No change was measured for: %(scales)s.")
_AGAINST = N_("At least one scale moved the other way than wished.")


def objective_scorecard(
    objectives: Sequence[Objective],
    changes: Sequence[ScaleChange],
    *,
    known_scales: Collection[str] | None = None,
    primary: Collection[str] = PRIMARY_SCALES,
    alpha: float = ALPHA,
) -> Scorecard:
    """Evaluate a programme against its initial objectives.

    Parameters
    ----------
    objectives : sequence of Objective
        One to five, as they were entered at the start.
    changes : sequence of ScaleChange
        One per scale and role; scales that belong to no objective are left out.
    known_scales : collection of str, optional
        All scales of the instrument; an objective that names another one is refused. By default those of `changes`.
    primary : collection of str, default PS and PW-V
        Scales of the primary family (Holm); the other scales of the objectives were declared with them and form the secondary family
        (Benjamini-Hochberg).
    alpha : float, default .05
        Error of the primary family, false discovery rate of the secondary one.

    Returns
    -------
    Scorecard
        No objective gets a number: its scales stand side by side, each with its interval and its word.

    Notes
    -----
    A comparison counts once, however many objectives it serves. See `judge_claims` for the verdicts.

    Raises
    ------
    ScoringError
        `scorecard.objectives` for none, more than five or a name that stands twice; `scorecard.scale` for a scale the instrument does
        not have; `scorecard.change` for a scale and role that stand twice; `family.alpha`.
    """
    known = {change.scale for change in changes} if known_scales is None else set(known_scales)
    _check(objectives, known)
    _check_cells([(change.scale, change.role) for change in changes])
    wanted = {scale for objective in objectives for scale in objective.scales}
    used = [change for change in changes if change.scale in wanted]
    claims = [
        Claim(
            name=f"{item.scale} {item.role}",
            scale=item.scale,
            low=item.change.low if item.change.interval_kind == "t" else None,
            high=item.change.high if item.change.interval_kind == "t" else None,
            p=item.change.p_t,
            equivalence=item.equivalence,
            width=item.width,
        )
        for item in used
    ]
    families = judge_claims(claims, primary=primary, secondary=wanted - set(primary), alpha=alpha)
    measured = [_measure(item, families.find(f"{item.scale} {item.role}")) for item in used]
    return _assemble(objectives, measured, families)


def assemble_scorecard(
    objectives: Sequence[Objective], measured: Sequence[MeasuredChange], families: FamilyReport
) -> Scorecard:
    """Put changes that a report has judged already under the objectives they belong to.

    Parameters
    ----------
    objectives : sequence of Objective
        One to five, as they were entered at the start.
    measured : sequence of MeasuredChange
        One per scale and role; those of no objective are left out.
    families : FamilyReport
        How the report judged all of them together.

    Returns
    -------
    Scorecard
        Its words are those of the report.

    Raises
    ------
    ScoringError
        `scorecard.objectives`, `scorecard.change`.
    """
    _check(objectives, {scale for objective in objectives for scale in objective.scales})
    _check_cells([(change.scale, change.role) for change in measured])
    return _assemble(objectives, measured, families)


def _assemble(
    objectives: Sequence[Objective], measured: Sequence[MeasuredChange], families: FamilyReport
) -> Scorecard:
    """Every objective with its lines."""
    scored = tuple(_score(objective, measured) for objective in objectives)
    return Scorecard(scored, families, "changed during", families.notes)


def _measure(item: ScaleChange, judged: JudgedClaim) -> MeasuredChange:
    """A change with its word; without a t interval that of the change itself, and below five persons none."""
    change = item.change
    verdict = judged.verdict if change.interval_kind == "t" else change.verdict
    return MeasuredChange(item.scale, item.role, change.mean, change.low, change.high, judged, verdict)


def _score(objective: Objective, measured: Sequence[MeasuredChange]) -> ScoredObjective:
    """One objective: its lines, and the word they add up to."""
    lines = [
        _line(item, objective.wishes.get(scale, "higher"))
        for scale in objective.scales
        for item in measured
        if item.scale == scale
    ]
    unmeasured = tuple(scale for scale in objective.scales if all(item.scale != scale for item in measured))
    directions = {line.direction for line in lines if line.direction is not None}
    direction: Direction | None = None
    if directions:
        direction = "both ways" if len(directions) == 2 else directions.pop()
    notes = []
    if unmeasured:
        notes.append(Note("scorecard.unmeasured", _UNMEASURED, {"scales": ", ".join(unmeasured)}))
    if direction in ("against", "both ways"):
        notes.append(Note("scorecard.against", _AGAINST))
    verdict = _sum_up([line.verdict for line in lines])
    return ScoredObjective(objective, tuple(lines), verdict, direction, unmeasured, tuple(notes))


def _line(item: MeasuredChange, wish: Wish) -> ScorecardLine:
    """One scale in one role."""
    direction: Literal["as wished", "against"] | None = None
    if item.verdict == "moved" and item.estimate is not None:
        direction = "as wished" if (item.estimate > 0) == (wish == "higher") else "against"
    return ScorecardLine(item, direction)


def _sum_up(verdicts: Sequence[FullVerdict | None]) -> FullVerdict | None:
    """The word of an objective from those of its lines."""
    words = [verdict for verdict in verdicts if verdict is not None]
    if not words:
        return None
    if "moved" in words:
        return "moved"
    return words[0] if len(set(words)) == 1 else "not shown"


def _check(objectives: Sequence[Objective], known: Collection[str]) -> None:
    """Objectives that can be told apart and measured."""
    names = [objective.name for objective in objectives]
    if not 1 <= len(names) <= MOST_OBJECTIVES or len(set(names)) != len(names):
        raise ScoringError(
            "scorecard.objectives",
            "There are %(n)d objectives, or two of the same name.",
            "Enter one to five objectives, each with a name of its own.",
            n=len(names),
        )
    for objective in objectives:
        for scale in objective.scales:
            if scale not in known:
                raise ScoringError(
                    "scorecard.scale",
                    "The objective “%(name)s” names the scale %(scale)s, which nobody was asked.",
                    "Use one of: %(known)s.",
                    name=objective.name,
                    scale=scale,
                    known=", ".join(sorted(known)),
                )


def _check_cells(cells: Sequence[tuple[str, str]]) -> None:
    """Each scale and role stands once."""
    if len(set(cells)) != len(cells):
        scale, role = next(cell for cell in cells if cells.count(cell) > 1)
        raise ScoringError(
            "scorecard.change",
            "The scale %(scale)s has two changes for role %(role)s.",
            "Pass one change for each scale and role.",
            scale=scale,
            role=role,
        )
