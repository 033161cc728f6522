"""What a psychometric report is computed from: checked codes, keyed values, groups, pairs and waves, and what was asked for."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Literal, TypeVar

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.scale_sets import LISTED, Problem, ProblemsError, ScaleSet
from scoring.scales import keyed_items
from scoring.tables import ItemTable, check_item_table

# With more different values an item is measured rather than answered, and its two-way tables are too thin.
MOST_CATEGORIES: Final = 12
# Percentiles of fewer simulated data sets say nothing.
FEWEST_CUTOFFS: Final = 20
# The code of notes on parts that could not be computed; `params` hold what, and the reason.
NOT_COMPUTED: Final = "report.not_computed"
Result = TypeVar("Result")

_BOTH_SIGNS = N_(
    "Item %(item)s is reversed in one scale and not in another; analyses of all items take it as in %(scale)s."
)
_MEASURED = N_(
    "These items have values between whole numbers or more than %(most)d different ones, so nothing ordinal is computed, "
    "and no sign of careless answers: %(items)s."
)
_STACKED = N_("Rows of several %(what)s are analysed together; reliability is also given for each of them.")
_APART = N_(
    "These scales were not answered in every role and wave, so they stay out of analyses of all items together: %(scales)s."
)
_NO_GROUP = N_("%(n)d rows have no group and stay out of comparisons between groups.")
_FAILED = N_("%(what)s: not computed. %(reason)s")


@dataclass(frozen=True)
class ReportOptions:
    """What a report was asked to do.

    Attributes
    ----------
    group, pair, wave, role, person : str or None
        Columns that say to which group, pair, occasion, side of the pair, and person a row belongs.
    missing : "listwise", "fiml" or None
        Missing answers in confirmatory models; None computes both where answers are missing.
    estimator : "ML", "MLR", "WLSMV" or None
        The only estimator of confirmatory models; None computes all that fit the data.
    draws : int
        Bootstrap draws, 2 or more.
    sets : int
        Random sets of the parallel analysis.
    cutoffs : int
        Simulated data sets for each limit of fit, and (at most 200) for invariance among fewer than 300; 20 or more, 0 for none.
    seed : int
        Start of the random numbers.
    confidence : float
        Coverage of intervals.
    """

    group: str | None = None
    pair: str | None = None
    wave: str | None = None
    role: str | None = None
    person: str | None = None
    missing: Literal["listwise", "fiml"] | None = None
    estimator: Literal["ML", "MLR", "WLSMV"] | None = None
    draws: int = 1000
    sets: int = 500
    cutoffs: int = 500
    seed: int = 1
    confidence: float = 0.95

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns named, each once."""
        named = (self.group, self.pair, self.wave, self.role, self.person)
        return tuple(dict.fromkeys(column for column in named if column is not None))


@dataclass(frozen=True)
class ReportData:
    """Data of one report.

    Attributes
    ----------
    table : ItemTable
    scales : ScaleSet
    joint : ScaleSet
        The scales that are analysed together: those asked in every role and wave that columns name.
    options : ReportOptions
    keyed : mapping scale -> DataFrame
        Keyed values of each scale.
    bank : DataFrame
        Keyed values of every item of `joint`, each once.
    measured : tuple of str
        Items that are not ordinal.
    clusters : Series or None
        What the rows that depend on each other have in common: the pair, otherwise the person.
    persons : Series or None
        Who answered, where that can be told.
    notes : tuple of Note
    """

    table: ItemTable
    scales: ScaleSet
    joint: ScaleSet
    options: ReportOptions
    keyed: Mapping[str, pd.DataFrame]
    bank: pd.DataFrame
    measured: tuple[str, ...]
    clusters: pd.Series | None
    persons: pd.Series | None
    notes: tuple[Note, ...]

    @property
    def incomplete(self) -> bool:
        """Whether any answer is missing."""
        return bool(self.bank.isna().to_numpy().any())

    def is_ordinal(self, items: Sequence[str] | None = None) -> bool:
        """Whether these items, or all, are ordinal."""
        return not set(self.measured).intersection(self.bank.columns if items is None else items)

    def column(self, name: str | None) -> pd.Series | None:
        """The labels of a column, None where no column was named."""
        return None if name is None else self.table.frame[name]


