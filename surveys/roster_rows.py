"""A roster file -> pairs of people, with every fault of the file itself reported at once; no database is asked."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from instruments.errors import N_
from surveys.roster_cells import (
    CellFault,
    is_blank,
    read_date,
    read_email,
    read_language,
    read_name,
    read_reporting_line,
    read_timezone,
)
from surveys.roster_checks import SIDES, PersonSeen, RowDraft, check_pairs, check_people, note_people
from surveys.roster_files import (
    RosterFileError,
    RosterNote,
    RosterProblem,
    RosterTable,
    TableRow,
    column_names,
    read_table,
)
from surveys.roster_words import COLUMNS, REQUIRED_COLUMNS, recognise_column

_READERS: Mapping[str, Callable[[str], str | dt.date | None]] = {
    "name": read_name,
    "email": read_email,
    "language": read_language,
    "timezone": read_timezone,
    "started_on": read_date,
    "reporting_line": read_reporting_line,
}


@dataclass(frozen=True)
class RosterPerson:
    """A person of a roster; `locale` is None where the file leaves it to the programme."""

    name: str
    email: str
    locale: str | None
    time_zone: str | None = None


@dataclass(frozen=True)
class RosterRow:
    """One faultless row: a pair, and where it stands in the file."""

    line: int
    row: int
    mentor: RosterPerson
    mentee: RosterPerson
    started_on: dt.date | None


@dataclass(frozen=True)
class Roster:
    """A roster file as read: its faultless rows, all its problems, and notes worth a look.

    `columns` names the file's own column for each field that was found; `unknown_columns` are those nobody reads.
    """

    rows: tuple[RosterRow, ...]
    problems: tuple[RosterProblem, ...]
    notes: tuple[RosterNote, ...] = ()
    filename: str = ""
    encoding: str = ""
    separator: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    unknown_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Columns:
    """Which places of a row make up each field, and what the file calls it."""

    places: Mapping[str, tuple[int, ...]]
    names: Mapping[str, str]
    unknown: tuple[str, ...]
    width: int


def read_roster(data: bytes, *, filename: str = "") -> Roster:
    """Read a roster file; whatever the bytes are, the answer is a Roster, with problems where it cannot be used."""
    try:
        table = read_table(data)
    except RosterFileError as error:
        return Roster((), (error.problem,), filename=filename)
    if not table.header.cells:
        return Roster((), table.problems, table.notes, filename, table.encoding, table.separator)
    columns, header_problems = _map_columns(table)
    drafts = [] if header_problems else [_read_row(row, columns) for row in table.rows]
    seen = check_people(drafts)
    check_pairs(drafts)
    problems = [
        *table.problems,
        *header_problems,
        *(problem for draft in drafts for problem in draft.problems),
    ]
    notes = [
        *table.notes,
        *_note_unknown(columns),
        *_note_encoding(table, drafts),
        *note_people(drafts, seen),
    ]
    return Roster(
        rows=tuple(_finish(draft, seen) for draft in drafts if not draft.problems),
        problems=tuple(sorted(problems, key=lambda problem: problem.line)),
        notes=tuple(sorted(notes, key=lambda note: note.line)),
        filename=filename,
        encoding=table.encoding,
        separator=table.separator,
        columns=columns.names,
        unknown_columns=columns.unknown,
    )


def _map_columns(table: RosterTable) -> tuple[_Columns, list[RosterProblem]]:
    """Find the columns; problems are two columns for one thing, missing ones, no header, and nothing below it."""
    header, names = table.header, column_names(table.header)
    problems: list[RosterProblem] = []
    found: dict[str, int] = {}
    for place, cell in enumerate(header.cells):
        known = recognise_column(cell)
        if known in found:
            problems.append(
                RosterProblem(
                    header.line,
                    names[place],
                    "duplicate_column",
                    N_("This column means the same as the column “%(other)s”: %(field)s."),
                    {"other": names[found[known]], "field": known},
                    row=header.row,
                    remedy=N_("Delete one of the two, or give it a name of its own."),
                )
            )
        elif known:
            found[known] = place
    places = {name: _places_of(name, found) for name in COLUMNS}
    places = {name: at for name, at in places.items() if at}
    missing = [name for name in REQUIRED_COLUMNS if name not in places]
    if missing:
        problems.append(_missing_columns(header, names, missing))
    elif not table.rows and not table.problems:
        problems.append(
            RosterProblem(
                header.line,
                "",
                "no_rows",
                N_("The file has column names but no pairs below them."),
                row=header.row,
                remedy=N_("Write one row for each pair and save the file again."),
            )
        )
    shown_names = {name: " + ".join(names[place] for place in at) for name, at in places.items()}
    read = {place for at in places.values() for place in at}
    unread = [
        names[place] for place in range(len(names)) if place not in read and _holds_something(table, place)
    ]
    return _Columns(places, shown_names, tuple(unread), len(header.cells)), problems


def _holds_something(table: RosterTable, place: int) -> bool:
    """Whether a column has a name or any cell that could be seen."""
    return any(
        not is_blank(row.cells[place]) for row in (table.header, *table.rows) if place < len(row.cells)
    )


def _places_of(name: str, found: Mapping[str, int]) -> tuple[int, ...]:
    """The columns that make up a field: a name may stand in one column, or be split into given and family name."""
    if not name.endswith("_name"):
        return (found[name],) if name in found else ()
    side = name.removesuffix("_name")
    given, family = found.get(f"{side}_given_name"), found.get(f"{side}_family_name")
    whole = found.get(name)
    if given is not None and family is not None:
        return given, family
    # "Name, Vorname" and "Nombre, Apellidos": beside one part of a name, the bare word means the other part.
    parts = (given, whole) if given is not None else (whole, family)
    return tuple(place for place in parts if place is not None)


def _missing_columns(header: TableRow, names: tuple[str, ...], missing: list[str]) -> RosterProblem:
    """What to say when needed columns are not there, or when there seems to be no header at all."""
    params = {"missing": ", ".join(missing), "found": ", ".join(f"“{name}”" for name in names[:20])}
    if any("@" in cell for cell in header.cells):
        return RosterProblem(
            header.line,
            "",
            "no_header",
            N_("The first row holds an e-mail address, so it is no row of column names. Found: %(found)s."),
            params,
            row=header.row,
            remedy=N_("Add a first row with the column names %(missing)s."),
        )
    return RosterProblem(
        header.line,
        "",
        "missing_columns",
        N_("The file has no column for %(missing)s. Found: %(found)s."),
        params,
        row=header.row,
        remedy=N_("Add what is missing, or rename the column that holds it to exactly that name."),
    )


def _read_row(row: TableRow, columns: _Columns) -> RowDraft:
    """Read each cell of a row by its column; what cannot be read becomes a problem and no value."""
    draft = RowDraft(row.line, row.row, columns.names)
    if not all(is_blank(cell) for cell in row.cells[columns.width :]):
        # The cells have shifted, so that judging them by their columns would only mislead.
        draft.report(
            "",
            "surplus_cells",
            N_("This row has more cells than there are columns (%(columns)s)."),
            N_("Perhaps a name holds the separator: put the name in quotation marks, or remove the rest."),
            columns=columns.width,
        )
        return draft
    for name, places in columns.places.items():
        read = _READERS.get(name) or _READERS[name.rpartition("_")[2]]
        try:
            draft.values[name] = read(_join([row.cells[place] for place in places if place < len(row.cells)]))
        except CellFault as fault:
            draft.report(name, fault.code, fault.message, fault.remedy, **fault.params)
    return draft


def _join(parts: list[str]) -> str:
    """The parts of a name as one; a "name" that already holds the family name beside it is the whole."""
    filled = [part for part in parts if not is_blank(part)]
    if len(filled) == 2 and filled[1].casefold().strip() in filled[0].casefold().split():
        return filled[0]
    return " ".join(filled)


def _finish(draft: RowDraft, seen: Mapping[str, PersonSeen]) -> RosterRow:
    """A faultless draft as a row; the first spelling of a name and the one language given hold in all rows."""
    people = []
    for side in SIDES:
        email = draft.text(f"{side}_email") or ""
        people.append(RosterPerson(seen[email].name or "", email, seen[email].locale, seen[email].time_zone))
    started_on = draft.values.get("started_on")
    return RosterRow(
        draft.line,
        draft.row,
        people[0],
        people[1],
        started_on if isinstance(started_on, dt.date) else None,
    )


def _note_unknown(columns: _Columns) -> list[RosterNote]:
    """Which columns are not read."""
    return [
        RosterNote(0, name, "unknown_column", N_("This column is not used, and nothing of it is stored."))
        for name in columns.unknown
    ]


def _note_encoding(table: RosterTable, drafts: Sequence[RowDraft]) -> list[RosterNote]:
    """That the letters are a guess, with a name on which it can be checked."""
    if table.encoding != "cp1252":
        return []
    names = (draft.text(f"{side}_name") or "" for draft in drafts for side in SIDES)
    sample = next((name for name in names if not name.isascii()), "")
    if not sample:
        return []
    message = N_(
        "The file does not say how its letters are stored. Please check that this name is right: %(name)s."
    )
    return [RosterNote(0, "", "guessed_encoding", message, {"name": sample})]
