"""The authors' command, run as an author runs it."""

import subprocess
import sys

import pytest

from instruments.__main__ import main


def test_check_passes_a_sound_folder_and_finds_it_below_a_library(copy_toy, capsys):
    copy = copy_toy()
    for folder in (copy.folder, copy.folder.parent.parent):
        assert main(["check", str(folder)]) == 0
        assert capsys.readouterr().out == ""


def test_check_prints_one_problem_a_line_with_file_path_and_remedy(copy_toy, capsys):
    copy = (
        copy_toy()
        .define(("development = true", "development = 1"))
        .edit("de.po", ('msgstr "Ja"', 'msgstr ""'))
    )
    assert main(["check", str(copy.folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{copy.folder}/instrument.toml: development: 1 is not true or false — Write true or false without quotes.",
        f"{copy.folder}/de.po: format.yes-no#1/option.1@both: line 77: “Yes” is not translated — Translate it.",
    ]


def test_check_names_a_folder_that_holds_nothing(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 1
    assert "cannot be opened" in capsys.readouterr().out


def test_diff_tells_changes_bump_and_comparable_scales(copy_toy, capsys):
    copy = copy_toy()
    later = copy.next("0.2.0").untranslated().define(("I choose my words", "I weigh my words"))
    assert main(["diff", str(copy.folder), str(later.folder)]) == 0
    out = capsys.readouterr().out
    assert "major: items[A3] is reworded, but its revision is still 1" in out
    assert "smallest bump: major; next version: 1.0.0 or higher" in out
    assert "comparable scales: BB" in out


def test_translate_template_merge_and_status_work_together(copy_toy, capsys, tmp_path):
    copy = copy_toy()
    assert main(["translate", "template", str(copy.folder)]) == 0
    printed = capsys.readouterr().out
    assert main(["translate", "template", str(copy.folder), "-o", str(tmp_path / "toy.pot")]) == 0
    assert (tmp_path / "toy.pot").read_text(encoding="utf-8") == printed
    assert main(["translate", "status", str(copy.folder)]) == 0
    assert "ur: 39 of 39 translated" in capsys.readouterr().out
    copy.define(("I plan to stay.", "I mean to stay."))
    assert main(["translate", "merge", str(copy.folder)]) == 0
    assert "de: 38 kept, 0 new, 1 reworded, 0 retired" in capsys.readouterr().out
    assert main(["translate", "status", str(copy.folder)]) == 1
    assert "de: 38 of 39 translated (1 missing" in capsys.readouterr().out


def test_translate_reports_a_broken_definition(copy_toy, capsys):
    copy = copy_toy().define(("development = true", "development = 1"))
    assert main(["translate", "merge", str(copy.folder)]) == 1
    assert "development" in capsys.readouterr().out


def test_release_pins_and_a_later_change_is_refused(copy_toy, capsys):
    copy = copy_toy()
    assert main(["release", str(copy.folder)]) == 0
    assert "pinned" in capsys.readouterr().out
    copy.edit("de.po", ('msgstr "Ja"', 'msgstr "Ja!"'))
    assert main(["check", str(copy.folder)]) == 1
    assert main(["release", str(copy.folder)]) == 1
    assert "released and pinned, but the locale de changed" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["translate"], ["release"]])
def test_a_command_that_is_not_one_is_explained(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m instruments" in capsys.readouterr().err


def test_it_runs_as_a_module_without_flask_or_pandas(toy_folder):
    code = (
        "import sys, runpy; sys.argv = ['instruments', 'check', sys.argv[1]]\n"
        "try: runpy.run_module('instruments', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'flask', 'pandas', 'numpy', 'sqlalchemy'} & set(sys.modules)"
    )
    root = toy_folder.parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, str(toy_folder)], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
