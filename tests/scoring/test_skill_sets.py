"""Which items look at a knowledge area: read from a file with every problem at once, or from the core battery."""

from pathlib import Path

import pytest

from instruments.catalog import get_instrument, latest_version
from scoring.scale_sets import ProblemsError, make_scale_set
from scoring.skill_sets import SkillKeys, read_skills, skills_of_instrument, with_windows

HEAD = 'minimum = 1\nmaximum = 5\n[scales]\ntrust = ["t1", "t2"]\n'
FULL = (
    '[skills.digital]\ndirect = ["k1", "-k2"]\nthen = ["k1_then", " -k2_then"]\nbehaviour = ["b1"]\nbehaviour_range = [0, 7]\n'
    'goals = ["g1", "g2"]\n[skills."team % work"]\ndirect = ["k3"]\n'
)


def read(path: Path, text: str, head: str = HEAD, *, start: bytes = b"") -> tuple[SkillKeys, ...]:
    file = path / "scales.toml"
    file.write_bytes(start + (head + text).encode())
    return read_skills(file)


class TestReading:
    def test_every_window_with_its_items_signs_and_range(self, tmp_path: Path) -> None:
        digital, team = read(tmp_path, FULL)

        assert list(digital.windows) == ["direct", "then", "behaviour", "goals"]
        assert digital.direct.keys == {"k1": 1, "k2": -1}
        assert digital.windows["then"].keys == {"k1_then": 1, "k2_then": -1}
        ranges = {name: (keys.minimum, keys.maximum) for name, keys in digital.windows.items()}
        assert ranges == {"direct": (1, 5), "then": (1, 5), "behaviour": (0, 7), "goals": (-2, 2)}
        assert [keys.whole for keys in digital.windows.values()] == [False, False, False, True]
        assert digital.items == ("k1", "k2", "k1_then", "k2_then", "b1", "g1", "g2")
        assert (team.name, list(team.windows)) == ("team % work", ["direct"])

    def test_behaviour_has_the_range_of_ratings_unless_it_says_otherwise(self, tmp_path: Path) -> None:
        (skill,) = read(tmp_path, '[skills.a]\ndirect = ["k"]\nbehaviour = ["b"]\n')

        assert skill.behaviour is not None
        assert (skill.behaviour.minimum, skill.behaviour.maximum) == (1, 5)

    @pytest.mark.parametrize("text", ["", "[skills]\n"])
    def test_none(self, tmp_path: Path, text: str) -> None:
        assert read(tmp_path, text) == ()

    def test_a_byte_order_mark_is_no_letter(self, tmp_path: Path) -> None:
        assert len(read(tmp_path, FULL, start=b"\xef\xbb\xbf")) == 2

    def test_windows_stand_beside_the_scales(self, tmp_path: Path) -> None:
        scales = make_scale_set({"trust": ["t1", "b1"]}, minimum=1, maximum=5)
        both = with_windows(scales, read(tmp_path, FULL))

        assert both.names[:3] == ("trust", "digital direct", "digital then")
        # An item keeps the range of the first that names it.
        assert both.items["b1"].maximum == 5
        assert both.items["g1"].minimum == -2
        assert with_windows(scales, ()) == scales


