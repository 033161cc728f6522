"""A roster file becomes pairs, or every one of its problems with line, column and remedy."""

import codecs
import csv
import datetime as dt
import io
import itertools
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surveys.roster_rows import Roster, RosterPerson, RosterRow, read_roster

HEADER = "mentor_name,mentor_email,mentor_language,mentee_name,mentee_email,mentee_language,started_on,reporting_line"
GOOD = "Ada,ada@x.org,ur,Bo,bo@x.org,de,2026-03-01,none"

# The reader is compared with itself on many inputs; time depends on who else uses the machine.
PATIENT = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def read(*lines: str, header: str = HEADER) -> Roster:
    """Read a roster of these rows."""
    return read_roster("\n".join([header, *lines]).encode())


def found(roster: Roster) -> list[tuple[int, str, str]]:
    """Line, column and code of each problem; every sentence can be filled in."""
    assert all(str(problem).isprintable() for problem in roster.problems)
    return [(problem.line, problem.column, problem.code) for problem in roster.problems]


def notes(roster: Roster) -> list[tuple[int, str, str]]:
    """Line, column and code of each note."""
    assert all(str(note).isprintable() for note in roster.notes)
    return [(note.line, note.column, note.code) for note in roster.notes]


def test_a_good_row_becomes_a_pair() -> None:
    roster = read(GOOD)

    assert roster.problems == roster.notes == ()
    assert roster.rows == (
        RosterRow(
            line=2,
            row=2,
            mentor=RosterPerson("Ada", "ada@x.org", "ur"),
            mentee=RosterPerson("Bo", "bo@x.org", "de"),
            started_on=dt.date(2026, 3, 1),
        ),
    )


def test_optional_columns_may_be_missing() -> None:
    roster = read("Ada;ADA@x.org;Bo;bo@x.org", header="Mentor;E-Mail Mentor;Mentee;E-Mail Mentee")

    (row,) = roster.rows
    assert (row.mentor.locale, row.mentee.locale, row.started_on) == (None, None, None)
    assert row.mentor.email == "ada@x.org"


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (
            "Vorname Mentor;Nachname Mentor;Mentor Mail;Mentee;Mentee Mail",
            "Ada;Lovelace;ada@x.org;Bo;bo@x.org",
        ),
        ("Mentor Name;Mentor Vorname;Mentor Mail;Mentee;Mentee Mail", "Lovelace;Ada;ada@x.org;Bo;bo@x.org"),
        (
            "Nombre mentor;Apellidos mentor;Mentor Mail;Mentee;Mentee Mail",
            "Ada;Lovelace;ada@x.org;Bo;bo@x.org",
        ),
        (
            "Mentor;Mentor surname;Mentor Mail;Mentee;Mentee Mail",
            "Ada Lovelace;Lovelace;ada@x.org;Bo;bo@x.org",
        ),
    ],
)
def test_a_name_in_two_columns_is_joined(header: str, row: str) -> None:
    roster = read(row, header=header)

    assert roster.problems == ()
    assert roster.rows[0].mentor.name == "Ada Lovelace"


def test_a_whole_name_beside_its_parts_is_not_used() -> None:
    roster = read(
        "Ada L.;Ada;Lovelace;ada@x.org;Bo;bo@x.org",
        header="Mentor;Mentor first name;Mentor last name;Mentor mail;Mentee;Mentee mail",
    )

    assert roster.rows[0].mentor.name == "Ada Lovelace"
    assert roster.unknown_columns == ("Mentor",)


def test_every_bad_cell_is_reported_at_once_with_its_place_and_remedy() -> None:
    roster = read(
        "Ada,ada@x.org,ur,Bo,bo@x.org,de,2026-03-01,none",
        ",cy@x,klingon,=1+1,,de,03/04/2026,direct",
        "Di,di@x.org,,Ed,ed@x.org,,,",
        "Flo,flo@x.org,,Guy,guy@x.org,,someday,perhaps",
    )

    assert found(roster) == [
        (3, "mentor_name", "empty"),
        (3, "mentor_email", "malformed_email"),
        (3, "mentor_language", "unknown_language"),
        (3, "mentee_name", "formula"),
        (3, "mentee_email", "empty"),
        (3, "started_on", "malformed_date"),
        (3, "reporting_line", "reporting_line"),
        (5, "started_on", "malformed_date"),
        (5, "reporting_line", "unknown_reporting_line"),
    ]
    assert [row.line for row in roster.rows] == [2, 4]
    assert str(roster.problems[1]) == (
        "line 3, column 'mentor_email': “cy@x” is not an e-mail address."
        " Write one address such as ada@example.org, with no space and no accent before the @."
    )


