"""Long answers and scales in, one frozen report of change out; usable without database or web."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any, Final

import pandas as pd

from instruments.errors import N_
from scoring.change_report.cohorts import CohortComparison, compare_data
from scoring.change_report.data import ChangeData, prepare_changes
from scoring.change_report.families import Families, choose_families, judge_report
from scoring.change_report.missing import MissingSection, examine_missing
from scoring.change_report.options import ChangeOptions
from scoring.change_report.persons import PersonSection, analyse_persons
from scoring.change_report.scales import ScaleChangeSection, analyse_scale
from scoring.errors import Note
from scoring.gates import gate_for
from scoring.multiplicity import FamilyReport
from scoring.report.data import unique_notes
from scoring.scale_sets import ScaleSet
from scoring.tables import ItemTable

# The packages whose version may change a number.
PACKAGES: Final = ("viceversa", "numpy", "scipy", "pandas", "pingouin")
Progress = Callable[[Sequence[str]], Iterable[str]]

_WORDING = N_(
    "Whatever is said to have moved changed during the programme; without lots or a group that waited nobody knows because of what."
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
    missing : MissingSection
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
    missing: MissingSection
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
    Missing data: the change of a role is that of those who answered at both waves, the mixed model uses every score there is, and the
    section on missing answers says how far the two may be apart. A statistic that cannot be computed is None and explained by a note.

    Raises
    ------
    ProblemsError
        For answers or options that cannot be used; see `scoring.change_report.data.prepare_changes`.
    """
    from threadpoolctl import threadpool_limits

    data = prepare_changes(answers, scales, options)
    steps = _plan(data)
    found: dict[str, Any] = {}
    # Matrices of pairs are small: threads of the linear algebra wait for one another longer than they work.
    with threadpool_limits(limits=1, user_api="blas"):
        for label in (progress or iter)(list(steps)):
            found[label] = steps[label]()
    sections = {name: found[_scale_step(name)] for name in scales.names}
    judged, families = judge_report(data, sections)
    return ChangeReport(
        meta=describe_data(data, digest),
        declared=choose_families(data),
        scales=judged,
        families=families,
        cohorts=found[_COHORTS],
        missing=found[_MISSING],
        persons=found[_PERSONS],
        wording="changed during",
        notes=unique_notes((*data.notes, Note("changes.wording", _WORDING))),
    )


_COHORTS: Final = "cohorts"
_MISSING: Final = "missing answers"
_PERSONS: Final = "single persons"


def _scale_step(name: str) -> str:
    """The step that analyses a scale."""
    return f"scale {name}"


def _plan(data: ChangeData) -> dict[str, Callable[[], Any]]:
    """Each step by its name."""
    steps: dict[str, Callable[[], Any]] = {
        _scale_step(name): partial(analyse_scale, data, name) for name in data.scales.names
    }
    return steps | {
        _COHORTS: partial(compare_data, data),
        _MISSING: partial(examine_missing, data),
        _PERSONS: partial(analyse_persons, data),
    }


def describe_data(data: ChangeData, digest: str = "") -> ChangeMeta:
    """Return where a report comes from."""
    n_complete = max((_n_complete(data, name) for name in data.scored), default=0)
    return ChangeMeta(
        versions=_versions(),
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
        options=replace(data.options),
    )


def _n_complete(data: ChangeData, name: str) -> int:
    """Pairs with all four scores of a scale."""
    scores = data.pair_scores(name)
    return 0 if scores is None else int(scores.complete((scores.waves[0], scores.waves[-1])).sum())


def _versions() -> dict[str, str]:
    """The versions of everything that may change a number."""
    versions = {"python": python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
