"""Any CSV becomes a checked table, or every bad cell is named with its row, its column and what to do."""

import contextlib
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.scale_sets import ProblemsError, ScaleKeys, ScaleSet, make_scale_set
from scoring.tables import ItemTable, check_item_table, keep_rows, read_csv, read_item_table, spread_answers

SCALES = make_scale_set({"s": ["a", "-b"]}, minimum=1, maximum=5)


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "answers.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def read(tmp_path: Path, content: str | bytes, scales: ScaleSet = SCALES, **more: object) -> ItemTable:
    return read_item_table(write(tmp_path, content), scales, **more)


def problems(tmp_path: Path, content: str | bytes, scales: ScaleSet = SCALES, **more: object) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read(tmp_path, content, scales, **more)
    assert all(problem.remedy for problem in caught.value.problems)
    return [f"{problem.code}: {problem.message}" for problem in caught.value.problems]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_marks_and_line_ends_are_found(
    tmp_path: Path, delimiter: str, mark: str, end: str
) -> None:
    rows = [["id", "a", "b"], ["x", "1", "5"], ["y", "", "NA"], ["z", "NaN", " 3 "]]

    table = read(tmp_path, mark + end.join(delimiter.join(row) for row in rows) + end)

    assert table.items == ("a", "b")
    np.testing.assert_array_equal(table.frame.to_numpy(), [[1, 5], [np.nan, np.nan], [np.nan, 3]])
    assert table.frame.index.tolist() == [2, 3, 4]
    assert (table.frame.dtypes == "float64").all()


def test_quoted_cells_may_hold_delimiters_and_line_breaks(tmp_path: Path) -> None:
    table = read(tmp_path, '"a","b","say, what"\n1,2,"two\nlines, ""quoted"""\n3,4,\n', columns=["say, what"])

    assert table.frame["a"].tolist() == [1.0, 3.0]
    assert table.frame["say, what"].tolist() == ['two\nlines, "quoted"', None]


def test_decimal_commas_are_read_where_points_are_not_decimals(tmp_path: Path) -> None:
    scales = make_scale_set({"s": ["a", "b"]}, minimum=-9, maximum=9)

    assert read(tmp_path, "a;b\n1,5;-2,25\n", scales).frame.to_numpy().tolist() == [[1.5, -2.25]]
    assert read(tmp_path, 'a,b\n"1,5",2\n', scales).frame.to_numpy().tolist() == [[1.5, 2.0]]
    assert problems(tmp_path, "a;b\n1,5;2.5\n", scales) == [
        "table.number: Row 2, column a: “1,5” is not a number."
    ]


@pytest.mark.parametrize(("text", "value"), [("+2", 2), ("2.0", 2), ("2.", 2), ("2e0", 2), ("02", 2)])
def test_usual_ways_to_write_a_number_are_read(tmp_path: Path, text: str, value: float) -> None:
    assert read(tmp_path, f"a,b\n{text},1\n").frame["a"].tolist() == [value]


@pytest.mark.parametrize(
    "text", ["two", "2 2", "1_0", "٣", "0x2", "--2", "2;", "True", "#N/A", "2'", "²", "e1", "."]
)
def test_anything_else_is_no_number(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, f"a,b\n{text},1\n") == [
        f"table.number: Row 2, column a: “{text}” is not a number."
    ]


@pytest.mark.parametrize("text", ["inf", "-inf", "Infinity", "1e999"])
def test_infinite_values_are_named(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, f"a,b\n{text},1\n") == [
        f"table.infinite: Row 2, column a: “{text}” is infinite."
    ]


def test_every_bad_cell_is_named_in_reading_order(tmp_path: Path) -> None:
    found = problems(tmp_path, "a,b\n1,9\n0,x\n3,3\ninf,2\n")

    assert found == [
        "table.range: Row 2, column b: “9” is outside 1 to 5.",
        "table.range: Row 3, column a: “0” is outside 1 to 5.",
        "table.number: Row 3, column b: “x” is not a number.",
        "table.infinite: Row 5, column a: “inf” is infinite.",
    ]


def test_twenty_bad_cells_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as caught:
        read(tmp_path, "a,b\n" + "7,7\n" * 30)

    assert len(caught.value.problems) == 20
    assert caught.value.k_more == 40
    assert str(caught.value).endswith("… and 40 more of the same kind.")


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path: Path) -> None:
    text = '\na,b,c\n1,2,"one\ntwo"\n,,\n\n9,1,x\n'

    # Row 1 is empty, row 2 the header, row 3 holds a line break, rows 4 and 5 are empty.
    assert problems(tmp_path, text) == ["table.range: Row 6, column a: “9” is outside 1 to 5."]


def test_empty_rows_are_left_out_with_a_note(tmp_path: Path) -> None:
    table = read(tmp_path, "id,a,b\nx,1,2\n,,\n , ,\ny,,\n")

    assert table.frame.index.tolist() == [2, 5]
    assert [str(note) for note in table.notes] == ["2 rows of the file are empty and left out."]