def test_the_column_is_called_as_in_the_file() -> None:
    roster = read("Ada;ada;Bo;bo@x.org", header="Reverse Mentor;Mentor E-Mail;Mentee;Mentee E-Mail")

    assert found(roster) == [(2, "Mentor E-Mail", "malformed_email")]


def test_lines_stay_right_below_cells_of_several_lines() -> None:
    roster = read('"Ada\nL",ada@x.org,,Bo,bo@x.org,,,', "Cy,bad,,Di,di@x.org,,,")

    (problem,) = roster.problems
    assert (problem.line, problem.row) == (4, 3)
    assert str(problem).startswith("line 4 (spreadsheet row 3), column 'mentor_email': ")


def test_cells_beyond_the_last_column_are_reported_unless_blank() -> None:
    roster = read(GOOD + ",,\u00a0", "Lovelace, Cy,cy@x.org,,Di,di@x.org,,,none")

    assert found(roster) == [(3, "", "surplus_cells")]


def test_a_short_row_misses_its_last_cells() -> None:
    roster = read("Ada,ada@x.org,ur,Bo")

    assert found(roster) == [(2, "mentee_email", "empty")]


def test_missing_columns_are_named_beside_those_that_were_found() -> None:
    roster = read("Ada;ada@x.org;x", header="Mentor;Mentor E-Mail;Team")

    (problem,) = roster.problems
    assert (problem.line, problem.code) == (1, "missing_columns")
    assert problem.params == {
        "missing": "mentee_name, mentee_email",
        "found": "“Mentor”, “Mentor E-Mail”, “Team”",
    }


def test_a_file_without_a_header_is_told_so() -> None:
    assert found(read_roster(b"Ada,ada@x.org,Bo,bo@x.org\n")) == [(1, "", "no_header")]


def test_two_columns_for_one_thing_are_reported_by_name() -> None:
    roster = read(
        "Ada,Ada,ada@x.org,Bo,bo@x.org", header="Mentor,Mentor Name,mentor_email,mentee,mentee_email"
    )

    assert found(roster) == [(1, "Mentor Name", "duplicate_column")]
    assert roster.problems[0].params["other"] == "Mentor"


def test_a_file_with_only_a_header_is_told_so() -> None:
    assert found(read_roster(HEADER.encode() + b"\n,,,,,,,\n")) == [(1, "", "no_rows")]


def test_a_file_whose_only_row_cannot_be_split_is_not_called_empty() -> None:
    assert [code for _, _, code in found(read('"Ada"x,ada@x.org'))] == ["broken_quotes"]


def test_unknown_columns_are_listed_not_refused() -> None:
    roster = read(GOOD + ",Finance,,7", header=HEADER + ",Team,,")

    assert (
        roster.problems[0].code == "surplus_cells"
    )  # The last column has no name, so its cell is one too many.
    roster = read(GOOD + ",Finance,8,", header=HEADER + ",Team,,Age")
    assert roster.problems == ()
    assert roster.unknown_columns == ("Team", "#10", "Age")
    assert notes(roster) == [
        (0, "Team", "unknown_column"),
        (0, "#10", "unknown_column"),
        (0, "Age", "unknown_column"),
    ]


def test_one_mentor_with_several_mentees_is_allowed_and_noted() -> None:
    roster = read(GOOD, "ADA,Ada@X.org,,Cy,cy@x.org,,,", "Ada,ada@x.org,ur,Di,di@x.org,,,")

    assert roster.problems == ()
    assert notes(roster) == [(2, "", "mentor_in_several_pairs")]
    assert roster.notes[0].params == {"name": "Ada", "number": 3}
    assert [row.mentor for row in roster.rows] == [RosterPerson("Ada", "ada@x.org", "ur")] * 3


def test_a_language_given_once_holds_for_all_rows_of_a_person() -> None:
    roster = read("Ada,ada@x.org,,Cy,cy@x.org,,,", GOOD)

    assert {row.mentor.locale for row in roster.rows} == {"ur"}


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("Eve,ada@x.org,ur,Cy,cy@x.org,,,", "mentor_name", "name_differs"),
        ("Ada,ada@x.org,fr,Cy,cy@x.org,,,", "mentor_language", "language_differs"),
        ("Ada,ada@x.org,ur,Bo,BO@x.org,de,,", "mentee_email", "pair_twice"),
        ("Cy,cy@x.org,,Ada,ada@x.org,,,", "mentee_email", "role_differs"),
        ("Bo,bo@x.org,,Cy,cy@x.org,,,", "mentor_email", "role_differs"),
        ("Cy,cy@x.org,,Cy,mailto:CY@x.org,,,", "mentee_email", "same_person"),
    ],
)
def test_rows_that_contradict_each_other_are_reported_at_the_later_one(
    row: str, column: str, code: str
) -> None:
    roster = read(GOOD, row)

    assert found(roster) == [(3, column, code)]
    assert [row.line for row in roster.rows] == [2]


