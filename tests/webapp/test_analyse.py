"""`viceversa analyse`: any CSV to text, JSON and pictures, or one clear message and nothing written."""

import json
import stat
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
QUICK = ("--draws", "20", "--sets", "10", "--cutoffs", "0")
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `viceversa analyse` in an empty folder with a table and its scales."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scales.toml").write_text(SCALES, encoding="utf-8")
    rng = np.random.default_rng(7)
    trait = rng.normal(size=(80, 1))
    answers = np.clip(np.round(3 + trait + rng.normal(size=(80, 6))), 1, 5).astype(int)
    rows = [f"{n},{','.join(map(str, row))},{'xy'[n % 2]}" for n, row in enumerate(answers)]
    (tmp_path / "answers.csv").write_text("\n".join(["id,a,b,c,d,e,f,site", *rows]) + "\n", encoding="utf-8")

    def invoke(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(main, ["analyse", *arguments], catch_exceptions=False)
        assert result.exit_code == status, result.output
        assert "Traceback" not in result.output
        return result

    return invoke


def test_text_json_and_pictures(run: Run, tmp_path: Path) -> None:
    text = run(
        "answers.csv", "--scales", "scales.toml", "--json", "out.json", "--figures", "new/pictures", *QUICK
    ).stdout
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    pictures = sorted(path.name for path in (tmp_path / "new" / "pictures").iterdir())

    assert text.startswith("Psychometric report\n")
    assert "answers.csv: 80 rows, 80 of them complete, 6 items." in text
    assert len(report["meta"]["digest"]) == 64
    assert report["scales"]["trust"]["keys"] == {"a": 1, "b": 1, "c": -1}
    assert {"scree.svg", "scree.png", "options_trust.svg", "loadings_2_polychoric.png"} <= set(pictures)
    for path in (tmp_path / "new" / "pictures").glob("*.svg"):
        assert ET.fromstring(path.read_bytes()).tag.endswith("svg")
    assert stat.S_IMODE((tmp_path / "out.json").stat().st_mode) & stat.S_IRUSR
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "answers.csv",
        "new",
        "out.json",
        "scales.toml",
    ]


def test_json_to_standard_output_is_nothing_but_json(run: Run) -> None:
    result = run("--scales", "scales.toml", "answers.csv", "--json", "-", *QUICK)

    assert json.loads(result.stdout)["meta"]["n_rows"] == 80


def test_groups_and_chosen_rows(run: Run) -> None:
    grouped = json.loads(
        run("answers.csv", "--scales", "scales.toml", "--group", "site", "--json", "-", *QUICK).stdout
    )
    part = json.loads(
        run("answers.csv", "--scales", "scales.toml", "--only", "site=x", "--json", "-", *QUICK).stdout
    )

    assert grouped["invariance"]["groups"]["continuous"]["verdict"] == "locked"
    assert grouped["dif"]["scales"]["trust"]["verdict"] == "locked"
    assert part["meta"]["n_rows"] == 40
    assert part["invariance"] is None