def test_whole_codes_are_demanded_where_an_instrument_lists_them(tmp_path: Path) -> None:
    scales = ScaleSet((ScaleKeys("s", {"a": 1, "b": 1}, 1, 5, whole=True),))

    assert problems(tmp_path, "a,b\n1,2.5\n", scales) == [
        "table.whole: Row 2, column b: “2.5” is not a whole number."
    ]


def test_a_single_broken_value_among_whole_ones_is_remarked(tmp_path: Path) -> None:
    broken = read(tmp_path, "a,b\n1,2\n2,2.5\n3,3\n")
    measured = read(tmp_path, "a,b\n1.5,2\n2.5,2\n3,3\n")

    assert [note.params for note in broken.notes] == [{"item": "b", "row": "3"}]
    assert measured.notes == ()


def test_each_scale_has_its_own_range(tmp_path: Path) -> None:
    scales = ScaleSet((ScaleKeys("s", {"a": 1}, 1, 5), ScaleKeys("t", {"b": 1}, 0, 100)))

    assert read(tmp_path, "a,b\n5,100\n", scales).frame.to_numpy().tolist() == [[5, 100]]
    assert problems(tmp_path, "a,b\n6,101\n", scales) == [
        "table.range: Row 2, column a: “6” is outside 1 to 5.",
        "table.range: Row 2, column b: “101” is outside 0 to 100.",
    ]


class TestColumns:
    def test_missing_columns_are_named_with_what_is_like_them(self, tmp_path: Path) -> None:
        scales = make_scale_set({"s": ["trust_1", "trust_2", "zzz"]}, minimum=1, maximum=5)
        path = write(tmp_path, "Trust_1,trust2,x\n1,2,3\n")

        with pytest.raises(ProblemsError) as caught:
            read_item_table(path, scales)

        assert [problem.message for problem in caught.value.problems] == [
            "Column trust_1 of answers.csv is missing.",
            "Column trust_2 of answers.csv is missing.",
            "Column zzz of answers.csv is missing.",
        ]
        assert "trust2" in caught.value.problems[1].remedy
        assert caught.value.problems[2].remedy == "The file has: Trust_1, trust2, x."

    def test_a_doubled_column_is_named_where_it_matters(self, tmp_path: Path) -> None:
        assert problems(tmp_path, "a,b,a\n1,2,3\n") == [
            "table.column: Column a of answers.csv is there 2 times."
        ]
        assert read(tmp_path, "a,b,c,c\n1,2,3,4\n").items == ("a", "b")

    def test_group_columns_stay_text(self, tmp_path: Path) -> None:
        table = read(tmp_path, "a,b,g\n1,2,01\n1,2, x y \n1,2,\n", columns=["g"])

        assert table.frame["g"].tolist() == ["01", "x y", None]
        assert table.columns == ("g",)

    def test_a_missing_group_column_is_named(self, tmp_path: Path) -> None:
        assert problems(tmp_path, "a,b\n1,2\n", columns=["g"]) == [
            "table.column: Column g of answers.csv is missing."
        ]

    def test_only_some_rows(self, tmp_path: Path) -> None:
        raw = read_csv(write(tmp_path, "a,b,wave,role\n1,2,T0,x\nbad,2,T1,x\n3,4,T0,y\n"))

        assert read_item_table(keep_rows(raw, [("wave", "T0")]), SCALES).frame.index.tolist() == [2, 4]
        assert keep_rows(raw, [("wave", "T0"), ("role", "y")]).rows == (4,)
        assert keep_rows(raw, []) is raw

    @pytest.mark.parametrize(
        ("only", "said"),
        [
            ([("wave", "T9")], r"No row of answers\.csv has wave = T9\. Column wave has: T0, T1\."),
            ([("wave", "T1"), ("role", "y")], "role = y together with the other conditions"),
            ([("site", "x")], r"Column site of answers\.csv is missing"),
        ],
    )
    def test_rows_that_are_not_there_are_named(
        self, tmp_path: Path, only: list[tuple[str, str]], said: str
    ) -> None:
        raw = read_csv(write(tmp_path, "a,b,wave,role\n1,2,T0,x\n1,2,T1,x\n3,4,T0,y\n"))

        with pytest.raises(ProblemsError, match=said):
            keep_rows(raw, only)

    def test_columns_without_any_answer_are_told_apart(self, tmp_path: Path) -> None:
        assert read_csv(write(tmp_path, "a,b,c\n1,NA,\n2,, \n")).answered == ("a",)


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "table.empty"),
            (b"\n\n", "table.empty"),
            (b"a,b\n", "table.rows"),
            (b"a,b\n,\n", "table.rows"),
            (b"a,b\n1,\xe9\n", "table.encoding"),
            ("a,b\n1,2\n".encode("utf-16"), "table.encoding"),
            (b'a,b\n"1,2\n', "table.quotes"),
            (b'a,b\n"1"x,2\n', "table.quotes"),
            (b"a,b\n1\n", "table.width"),
            (b"a,b\n1,2,3\n", "table.width"),
            (b"a,b\n1,\x00\n", "table.number"),
        ],
    )
    def test_a_file_that_cannot_be_read_says_why(self, tmp_path: Path, content: bytes, code: str) -> None:
        assert problems(tmp_path, content)[0].startswith(code)

    def test_rows_of_the_wrong_length_are_named(self, tmp_path: Path) -> None:
        assert problems(tmp_path, "a,b\n1,2\n3\n4,5,6\n") == [
            "table.width: Row 3 of answers.csv has 1 cells, its header 2.",
            "table.width: Row 4 of answers.csv has 3 cells, its header 2.",
        ]

    def test_a_file_of_one_column_is_read(self, tmp_path: Path) -> None:
        scales = make_scale_set({"s": ["a"]}, minimum=1, maximum=5)

        assert read(tmp_path, "a\n1\n\n2\n", scales).frame["a"].tolist() == [1, 2]

    def test_the_line_of_a_foreign_byte_is_named(self, tmp_path: Path) -> None:
        assert "line 3" in problems(tmp_path, b"a,b\n1,2\n1,\xff\n")[0]

    @given(content=st.binary(max_size=300))
    def test_no_bytes_make_it_crash(self, tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
        path = write(tmp_path_factory.mktemp("bytes"), content)

        with contextlib.suppress(ProblemsError):
            read_item_table(path, SCALES)

    @given(
        cells=st.lists(
            st.lists(st.one_of(st.integers(1, 5), st.floats(1, 5), st.none()), min_size=2, max_size=2),
            min_size=1,
            max_size=8,
        )
    )
    def test_numbers_come_back_as_they_were_written(
        self, tmp_path_factory: pytest.TempPathFactory, cells: list[list[float | None]]
    ) -> None:
        lines = [",".join(["x", *("" if cell is None else repr(cell) for cell in row)]) for row in cells]
        path = write(tmp_path_factory.mktemp("cells"), "\n".join(["id,a,b", *lines]))

        read_back = read_item_table(path, SCALES).frame.to_numpy()

        np.testing.assert_array_equal(
            read_back, [[math.nan if c is None else c for c in row] for row in cells]
        )


class TestFrames:
    def test_a_frame_is_checked_like_a_file(self) -> None:
        frame = pd.DataFrame(
            {"a": [1, 9, None], "b": [2.0, math.inf, 3], "g": ["x", None, 3.0]}, index=list("pqr")
        )

        with pytest.raises(ProblemsError) as caught:
            check_item_table(frame, SCALES, ["g"])

        assert [problem.message for problem in caught.value.problems] == [
            "Row q, column a: “9.0” is outside 1 to 5.",
            "Row q, column b: “inf” is infinite.",
        ]

    def test_a_good_frame_keeps_its_index(self) -> None:
        frame = pd.DataFrame({"a": [1, None], "b": [2, 3], "g": [1.0, np.nan]}, index=["p", "q"])

        table = check_item_table(frame, SCALES, ["g"])

        assert table.frame.index.tolist() == ["p", "q"]
        assert table.frame["g"].tolist() == ["1", None]
        np.testing.assert_array_equal(table.frame[["a", "b"]].to_numpy(), [[1, 2], [np.nan, 3]])

    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            (pd.DataFrame({"a": [1], "b": ["x"]}), "table.number"),
            (pd.DataFrame({"a": [1], "b": [True]}), "table.number"),
            (pd.DataFrame({"a": [1]}), "table.column"),
            (pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]), "table.column"),
            (pd.DataFrame({"a": [], "b": []}), "table.rows"),
            (pd.DataFrame({"a": [1, 1], "b": [1, 1]}, index=[0, 0]), "table.index"),
        ],
    )
    def test_a_bad_frame_is_refused(self, frame: pd.DataFrame, code: str) -> None:
        with pytest.raises(ProblemsError) as caught:
            check_item_table(frame, SCALES)

        assert caught.value.code == code


