"""`viceversa instrument translate` and `program offer-draft`: the translator's and the owner's path by commands."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from instruments.release import release_instrument
from webapp.cli import main
from webapp.translate_commands import METHODS, STATES

TOY = Path(__file__).parents[1] / "instruments" / "toy"


@pytest.fixture
def run(tmp_path: Path):
    """Runs a command with a private instrument folder in which the toy is released."""
    shutil.copytree(TOY, tmp_path / "library" / "toy")
    release_instrument(tmp_path / "library" / "toy" / "0.1.0")
    env = {
        "VICEVERSA_INSTRUMENT_FOLDERS": str(tmp_path / "library"),
        "VICEVERSA_DATABASE_URL": f"sqlite:///{tmp_path / 'cli.db'}",
        "VICEVERSA_SECRET_KEY": "s" * 32,
        "VICEVERSA_LINK_KEY": (b"k" * 32).hex(),
    }

    def invoke(*arguments: str, fails: bool = False) -> str:
        result: Result = CliRunner().invoke(main, list(arguments), env=env)
        assert (result.exit_code != 0) is fails, result.output
        assert "Traceback" not in result.output
        return result.output

    return invoke


def line_of(output: str, locale: str) -> list[str]:
    return next(
        re.split(r"\s{2,}", line.strip()) for line in output.splitlines() if line.startswith(f"  {locale} ")
    )


def test_out_to_a_translator_and_back_with_a_name(run, tmp_path: Path) -> None:
    out = str(tmp_path / "de.xlf")
    translate = ("instrument", "translate")
    assert line_of(run(*translate, "status", "toy"), "de")[1:7] == ["39", "39", "39", "0", "0", "machine"]
    run(*translate, "export", "toy", "de", "--format", "xliff", "-o", out)
    for wrong, message in (
        (("--state", "approved"), "--reviewer"),
        (("--state", "approved", "--reviewer", "Ada"), "--method"),
        (("--state", "approved", "--reviewer", "Ada", "--method", "back-translation"), "approves nothing"),
        (("--reviewer", "Ada"), "--state"),
    ):
        assert message in run(*translate, "merge", "toy", "de", out, *wrong, fails=True)
    assert "wrong-language" not in run(*translate, "merge", "toy", "ur", out, fails=True)
    assert line_of(run(*translate, "status", "toy"), "de")[3:6] == ["39", "0", "0"]

    how = ("--state", "approved", "--reviewer", "Ada Byron", "--method", "committee")
    done = run(*translate, "merge", "toy", "de", out, *how)

    assert "39 newly reviewed or approved" in done
    assert line_of(done, "de")[3:] == ["0", "0", "39", "machine", "Ada Byron", "yes"]
    everything = run(*translate, "status")
    assert line_of(everything[everything.index("toy 0.1.0") :], "ur")[-1].startswith("as a draft")
    assert "Interface" in everything
    assert "core-battery 0.1.0" in everything
    changed = Path(out).read_text(encoding="utf-8").replace("Ich habe vor zu bleiben.", "Ich bleibe.")
    Path(out).write_text(changed, encoding="utf-8")
    refused = run(*translate, "merge", "toy", "de", out, *how, fails=True)
    assert "X4#1/text@both" in refused
    assert "Copy the folder to a new version" in refused
    assert "There is no instrument" in run(*translate, "export", "none", "de", "-o", out, fails=True)
    assert "cannot be written" in run(
        *translate, "export", "toy", "de", "-o", f"{tmp_path}/no/de.po", fails=True
    )


def test_a_wave_by_command_names_the_drafts_that_it_leaves_out(run, tmp_path: Path) -> None:
    roster = tmp_path / "pairs.csv"
    head = "mentor_name,mentor_email,mentor_language,mentee_name,mentee_email,mentee_language"
    roster.write_text(f"{head}\nA,a@x.org,de,B,b@x.org,ur\n", encoding="utf-8")
    run("db", "upgrade")
    run("program", "add", "spring", "--name", "Spring", "--organisation", "W", "--instrument", "toy@0.1.0")
    run("program", "cohort", "spring", "Finance", "--starts", "2026-03-02")
    run("roster", "import", "spring", "Finance", str(roster))
    assert "no translation fr" in run("program", "offer-draft", "spring", "fr", fails=True)
    assert "de of toy 0.1.0 is offered in spring: machine, not reviewed." in run(
        "program", "offer-draft", "spring", "de"
    )

    opened = run("wave", "open", "spring", "Finance", "T0", "--links", str(tmp_path / "links.csv"))

    assert "not offered: ur." in opened


def test_the_options_are_those_of_the_room_that_knows_them() -> None:
    from instruments import review

    assert (review.STATES, tuple(review.METHODS)) == (STATES, METHODS)
