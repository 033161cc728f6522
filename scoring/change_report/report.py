"""Long answers and scales in, one frozen report of change out; usable without database or web."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from instruments.errors import N_
from scoring.change_report.cohorts import CohortComparison, compare_data
from scoring.change_report.data import ChangeData, prepare_changes
from scoring.change_report.families import Families, choose_families, judge_report
from scoring.change_report.missing import MissingSection, examine_missing
from scoring.change_report.objectives import score_report
from scoring.change_report.options import ChangeOptions
from scoring.change_report.persons import PersonSection, analyse_persons
from scoring.change_report.scales import ScaleChangeSection, analyse_scale
from scoring.change_report.selection import SelectionSection, examine_selection
from scoring.change_report.skills import SkillSection, analyse_skills
from scoring.errors import Note
from scoring.gates import gate_for
from scoring.multiplicity import FamilyReport
from scoring.report.data import unique_notes
from scoring.report.steps import Progress, Step, package_versions, run_steps, scale_step
from scoring.scale_sets import ScaleSet
from scoring.scorecard import Scorecard
from scoring.tables import ItemTable

# The packages whose version may change a number.
PACKAGES: Final = ("viceversa", "numpy", "scipy", "pandas", "pingouin")

_WORDING = N_(
    "Whatever is said to have moved changed during the programme; without lots or a group that waited nobody knows because of what."
)
_READERS = N_(
    "For those who may read the answers themselves: several numbers of this report together can tell what one to four people answered, "
    "for instance where so few missed a wave. What others may see is a release."
)


@dataclass(frozen=True)
class ChangeMeta:
    """Where a report comes from: enough to compute it again.

    Attributes
    ----------
    versions : mapping package -> version
    source : str
        Name of the file; empty for a DataFrame.
    digest : str
        SHA-256 of the file; empty where it is not known.
    scales_source : str
    minimum_answered : str
        Share of items that a score needs, as a fraction.
    n_rows, n_pairs, n_complete : int
        Rows, pairs, and pairs of which both partners answered at the first and at the last wave.
    roles : tuple of two str
        A gap is the first minus the second.
    waves : tuple of str
        In their order in time.
    gate : str
        Row of the gate table of `n_complete`.
    options : ChangeOptions
    """

    versions: Mapping[str, str]
    source: str
    digest: str
    scales_source: str
    minimum_answered: str
    n_rows: int
    n_pairs: int
    n_complete: int
    roles: tuple[str, str]
    waves: tuple[str, ...]
    gate: str
    options: ChangeOptions


@dataclass(frozen=True)
class ChangeReport:
    """What changed between waves, for whom, and how sure that is.

    Attributes
    ----------
    meta : ChangeMeta
    declared : Families
        Scales of the primary and the secondary family.
    scales : mapping scale -> ScaleChangeSection
    families : FamilyReport
        Every change of the report beside the others.
    cohorts : CohortComparison or None
        None where no column names cohorts or arms.
    skills : SkillSection or None
        None where the options name no knowledge areas.
    scorecard : Scorecard or None
        The objectives of the programme; None where the options name none.
    missing : MissingSection
    selection : SelectionSection
        Those who started low, or whom the options name, beside the expected regression to the mean.
    persons : PersonSection
        For researchers only.
    wording : str
        What may be said of a change: "changed during".
    notes : tuple of Note
        On the data as a whole.
    """

    meta: ChangeMeta
    declared: Families
    scales: Mapping[str, ScaleChangeSection]
    families: FamilyReport
    cohorts: CohortComparison | None
    skills: SkillSection | None
    scorecard: Scorecard | None
    missing: MissingSection
    selection: SelectionSection
    persons: PersonSection
    wording: str
    notes: tuple[Note, ...]


def change_report(
    answers: ItemTable | pd.DataFrame,
    scales: ScaleSet,
    options: ChangeOptions,
    *,
    digest: str = "",
    progress: Progress | None = None,
) -> ChangeReport:
    """Analyse what changed in pairs between waves.

    Parameters
    ----------
    answers : ItemTable or DataFrame, one row per person and wave
        What `scoring.tables.read_item_table` gave, or a DataFrame of raw codes with a column for each item, NaN where missing, and
        the columns that the options name.
    scales : ScaleSet
        From `read_scales`, `make_scale_set` or `scales_of_instrument`.
    options : ChangeOptions
        Columns of pair, role and wave; order of the waves, families declared beforehand, cohorts, seed.
    digest : str, optional
        SHA-256 of the file, to be kept in the report.
    progress : callable, optional
        Takes the names of all steps and yields them one by one as they begin.

    Returns
    -------
    ChangeReport
        The same for the same answers, options and versions. Below 5 pairs counts only; from 5 to 9 means without direction or verdict;
        from 10 t intervals and sign-flip tests; from 20 mixed models and influence.

    Notes
    -----
    Missing data: the change of a role is that of those who answered at both waves. From 20 of them on its word rests on every score
    there is: on the mixed model of pairs where all its variances are free, otherwise on a model of the role's own scores. A statistic
    that cannot be computed is None and explained by a note.

    Raises
    ------
    ProblemsError
        For answers or options that cannot be used; see `scoring.change_report.data.prepare_changes`.
    """
    data = prepare_changes(answers, scales, options)
    found = run_steps(_plan(data), progress)
    sections = {name: found[scale_step(name)] for name in scales.names}
    judged, families = judge_report(data, sections)
    return ChangeReport(
        meta=describe_data(data, digest),
        declared=choose_families(data),
        scales=judged,
        families=families,
        cohorts=found[_COHORTS],
        skills=found[_SKILLS],
        scorecard=score_report(data, judged, families),
        missing=found[_MISSING],
        selection=found[_SELECTION],
        persons=found[_PERSONS],
        wording="changed during",
        notes=unique_notes(
            (*data.notes, Note("changes.wording", _WORDING), Note("changes.readers", _READERS))
        ),
    )


_COHORTS: Final = "cohorts"
_SKILLS: Final = "skills"
_MISSING: Final = "missing answers"
_SELECTION: Final = "selection"
_PERSONS: Final = "single persons"


def _plan(data: ChangeData) -> dict[str, Step]:
    """Each step by its name."""

    def analyse(name: str) -> Step:
        return lambda _: analyse_scale(data, name)

    steps = {scale_step(name): analyse(name) for name in data.scales.names}
    return steps | {
        _COHORTS: lambda _: compare_data(data),
        _SKILLS: lambda _: analyse_skills(data),
        _MISSING: lambda _: examine_missing(data),
        _SELECTION: lambda _: examine_selection(data),
        _PERSONS: lambda _: analyse_persons(data),
    }


def describe_data(data: ChangeData, digest: str = "") -> ChangeMeta:
    """Return where a report comes from."""
    n_complete = max((_n_complete(data, name) for name in data.scored), default=0)
    return ChangeMeta(
        versions=package_versions(PACKAGES),
        source=data.table.source,
        digest=digest,
        scales_source=data.scales.source,
        minimum_answered=str(data.scales.minimum_answered),
        n_rows=len(data.table.frame),
        n_pairs=len(data.pairs),
        n_complete=n_complete,
        roles=data.roles,
        waves=data.waves,
        gate=gate_for(n_complete).name,
        options=data.options,
    )


def _n_complete(data: ChangeData, name: str) -> int:
    """Pairs with all four scores of a scale."""
    scores = data.pair_scores(name)
    return 0 if scores is None else int(scores.complete((scores.waves[0], scores.waves[-1])).sum())