def test_an_instrument_by_id_and_version(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    table = path.read_text(encoding="utf-8")
    path.write_text(table.replace("id,a,b,c,d,e,f,site", "id,PS1,PS2,PS3,PS4,PS5,PS6,site"), encoding="utf-8")

    newest = run("answers.csv", "--instrument", "core-battery", *QUICK).stdout
    named = run("answers.csv", "--instrument", "core-battery@0.1.0", *QUICK).stdout

    assert "Scales from core-battery 0.1.0" in named
    # The next version only asks in more languages.
    assert newest.replace("0.1.1", "0.1.0") == named
    assert "There is no instrument nothing" in run("answers.csv", "--instrument", "nothing", status=1).output
    assert (
        "core-battery of version 9.9.9"
        in run("answers.csv", "--instrument", "core-battery@9.9.9", status=1).output
    )


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "--scales SCALES.TOML or --instrument"),
            (
                ("--scales", "scales.toml", "--instrument", "core-battery"),
                "--scales SCALES.TOML or --instrument",
            ),
            (("--scales", "scales.toml", "--only", "site"), "write COLUMN=VALUE"),
            (("--scales", "nowhere.toml"), "does not exist"),
            (("--scales", "scales.toml", "--draws", "1"), "--draws"),
        ],
    )
    def test_a_command_that_is_written_wrongly(self, run: Run, arguments: tuple[str, ...], said: str) -> None:
        assert said in run("answers.csv", *arguments, status=2).output

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--group", "nowhere"), "Column nowhere of answers.csv is missing."),
            (("--role", "site"), "Name the column of the pair, too."),
            (("--estimator", "WLSMV", "--missing", "fiml"), "missing cannot be fiml."),
            (("--only", "site=z"), "No row of answers.csv has site = z."),
            (("--json", "no/such/folder/out.json"), "name another place"),
            (("--figures", "answers.csv/pictures"), "name another place"),
        ],
    )
    def test_what_cannot_be_done(self, run: Run, arguments: tuple[str, ...], said: str) -> None:
        assert said in run("answers.csv", "--scales", "scales.toml", *arguments, status=1).output

    def test_bad_cells_are_all_named_and_nothing_is_written(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "answers.csv"
        path.write_text("a,b,c,d,e,f\n1,2,x,4,5,1\n9,1,1,1,1,1\n1,1,1,1,inf,1\n", encoding="utf-8")

        output = run(
            "answers.csv", "--scales", "scales.toml", "--json", "out.json", "--figures", "pictures", status=1
        ).output

        assert output.splitlines() == [
            "Error: Row 2, column c: “x” is not a number. Give a number from 1 to 5, or leave the cell empty.",
            "Row 3, column a: “9” is outside 1 to 5. Give a number from 1 to 5, or leave the cell empty.",
            "Row 4, column e: “inf” is infinite. Give a number from 1 to 5, or leave the cell empty.",
        ]
        assert not (tmp_path / "out.json").exists()
        assert not (tmp_path / "pictures").exists()

    def test_a_bad_scales_file_is_named(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "scales.toml").write_text("minimum = 5\nmaximum = 1\nscale = 3\n", encoding="utf-8")

        output = run("answers.csv", "--scales", "scales.toml", status=1).output

        assert "scales.toml: scale is not known." in output
        assert "minimum 5 is not below maximum 1" in output
        assert "the table [scales] is missing" in output

    def test_a_fault_of_the_program_is_not_hidden(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        from scoring.report import psychometric as report

        def fail(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(report, "correlate_items", fail)

        with pytest.raises(ZeroDivisionError):
            run("answers.csv", "--scales", "scales.toml", *QUICK)


class TestHelp:
    def test_help_shows_the_file_command_and_an_example_of_scales(self, run: Run) -> None:
        for arguments in ((), ("--help",), ("-h",)):
            output = run(*arguments, status=2 if arguments == () else 0).output
            assert output.startswith("Usage: main analyse [OPTIONS] FILE\n")
            assert 'trust = ["t1", "t2", "-t3"]' in output
            assert "(file)" not in output

    def test_a_file_that_is_not_there_is_a_wrong_command(self, run: Run) -> None:
        output = run("nowhere.csv", status=2).output

        assert "File 'nowhere.csv' does not exist" in output
        assert "Usage: main analyse [OPTIONS] FILE" in output

    def test_another_command_of_the_group_is_still_found(self) -> None:
        import click

        from webapp.analyse import DEFAULT, FileFirst

        group = FileFirst("tool")
        group.add_command(click.Command(DEFAULT, callback=lambda: click.echo("the file")))
        group.add_command(
            click.Command("change", callback=lambda: click.echo("a change"), short_help="Changes.")
        )

        assert CliRunner().invoke(group, ["change"]).output == "a change\n"
        assert "change  Changes." in CliRunner().invoke(group, ["--help"]).output


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from webapp.cli import main;"
        "print(CliRunner().invoke(main, ['analyse', '--help']).exit_code, *sorted({n.partition('.')[0] for n in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.startswith("0 ")
    assert not set(done.stdout.split()) & {
        "numpy",
        "pandas",
        "scipy",
        "matplotlib",
        "pingouin",
        "sklearn",
        "scoring",
    }