def prepare_data(source: ItemTable | pd.DataFrame, scales: ScaleSet, options: ReportOptions) -> ReportData:
    """Check and key the answers, and find out which rows belong together.

    Raises
    ------
    ProblemsError
        Those of `check_item_table`; `report.label` for a row without pair, wave, role or person; `report.roles` unless there are two
        roles; `report.waves` for a single wave; `report.repeated` for two rows of one person and wave; `report.columns` for
        options that need another column; `report.option` for a value that an option cannot have.
    """
    check_options(options)
    if isinstance(source, pd.DataFrame):
        source = check_item_table(source, scales, options.columns)
    frame = source.frame
    problems = [*_find_unlabelled(frame, options), *_find_labels(frame, options)]
    problems = problems or _find_repeated(frame, options)
    if problems:
        raise ProblemsError(problems[:LISTED], max(0, len(problems) - LISTED))
    keyed = {
        scale.name: keyed_items(frame, scale.keys, minimum=scale.minimum, maximum=scale.maximum)
        for scale in scales.scales
    }
    joint = _find_joint(frame, scales, options)
    bank = pd.DataFrame(
        {item: keyed[scale.name][item] for item, scale in joint.items.items()},
        index=frame.index,
        dtype="float64",
    )
    measured = tuple(
        item for item, scale in scales.items.items() if not _is_ordinal(keyed[scale.name][item].to_numpy())
    )
    persons = _find_persons(frame, options)
    clusters = frame[options.pair] if options.pair else persons
    notes = [*scales.notes, *source.notes, *_describe(frame, scales, measured, options)]
    apart = [name for name in scales.names if name not in joint.names]
    if apart:
        notes.append(Note("report.apart", _APART, {"scales": ", ".join(apart)}))
    return ReportData(source, scales, joint, options, keyed, bank, measured, clusters, persons, tuple(notes))


def _find_joint(frame: pd.DataFrame, scales: ScaleSet, options: ReportOptions) -> ScaleSet:
    """The scales of which every item was answered in each role and wave: rows that were not asked have no complete answers."""
    columns = [column for column in (options.role, options.wave) if column is not None]
    if not columns:
        return scales
    answered = frame[list(scales.items)].notna().groupby([frame[column] for column in columns]).any().all()
    kept = tuple(scale for scale in scales.scales if all(answered[item] for item in scale.keys))
    return replace(scales, scales=kept)


def attempt(notes: list[Note], what: str, work: Callable[[], Result]) -> Result | None:
    """Do one part of a report; input that it cannot be computed from becomes a note, a bug stays an exception."""
    try:
        return work()
    except ScoringError as error:
        notes.append(Note(NOT_COMPUTED, _FAILED, {"what": what, "reason": str(error)}))
        return None