def test_the_earlier_line_is_named() -> None:
    roster = read(GOOD, "Eve,ada@x.org,ur,Cy,cy@x.org,,,")

    assert "ada@x.org is “Eve” here and “Ada” in line 2." in str(roster.problems[0])


def test_contradictions_with_a_row_that_is_itself_faulty_are_reported_too() -> None:
    roster = read("Ada,ada@x.org,klingon,Bo,bo@x.org,,,", "Eve,ada@x.org,,Cy,cy@x.org,,,")

    assert found(roster) == [(2, "mentor_language", "unknown_language"), (3, "mentor_name", "name_differs")]


def test_one_name_with_two_addresses_is_noted() -> None:
    roster = read(GOOD, "Ada,ada.l@x.org,,Cy,cy@x.org,,,")

    assert roster.problems == ()
    assert notes(roster) == [(3, "", "name_with_two_addresses")]


TWINS = "Mentor;Mentor E-Mail;Mentee;Mentee E-Mail\nJürgen Müller;jm@x.org;Renée Été;re@x.org\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16", "utf-16-be"])
def test_the_same_file_in_two_encodings_gives_the_same_pairs(encoding: str) -> None:
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""

    roster = read_roster(mark + TWINS.encode(encoding))

    assert (roster.rows, roster.problems) == (read_roster(TWINS.encode()).rows, ())
    assert roster.rows[0].mentor.name == "Jürgen Müller"


def test_a_guessed_encoding_is_noted_with_a_name_to_check() -> None:
    assert read_roster(TWINS.encode()).notes == ()
    (note,) = read_roster(TWINS.encode("cp1252")).notes

    assert (note.code, note.params) == ("guessed_encoding", {"name": "Jürgen Müller"})


@pytest.mark.parametrize(
    ("name", "encoding"), [("محمد علي", "cp1256"), ("Иванов", "cp1251"), ("Παπαδόπουλος", "cp1253")]
)
def test_a_name_in_an_encoding_that_was_not_recognised_is_refused_not_misread(
    name: str, encoding: str
) -> None:
    data = f"Mentor,Mentor mail,Mentee,Mentee mail\n{name},a@x.org,Bo,bo@x.org\n".encode(encoding)

    codes = {problem.code for problem in read_roster(data).problems}
    assert codes <= {"garbled", "unknown_encoding"}
    assert codes


def test_the_file_as_a_whole_may_be_wrong() -> None:
    roster = read_roster(b"%PDF-1.7", filename="pairs.csv")

    assert found(roster) == [(0, "", "pdf")]
    assert (roster.rows, roster.filename) == ((), "pairs.csv")


