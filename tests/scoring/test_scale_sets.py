"""Which items make which scale: a scales.toml says it, and everything wrong with one is named at once."""

import pickle
from fractions import Fraction
from pathlib import Path

import pytest

from instruments.catalog import get_instrument
from scoring.scale_sets import (
    ProblemsError,
    ScaleKeys,
    ScaleSet,
    make_scale_set,
    read_scales,
    scales_of_instrument,
)

GOOD = 'minimum = 1\nmaximum = 5\n[scales]\ntrust = ["t1", "-t2"]\nsafety = ["s1", "s2", "s3"]\n'


def read(tmp_path: Path, text: str) -> ScaleSet:
    path = tmp_path / "scales.toml"
    path.write_text(text, encoding="utf-8")
    return read_scales(path)


def codes(tmp_path: Path, text: str) -> list[str]:
    """The codes of everything that is wrong with a file."""
    with pytest.raises(ProblemsError) as caught:
        read(tmp_path, text)
    assert all(problem.message and problem.remedy for problem in caught.value.problems)
    return [problem.code for problem in caught.value.problems]


def test_a_file_says_scales_signs_range_and_share(tmp_path: Path) -> None:
    scales = read(tmp_path, "minimum_answered = 0.5\n" + GOOD)

    assert scales.names == ("trust", "safety")
    assert dict(scales.scales[0].keys) == {"t1": 1, "t2": -1}
    assert (scales.scales[1].minimum, scales.scales[1].maximum) == (1.0, 5.0)
    assert scales.minimum_answered == Fraction(1, 2)
    assert list(scales.items) == ["t1", "t2", "s1", "s2", "s3"]
    assert scales.source == "scales.toml"


@pytest.mark.parametrize(
    ("said", "meant"),
    [("", Fraction(2, 3)), ('"2/3"', Fraction(2, 3)), ("0.6667", Fraction(2, 3)), ("1", Fraction(1))],
)
def test_the_share_of_answered_items_is_a_fraction(tmp_path: Path, said: str, meant: Fraction) -> None:
    text = f"minimum_answered = {said}\n{GOOD}" if said else GOOD

    assert read(tmp_path, text).minimum_answered == meant


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + GOOD).names == ("trust", "safety")


def test_names_may_be_in_any_script(tmp_path: Path) -> None:
    text = 'minimum = 1\nmaximum = 5\n[scales]\n"اعتماد" = ["س1", "س2"]\n"Nähe" = ["n 1", "n 2"]\n'

    assert read(tmp_path, text).names == ("اعتماد", "Nähe")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GOOD.replace("minimum = 1\n", ""), "scales.key"),
        (GOOD.replace("maximum = 5\n", ""), "scales.key"),
        (GOOD.replace("maximum = 5", "maximum = 1"), "scales.range"),
        (GOOD.replace("maximum = 5", "maximum = 0"), "scales.range"),
        (GOOD.replace("maximum = 5", 'maximum = "5"'), "scales.type"),
        (GOOD.replace("maximum = 5", "maximum = inf"), "scales.type"),
        (GOOD.replace("maximum = 5", "maximum = nan"), "scales.type"),
        (GOOD.replace("maximum = 5", "maximum = true"), "scales.type"),
        ("minimum_answered = 0\n" + GOOD, "scales.share"),
        ("minimum_answered = 1.2\n" + GOOD, "scales.share"),
        ('minimum_answered = "most"\n' + GOOD, "scales.share"),
        ('minimum_answered = "1/0"\n' + GOOD, "scales.share"),
        ("minimum_answered = inf\n" + GOOD, "scales.share"),
        ("minimum_answered = nan\n" + GOOD, "scales.share"),
        ("minimum_answered = true\n" + GOOD, "scales.share"),
        ("minimum_answered = [1]\n" + GOOD, "scales.share"),
        ("minimun = 1\n" + GOOD, "scales.key"),
        ("minimum = 1\nmaximum = 5\n", "scales.key"),
        ("minimum = 1\nmaximum = 5\n[scales]\n", "scales.key"),
        ("scales = 3\nminimum = 1\nmaximum = 5\n", "scales.key"),
        (GOOD + "empty = []\n", "scales.empty"),
        (GOOD + 'one = "t1"\n', "scales.type"),
        (GOOD + "one = { t1 = 1 }\n", "scales.type"),
        (GOOD + "one = [1, 2]\n", "scales.item"),
        (GOOD + 'one = ["-"]\n', "scales.item"),
        (GOOD + 'one = ["  "]\n', "scales.item"),
        (GOOD + 'one = ["x", "-x"]\n', "scales.item"),
        (GOOD + '"a b" = ["x", "y"]\n', "scales.name"),
        (GOOD + '"1a" = ["x", "y"]\n', "scales.name"),
        (GOOD + '"" = ["x", "y"]\n', "scales.name"),
        (GOOD + '"../a" = ["x", "y"]\n', "scales.name"),
        (GOOD + 's1 = ["x", "y"]\n', "scales.name"),
        ("minimum = = 1\n", "scales.file"),
        (GOOD + 'trust = ["x"]\n', "scales.file"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, text: str, code: str) -> None:
    assert code in codes(tmp_path, text)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    text = 'minimum = 5\nmaximum = 1\nminimum_answered = 2\nfoo = 1\n[scales]\na = []\n"b c" = ["x", "x"]\n'

    assert codes(tmp_path, text) == [
        "scales.key", "scales.range", "scales.share", "scales.empty", "scales.name", "scales.item",
    ]  # fmt: skip


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scales.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ProblemsError, match="not UTF-8"):
        read_scales(path)


