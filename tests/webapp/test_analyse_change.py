"""`viceversa analyse change`: a long CSV to text, JSON and pictures of change, or one clear message and nothing written."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from webapp.cli import main

ROOT = Path(__file__).parents[2]
SCALES = 'minimum = 1\nmaximum = 5\n[scales]\ntrust = ["a", "b", "-c"]\nsafety = ["d", "e", "f"]\n'
COLUMNS = ("--scales", "scales.toml", "--pair", "dyad", "--role", "side", "--wave", "when")
Run = Callable[..., Result]


def make_table(n_pairs: int = 24) -> str:
    """Pairs at two waves; trust of the juniors rises by about one point."""
    rng = np.random.default_rng(5)
    lines = ["dyad,side,when,site,a,b,c,d,e,f"]
    for pair in range(n_pairs):
        for side in ("junior", "senior"):
            trait = rng.normal(size=2) * 0.7
            for when in (0, 1):
                gain = np.array([1.0 if side == "junior" and when else 0.0, 0.0])
                level = np.repeat(3 + trait + gain, 3)
                answers = np.clip(np.round(level + rng.normal(size=6) * 0.6), 1, 5).astype(int)
                answers[2] = 6 - answers[2]
                lines.append(f"p{pair},{side},{when},{'xy'[pair % 2]},{','.join(map(str, answers))}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `viceversa analyse change` in an empty folder with a table and its scales."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scales.toml").write_text(SCALES, encoding="utf-8")
    (tmp_path / "answers.csv").write_text(make_table(), encoding="utf-8")

    def invoke(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(main, ["analyse", "change", *arguments], catch_exceptions=False)
        assert result.exit_code == status, result.output
        assert "Traceback" not in result.output
        return result

    return invoke


def test_text_json_and_pictures(run: Run, tmp_path: Path) -> None:
    text = run("answers.csv", *COLUMNS, "--json", "out.json", "--figures", "new/pictures").stdout
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    pictures = sorted(path.name for path in (tmp_path / "new" / "pictures").iterdir())

    assert text.startswith("Change report\n")
    assert "answers.csv: 96 rows of 24 pairs; both partners answered first and last: 24." in text
    assert "Changed during the programme by" in text
    assert "because of" not in text.replace("nobody knows because of what", "")
    assert len(report["meta"]["digest"]) == 64
    assert report["scales"]["trust"]["roles"]["junior"]["verdict"] == "moved"
    assert report["scales"]["trust"]["model"]["method"] == "mixed model"
    assert {"changes.svg", "slopes.png", "roles.svg", "power.png"} <= set(pictures)
    # Bars of one pair each would show single pairs.
    assert "pairs.svg" not in pictures
    for path in (tmp_path / "new" / "pictures").glob("*.svg"):
        assert ET.fromstring(path.read_bytes()).tag.endswith("svg")


def test_json_to_standard_output_is_nothing_but_json(run: Run) -> None:
    report = json.loads(run(*COLUMNS, "answers.csv", "--json", "-").stdout)

    assert report["meta"]["n_rows"] == 96
    assert report["wording"] == "changed during"


def test_options_reach_the_report(run: Run) -> None:
    report = json.loads(
        run(
            "answers.csv", *COLUMNS, "--json", "-", "--cohort", "site", "--roles", "senior,junior", "--primary", "safety",
            "--margin", "0.5", "--weeks", "26", "--anchor", "a", "--order", "0,1", "--seed", "7",
        ).stdout
    )  # fmt: skip

    assert report["meta"]["roles"] == ["senior", "junior"]
    assert report["declared"] == {"primary": ["safety"], "secondary": ["trust"]}
    assert report["scales"]["trust"]["roles"]["junior"]["equivalence"]["bound"] == 0.5
    assert report["persons"]["weeks"] == 26
    assert report["cohorts"]["sizes"] == {"x": 12, "y": 12}
    assert report["meta"]["options"]["seed"] == 7


def test_single_persons_and_pairs_only_when_asked_for(run: Run) -> None:
    shut = run("answers.csv", *COLUMNS, "--json", "-").stdout
    opened = run("answers.csv", *COLUMNS, "--json", "-", "--persons").stdout

    assert '"p17"' not in shut
    assert '"p17"' in opened


def test_one_pair(run: Run) -> None:
    text = run("answers.csv", *COLUMNS, "--only-pair", "p3").stdout
    report = json.loads(run("answers.csv", *COLUMNS, "--only-pair", "p3", "--json", "-").stdout)

    assert text.startswith("Pair p3\n")
    assert "For researchers only" in text
    assert report["pair"] == "p3"
    assert "There is no pair 99." in run("answers.csv", *COLUMNS, "--only-pair", "99", status=1).output


SKILLED = 'minimum = 1\nmaximum = 5\n[scales]\ntrust = ["a", "b", "-c"]\n[skills.digital]\ndirect = ["d"]\nbehaviour = ["e"]\n'


class TestNewOptions:
    def test_times_chosen_and_objectives_reach_the_report(self, run: Run, tmp_path: Path) -> None:
        lines = (tmp_path / "answers.csv").read_text(encoding="utf-8").splitlines()
        low = ["low", *("yes" if int(line.split(",")[0][1:]) < 12 else "no" for line in lines[1:])]
        table = "\n".join(f"{line},{word}" for line, word in zip(lines, low, strict=True))
        (tmp_path / "chosen.csv").write_text(table, encoding="utf-8")
        arguments = (
            "chosen.csv", *COLUMNS, "--times=-1,11.5", "--chosen", "low", "--objective", "Trust = and 100% more=trust,-safety",
            "--objective", "Safety=safety",
        )  # fmt: skip
        report = json.loads(run(*arguments, "--json", "-").stdout)
        text = run(*arguments).stdout

        assert report["meta"]["options"]["times"] == [-1.0, 11.5]
        assert report["selection"]["chosen"] == "low"
        assert report["selection"]["found"]["trust junior"]["n_used"] == 12
        first, second = report["scorecard"]["objectives"]
        assert first["objective"] == {
            "name": "Trust = and 100% more", "scales": ["trust", "safety"], "wishes": {"safety": "lower"},
        }  # fmt: skip
        assert second["objective"]["wishes"] == {}
        assert "Trust = and 100% more: moved" in text
        assert "Who was chosen by the baseline" in text

    def test_skills_of_the_file(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "skills.toml").write_bytes(b"\xef\xbb\xbf" + SKILLED.encode())
        text = run("answers.csv", "--scales", "skills.toml", *COLUMNS[2:]).stdout

        assert "digital, junior, 0 to 1" in text
        assert "what is done" in text

    def test_a_file_without_skills_has_none(self, run: Run) -> None:
        assert json.loads(run("answers.csv", *COLUMNS, "--json", "-").stdout)["skills"] is None

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--times", "0,soon"), "--times soon: write the week of each wave as a number"),
            (("--objective", "Trust"), "--objective Trust: write NAME=SCALE,SCALE"),
            (("--objective", "=trust"), "write NAME=SCALE,SCALE"),
            (("--objective", "Trust="), "write NAME=SCALE,SCALE"),
            (("--objective", "Trust=,"), "write NAME=SCALE,SCALE"),
        ],
    )
    def test_what_is_written_wrongly(self, run: Run, arguments: tuple[str, ...], said: str) -> None:
        assert said in run("answers.csv", *COLUMNS, *arguments, status=2).output

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--times", "0,inf"), "times cannot be 0, inf."),
            (("--times", "nan,1"), "times cannot be nan, 1."),
            (("--times", "4,0"), "each later than the one before"),
            (("--times", "0"), "There are 1 times for 2 waves"),
            (("--times", "0,1,2"), "There are 3 times for 2 waves"),
            (("--chosen", "nowhere"), "Column nowhere of answers.csv is missing."),
            (("--chosen", "site"), "is neither yes nor no"),
            (("--chosen", "a"), "Column a is an item of a scale and says who or when."),
            (("--objective", "100%=hope"), "The objective 100% names hope, which is no scale here."),
            (("--objective", "A=trust,-trust"), "one scale twice"),
            (("--objective", "A=-"), "which is no scale here"),
            (("--objective", "A=trust", "--objective", "A=safety"), "two of the same name"),
            (tuple(f"--objective={n}=trust" for n in range(6)), "There are 6 objectives"),
        ],
    )
    def test_what_cannot_be(self, run: Run, arguments: tuple[str, ...], said: str) -> None:
        assert said in run("answers.csv", *COLUMNS, *arguments, status=1).output

    @pytest.mark.parametrize(
        ("skills", "said"),
        [
            ("[skills.digital]\ndirect = 3\n", "skill digital: direct is 3."),
            ('[skills.digital]\ndirect = ["z"]\n', "Column z of answers.csv is missing."),
            ('[skills.digital]\ndirect = ["d"]\ngoals = ["f"]\n', "is outside -2 to 2"),
            ('[skills.digital]\ndirect = ["d"]\ngoals = 5\n', "goals is 5."),
        ],
    )
    def test_skills_that_cannot_be(self, run: Run, tmp_path: Path, skills: str, said: str) -> None:
        scales = 'minimum = 1\nmaximum = 5\n[scales]\ntrust = ["a", "b", "-c"]\n'
        (tmp_path / "scales.toml").write_text(scales + skills, encoding="utf-8")

        assert said in run("answers.csv", *COLUMNS, status=1).output

    def test_one_pair_with_all_of_them(self, run: Run) -> None:
        text = run("answers.csv", *COLUMNS, "--only-pair", "p3", "--objective", "A=trust", "--times", "0,12").stdout  # fmt: skip

        assert text.startswith("Pair p3\n")


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--scales", "scales.toml", "--pair", "dyad", "--role", "side"), "Missing option '--wave'"),
            (COLUMNS[2:], "--scales SCALES.TOML or --instrument"),
            ((*COLUMNS, "--assigned", "nobody"), "--assigned"),
            ((*COLUMNS, "--only-pair", "p3", "--figures", "x"), "no pictures of one pair"),
        ],
    )
    def test_a_command_that_is_written_wrongly(self, run: Run, arguments: tuple[str, ...], said: str) -> None:
        assert said in run("answers.csv", *arguments, status=2).output

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--order", "0,2"), "The order of the waves names 2, which column when does not have."),
            (("--roles", "boss,junior"), "It has: junior, senior."),
            (("--only", "when=1"), "Column when has one wave only (1)."),
            (("--only", "side=junior"), "Column side has 1 different roles (junior)."),
            (("--cohort", "nowhere"), "Column nowhere of answers.csv is missing."),
            (("--primary", "hope"), "primary cannot be hope."),
            (("--randomised",), "Name the column of the arm."),
            (("--arm", "site", "--waiting", "z"), "No pair is in the arm z"),
            (("--json", "no/such/folder/out.json"), "name another place"),
        ],
    )
    def test_what_cannot_be_done(self, run: Run, arguments: tuple[str, ...], said: str) -> None:
        assert said in run("answers.csv", *COLUMNS, *arguments, status=1).output

    def test_doubled_rows_are_all_named_and_nothing_is_written(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "answers.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join([*lines, lines[1], lines[5]]) + "\n", encoding="utf-8")

        output = run("answers.csv", *COLUMNS, "--json", "out.json", "--figures", "p", status=1).output

        assert "Rows 2 and 98 are both of dyad p0, side junior, when 0." in output
        assert "Rows 6 and 99" in output
        assert not (tmp_path / "out.json").exists()
        assert not (tmp_path / "p").exists()

    def test_a_fault_of_the_program_is_not_hidden(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        from scoring.change_report import report

        def fail(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(report, "analyse_persons", fail)

        with pytest.raises(ZeroDivisionError):
            run("answers.csv", *COLUMNS)


def test_help_shows_an_example_and_the_group_still_takes_a_file(run: Run) -> None:
    output = run("--help").output

    assert output.startswith("Usage: main analyse change [OPTIONS] FILE\n")
    assert "--order before,middle,after" in output
    assert "change  What changed in pairs" in CliRunner().invoke(main, ["analyse", "--help"]).output


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from webapp.cli import main;"
        "print(CliRunner().invoke(main, ['analyse', 'change', '--help']).exit_code, *sorted({n.partition('.')[0] for n in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.startswith("0 ")
    assert not set(done.stdout.split()) & {"numpy", "pandas", "scipy", "matplotlib", "pingouin", "scoring"}