MANY = 100_000
HOSTILE: dict[str, tuple[bytes, set[str]]] = {
    "formulas": (
        f"{HEADER}\n=cmd|' /C calc'!A0,ada@x.org,,@SUM(1),bo@x.org,,,\n".encode(),
        {"formula"},
    ),
    "formulas behind what is stripped": (
        f"{HEADER}\n\u200b\u00a0'=1+1,'=a@x.org,,\"=\"\"=1+1\"\"\",-bo@x.org,,,\n".encode(),
        {"formula", "malformed_email"},
    ),
    "100,000 rows": (f"{HEADER}\n".encode() + b"a,a@x.org,,b,b@x.o,\n" * MANY, {"too_many_rows"}),
    "a million blank rows": (f"{HEADER}\n".encode() + b"\n" * 10 * MANY, {"no_rows"}),
    "NUL bytes": (f"{HEADER}\nA\0da,ada@x.org,,Bo,bo@x.org,,,\n".encode(), {"binary"}),
    "a header of 100,000 columns": (HEADER.encode() + b",x" * MANY, {"too_many_columns"}),
    "a row of 100,000 columns": (f"{HEADER}\n{GOOD}{',x' * MANY}\n".encode(), {"surplus_cells"}),
    "a cell of 1 MB": (f"{HEADER}\n{'A' * 1_000_000},ada@x.org,,Bo,bo@x.org,,,\n".encode(), {"unclosed_quote"}),
    "a quoted cell of 1 MB": (f'{HEADER}\n"{"A" * 1_000_000}",ada@x.org,,Bo,bo@x.org,,,\n'.encode(), {"unclosed_quote"}),
    "a cell of 100 kB": (f"{HEADER}\n{'<a@' * 30_000},{'<a@' * 30_000},,Bo,bo@x.org,,,\n".encode(), {"cell_too_long"}),
    "a header cell of 100 kB": (f"{'mentor ' * 15_000},{HEADER}\n{GOOD}\n".encode(), {"malformed_email"}),
    "directional overrides": (f"{HEADER}\nAda\u202e,ada@x.org,,Bo\u2067,b\u202do@x.org,,,\n".encode(), {"hidden_character"}),
    "hidden text in the header": (f"mentor\u202e_name,{HEADER}\n".encode(), {"duplicate_column"}),
    "only quotes": (b'"' * 99_999 + b"a", {"unclosed_quote"}),
    "a compressed file's magic alone": (b"PK\x03\x04", {"zip"}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_roster_is_answered_with_problems(name: str) -> None:
    data, codes = HOSTILE[name]

    roster = read_roster(data)

    assert {problem.code for problem in roster.problems} >= codes
    for problem in roster.problems:
        assert len(str(problem)) < 2_000
        assert str(problem).isprintable()


def assert_wholesome(roster: Roster) -> None:
    """A roster is usable or says why not, and what it says is finished and safe to show."""
    assert roster.rows or roster.problems
    for remark in (*roster.problems, *roster.notes):
        assert str(remark).isprintable()
    for problem in roster.problems:
        assert problem.code
        assert problem.message
        assert problem.remedy
    for row in roster.rows:
        assert row.mentor.email != row.mentee.email
        for person in (row.mentor, row.mentee):
            assert person.email == person.email.lower()
            assert person.email.isascii()
            assert 1 <= len(person.name) <= 200
            assert person.name == person.name.strip()
            assert person.name[0] not in "=+-@"


@PATIENT
@given(st.binary(max_size=600))
def test_arbitrary_bytes_are_answered_with_problems(data: bytes) -> None:
    roster = read_roster(data)

    assert roster.rows == ()
    assert_wholesome(roster)


@PATIENT
@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"]),
    st.lists(
        st.one_of(
            st.sampled_from([*HEADER.split(","), *GOOD.split(","), "Mentor", "E-Mail Mentee", "Vorname Mentee"]),
            st.sampled_from([",", ";", "\t", "|", '"', "\n", "\r", "sep=", "sep=;\n", "=", "'", "<", ">", "@", "%(x)s", "%"]),
            st.text(max_size=4),
        ),
        max_size=40,
    ),
    st.binary(max_size=3),
)  # fmt: skip
def test_pieces_of_rosters_in_any_order_are_answered(encoding: str, pieces: list[str], tail: bytes) -> None:
    text = f"{HEADER}\n{GOOD}\n{''.join(pieces)}"

    assert_wholesome(read_roster(text.encode(encoding, "replace") + tail))
    assert_wholesome(read_roster("".join(pieces).encode(encoding, "replace") + tail))


@PATIENT
@given(st.data())
def test_a_good_roster_with_bytes_changed_is_answered(data: st.DataObject) -> None:
    content = bytearray(
        f"{HEADER}\n{GOOD}\nCy,cy@x.org,fr,Dé,de@x.org,es,31.03.2026,keine\n".encode("utf-8-sig")
    )
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    assert_wholesome(read_roster(bytes(content)))


def test_every_short_file_of_quotes_and_separators_is_answered() -> None:
    pieces = ['"', ",", ";", "\n", "sep=;\n", "a", " "]

    for length in range(1, 5):
        for chosen in itertools.product(pieces, repeat=length):
            assert read_roster("".join(chosen).encode()).problems, chosen


# Letters that every encoding below can write, and that form no word by which a program marks a formula or an address.
LETTERS = string.ascii_letters + "äöüßéèçñÉØ"
FIELDS = ("mentor_name", "mentor_email", "mentee_name", "mentee_email")
NAMES = st.text(LETTERS, min_size=1, max_size=8).map(lambda text: f"N{text.lower()} Smith")


@PATIENT
@given(
    names=st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=6),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"]),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    order=st.permutations(FIELDS),
)
def test_what_was_written_is_read_in_any_encoding_separator_and_column_order(
    names: list[tuple[str, str]], encoding: str, separator: str, end: str, order: list[str]
) -> None:
    written = [
        {"mentor_name": a, "mentor_email": f"a{n}@x.org", "mentee_name": b, "mentee_email": f"b{n}@x.org"}
        for n, (a, b) in enumerate(names)
    ]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, order, delimiter=separator, lineterminator=end)
    writer.writeheader()
    writer.writerows(written)

    roster = read_roster(out.getvalue().encode(encoding))

    assert roster.problems == ()
    assert [
        (row.mentor.name, row.mentor.email, row.mentee.name, row.mentee.email) for row in roster.rows
    ] == [tuple(row[field] for field in FIELDS) for row in written]