def test_the_error_survives_a_process_boundary_and_per_cent_signs() -> None:
    with pytest.raises(ProblemsError) as caught:
        make_scale_set({"100%s": ["a"]}, minimum=1, maximum=5)

    copy = pickle.loads(pickle.dumps(caught.value))

    assert str(copy) == str(caught.value)
    assert "“100%s”" in str(copy)
    assert copy.code == "scales.name"


def test_scales_in_python_are_checked_like_a_file() -> None:
    scales = make_scale_set({"a": ("x", "-y")}, minimum=0, maximum=3, minimum_answered=Fraction(1, 2))

    assert scales.scales == (ScaleKeys("a", {"x": 1, "y": -1}, 0.0, 3.0),)
    with pytest.raises(ProblemsError, match="minimum 3 is not below maximum 3"):
        make_scale_set({"a": ["x"]}, minimum=3, maximum=3)


def test_one_model_over_disjoint_scales(tmp_path: Path) -> None:
    factors, notes = read(tmp_path, GOOD).joint_factors()

    assert factors == {"trust": ("t1", "t2"), "safety": ("s1", "s2", "s3")}
    assert notes == ()


def test_parts_and_single_items_stay_out_of_the_joint_model() -> None:
    scales = make_scale_set(
        {
            "whole": ["a", "b", "c"],
            "part": ["a", "b"],
            "again": ["c", "b", "a"],
            "one": ["d"],
            "other": ["e", "f"],
        },
        minimum=1,
        maximum=5,
    )

    factors, notes = scales.joint_factors()

    assert list(factors) == ["whole", "other"]
    assert [note.code for note in notes] == ["joint.single", "joint.part"]
    assert "part, again" in str(notes[1])


def test_scales_that_share_an_item_make_no_joint_model() -> None:
    factors, notes = make_scale_set({"a": ["x", "y"], "b": ["y", "z"]}, minimum=1, maximum=5).joint_factors()

    assert factors == {}
    assert [note.code for note in notes] == ["joint.shared"]
    assert "y" in str(notes[0])


class TestInstrument:
    def test_complete_scales_are_analysed_and_incomplete_ones_named(self) -> None:
        instrument = get_instrument("core-battery", "0.1.0")

        scales = scales_of_instrument(
            instrument, ["PS1", "PS2", "PS3", "PS4", "PS5", "PS6", "TR1", "TR4", "other"]
        )

        assert scales.names == ("PS", "PS_ANCHOR", "TR_ANCHOR")
        assert all(scale.whole and (scale.minimum, scale.maximum) == (1, 5) for scale in scales.scales)
        incomplete = {note.params["scale"]: str(note) for note in scales.notes}
        assert set(incomplete) == {"TR", "TR_C", "TR_A"}
        assert "TR2, TR3" in incomplete["TR_C"]

    def test_scales_whose_words_differ_by_role_are_marked(self) -> None:
        instrument = get_instrument("core-battery", "0.1.0")

        scales = scales_of_instrument(instrument, ["PSG1", "PSG2", "PSG3", "RQ1", "RQ2"])

        assert {scale.name: scale.same_wording for scale in scales.scales} == {"PSG": False, "RQ_SHORT": True}

    def test_scales_say_between_which_waves_their_scores_may_be_compared(self) -> None:
        instrument = get_instrument("core-battery", "0.1.0")
        columns = [
            item for name in ("PS", "PW_G", "EX", "OP", "OUT_BEL") for item in instrument.scale(name).keys
        ]

        found = {
            scale.name: dict(scale.comparable) for scale in scales_of_instrument(instrument, columns).scales
        }

        # At T0 people say what they expect of the power gap, and only three of the four questions on goals are asked.
        assert found["PW_G"] == dict.fromkeys(("mentor", "mentee"), ("TC", "T2", "T3a"))
        assert found["EX"] == dict.fromkeys(("mentor", "mentee"), ("TC",))
        assert found["OP"] == {"mentee": ("T0", "T3b")}
        # What was picked from a pool is not known from a file.
        assert found["OUT_BEL"] == {}

    def test_a_table_without_any_scale_is_refused_with_what_is_nearest(self) -> None:
        instrument = get_instrument("core-battery", "0.1.0")

        with pytest.raises(ProblemsError, match="PS lacks PS6"):
            scales_of_instrument(instrument, ["PS3", "PS4", "PS5", "PS2", "PS1", "x"])