class TestProblems:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("[skills.a]\ndirect = 3\n", "skills.items"),
            ('[skills.a]\ndirect = "k"\n', "skills.items"),
            ("[skills.a]\ndirect = []\n", "skills.items"),
            ('[skills.a]\ndirect = ["k", 3]\n', "skills.items"),
            ('[skills.a]\ndirect = ["k", " -k"]\n', "skills.items"),
            ('[skills.a]\ndirect = ["-"]\n', "skills.items"),
            ('[skills.a]\ndirect = ["k"]\ngoals = 3\n', "skills.items"),
            ('[skills.a]\ndirect = ["k"]\ngoals = ["-g"]\n', "skills.items"),
            ('[skills.a]\ndirect = ["k"]\nthen = ["k"]\n', "skills.items"),
            ('[skills.a]\nthen = ["k"]\n', "skills.key"),
            ("[skills.a]\n", "skills.key"),
            ('[skills.a]\ndirect = ["k"]\nthan = ["k2"]\n', "skills.key"),
            ('[skills." "]\ndirect = ["k"]\n', "skills.name"),
            ('[skills.a]\ndirect = ["k"]\nbehaviour_range = [4, 0]\n', "skills.range"),
            ('[skills.a]\ndirect = ["k"]\nbehaviour_range = [0, inf]\n', "skills.range"),
            ('[skills.a]\ndirect = ["k"]\nbehaviour_range = [nan, 1]\n', "skills.range"),
            ('[skills.a]\ndirect = ["k"]\nbehaviour_range = [0]\n', "skills.range"),
            ('[skills.a]\ndirect = ["k"]\nbehaviour_range = [false, true]\n', "skills.range"),
            ('[skills.a]\ndirect = ["k"]\nbehaviour_range = 4\n', "skills.range"),
            ("[skills]\na = 3\n", "skills.type"),
            ('[[skills]]\ndirect = ["k"]\n', "skills.type"),
        ],
    )
    def test_each_has_its_code(self, tmp_path: Path, text: str, code: str) -> None:
        with pytest.raises(ProblemsError) as error:
            read(tmp_path, text)

        assert [problem.code for problem in error.value.problems] == [code]

    def test_all_at_once(self, tmp_path: Path) -> None:
        with pytest.raises(ProblemsError) as error:
            read(tmp_path, '[skills.a]\ngoals = ["-g"]\n[skills."50% %(n)d"]\ndirect = 3\n')

        assert [problem.code for problem in error.value.problems] == [
            "skills.key",
            "skills.items",
            "skills.items",
        ]
        assert "50% %(n)d" in str(error.value)

    @pytest.mark.parametrize(
        ("head", "code"),
        [
            ("skills = 3\n" + HEAD, "skills.type"),
            ('maximum = 5\n[scales]\ntrust = ["t1"]\n', "scales.key"),
            ("minimum = \n", "scales.file"),
        ],
    )
    def test_those_of_the_file_itself(self, tmp_path: Path, head: str, code: str) -> None:
        with pytest.raises(ProblemsError) as error:
            read(tmp_path, "", head)

        assert error.value.code == code

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        with pytest.raises(ProblemsError) as error:
            read(tmp_path, "", start=b"\xff\xfe\x00")

        assert error.value.code == "scales.file"


@pytest.fixture(scope="module")
def columns() -> list[str]:
    """Every item of the core battery."""
    instrument = get_instrument("core-battery", latest_version("core-battery"))
    return [item.id for item in instrument.items]


class TestInstrument:
    def areas(self, columns: list[str]) -> tuple[SkillKeys, ...]:
        return skills_of_instrument(
            get_instrument("core-battery", latest_version("core-battery")), columns
        )  # fmt: skip

    def test_each_rated_area_with_its_twin_and_the_goals(self, columns: list[str]) -> None:
        found = self.areas(columns)

        # The catalogue of the measurement plan, section 3.6: ten knowledge areas, each with a then-test.
        assert [skill.name for skill in found] == [f"KA{n}" for n in range(1, 11)]
        assert {next(iter(skill.then.keys)) for skill in found if skill.then} == {f"KA{n}T" for n in range(1, 11)}  # fmt: skip
        for skill in found:
            assert skill.goals is not None
            assert (skill.goals.minimum, skill.goals.maximum) == (-2, 2)
            assert all(name.startswith("GAS") for name in skill.goals.keys)
            assert skill.behaviour is None

    def test_only_what_the_table_has(self, columns: list[str]) -> None:
        few = [name for name in columns if name in {"KA1", "KA2", "KA2T"}]
        first, second = self.areas(few)

        assert (first.then, first.goals) == (None, None)
        assert second.then is not None

    def test_a_then_test_alone_is_no_area(self) -> None:
        assert self.areas(["KA1T", "GAS1"]) == ()
        assert self.areas([]) == ()