def unique_notes(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return notes in their order, each sentence once."""
    return tuple({(note.code, str(note)): note for note in notes}.values())


def check_options(options: ReportOptions) -> None:
    """Raise ProblemsError unless every option has a value it can have."""
    allowed = {"missing": (None, "listwise", "fiml"), "estimator": (None, "ML", "MLR", "WLSMV")}
    for name, values in allowed.items():
        if getattr(options, name) not in values:
            raise _refuse(
                name,
                getattr(options, name),
                f"Use one of {', '.join(map(str, values[1:]))}, or leave it out.",
            )
    for name, least in {"draws": 2, "sets": 1, "cutoffs": 0, "seed": 0}.items():
        if not isinstance(getattr(options, name), int) or getattr(options, name) < least:
            raise _refuse(name, getattr(options, name), f"Give a whole number of {least} or more.")
    if 0 < options.cutoffs < FEWEST_CUTOFFS:
        raise _refuse(
            "cutoffs",
            options.cutoffs,
            f"Give {FEWEST_CUTOFFS} data sets or more, 500 as usual, or 0 for none.",
        )
    if not 0 < options.confidence < 1:
        raise _refuse("confidence", options.confidence, "Give a number between 0 and 1, for example 0.95.")
    if options.estimator == "WLSMV" and options.missing == "fiml":
        raise _refuse("missing", "fiml", "Full information is normal theory: use ML or MLR, or listwise.")
    if options.role and not options.pair:
        message = "Roles are compared within pairs, and no column says which pair a row belongs to."
        raise ProblemsError([Problem("report.columns", message, "Name the column of the pair, too.")])
    if options.wave and not (options.person or options.pair):
        message = "Waves are compared within persons, and no column says who answered."
        raise ProblemsError(
            [Problem("report.columns", message, "Name the column of the person, or of pair and role.")]
        )


def _refuse(name: str, value: object, remedy: str) -> ProblemsError:
    """An option that cannot have its value."""
    known = {field.name for field in fields(ReportOptions)}
    label = name if name in known else "option"
    return ProblemsError([Problem("report.option", f"{label} cannot be {value}.", remedy)])


def _is_ordinal(values: np.ndarray) -> bool:
    """Whether an item's values are whole and few."""
    known = np.unique(values[~np.isnan(values)])
    return len(known) <= MOST_CATEGORIES and bool((known == np.round(known)).all())


def _find_persons(frame: pd.DataFrame, options: ReportOptions) -> pd.Series | None:
    """Who answered: the person's column, otherwise pair and role together."""
    if options.person:
        return frame[options.person]
    if options.pair and options.role:
        return frame[options.pair] + " " + frame[options.role]
    return frame[options.pair] if options.pair and options.wave else None


def _find_unlabelled(frame: pd.DataFrame, options: ReportOptions) -> list[Problem]:
    """Rows that do not say to which pair, wave, role or person they belong."""
    return [
        Problem(
            "report.label",
            f"Row {row}, column {column} is empty.",
            "Say for every row to which pair, wave, role and person it belongs, or leave the column out.",
        )
        for column in options.columns
        if column != options.group
        for row in frame.index[frame[column].isna()]
    ]


def _find_labels(frame: pd.DataFrame, options: ReportOptions) -> list[Problem]:
    """Too few or too many different labels in a column."""
    problems = []
    for name, least, most in (("role", 2, 2), ("wave", 2, None), ("group", 2, None)):
        column = getattr(options, name)
        if column is None:
            continue
        labels = sorted(frame[column].dropna().unique())
        if len(labels) < least or (most is not None and len(labels) > most):
            listed = ", ".join(labels[:10]) + (", …" if len(labels) > 10 else "")
            wanted = "exactly two" if most else "two or more"
            message = f"Column {column} has {len(labels)} different values ({listed})."
            problems.append(Problem(f"report.{name}s", message, f"A comparison of {name}s needs {wanted}."))
    return problems


def _find_repeated(frame: pd.DataFrame, options: ReportOptions) -> list[Problem]:
    """Rows that stand for the same person on the same occasion."""
    key = [column for column in (options.person, options.pair, options.role, options.wave) if column]
    if not (options.wave or options.role):
        return []
    first: dict[Hashable, Hashable] = {}
    problems = []
    for row, labels in zip(frame.index, frame[key].itertuples(index=False, name=None), strict=True):
        if labels in first:
            named = ", ".join(f"{column} {label}" for column, label in zip(key, labels, strict=True))
            remedy = "Keep one row, or name the columns of person, role and wave that tell the two apart."
            problems.append(
                Problem("report.repeated", f"Rows {first[labels]} and {row} are both of {named}.", remedy)
            )
        first.setdefault(labels, row)
    return problems


def _describe(
    frame: pd.DataFrame, scales: ScaleSet, measured: Sequence[str], options: ReportOptions
) -> list[Note]:
    """What a reader must know of the data before any number."""
    notes: list[Note] = []
    for item, scale in scales.items.items():
        if len({other.keys[item] for other in scales.scales if item in other.keys}) > 1:
            notes.append(Note("report.signs", _BOTH_SIGNS, {"item": item, "scale": scale.name}))
    if measured:
        listed = ", ".join(measured)
        notes.append(Note("report.measured", _MEASURED, {"items": listed, "most": MOST_CATEGORIES}))
    stacked = [f"{name}s" for name in ("role", "wave") if getattr(options, name)]
    if stacked:
        notes.append(Note("report.stacked", _STACKED, {"what": " and ".join(stacked)}))
    n_without = int(frame[options.group].isna().sum()) if options.group else 0
    if n_without:
        notes.append(Note("report.no_group", _NO_GROUP, {"n": n_without}))
    return notes