class TestLongTables:
    LONG = "person,wave,item,code,missing\np,T0,a,1,\np,T0,b,,prefer_not\nq,T0,b,4,\np,T1,a,2,\n"

    def test_one_row_for_each_answer_becomes_one_for_each_person_and_wave(self, tmp_path: Path) -> None:
        raw = spread_answers(read_csv(write(tmp_path, self.LONG)))
        table = read_item_table(raw, SCALES, ["person", "wave"])

        assert raw.header == ("person", "wave", "a", "b")
        assert table.frame.index.tolist() == [2, 4, 5]
        np.testing.assert_array_equal(
            table.frame[["a", "b"]].to_numpy(float), [[1, np.nan], [np.nan, 4], [2, np.nan]]
        )
        assert table.frame["wave"].tolist() == ["T0", "T0", "T1"]

    def test_a_second_answer_to_the_same_item_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ProblemsError, match=r"Rows 2 and 6 of answers\.csv are both an answer"):
            spread_answers(read_csv(write(tmp_path, self.LONG + "p,T0,a,3,\n")))

    def test_any_other_table_stays_as_it_is(self, tmp_path: Path) -> None:
        raw = read_csv(write(tmp_path, "a,b,code\n1,2,3\n"))

        assert spread_answers(raw) is raw


def test_reading_twice_gives_the_same_cells(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n1,2\n")

    assert read_csv(path) == read_csv(path)
