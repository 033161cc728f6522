"""The house keeps its shape: import contracts hold, and each one fails when it is broken on purpose."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("instruments", "scoring", "surveys", "webapp", "translations")

# (contract, the file that is made to break it, the line that breaks it)
PLANTED = [
    ("line", "instruments/model.py", "import scoring.gates"),
    ("line", "scoring/gates.py", "import surveys.errors"),
    ("line", "surveys/errors.py", "import webapp.config"),
    ("translations", "translations/__init__.py", "import instruments.errors"),
    ("translations-reader", "surveys/errors.py", "import translations"),
    ("scoring-door", "surveys/waves.py", "import scoring.gates"),
    ("instruments-door", "scoring/gates.py", "import instruments.model"),
    ("instruments-pure", "instruments/answers.py", "import pandas"),
    ("scoring-pure", "scoring/frames.py", "import flask"),
    ("surveys-pure", "surveys/programs.py", "import flask"),
]


def contracts() -> dict[str, str]:
    """Contract ids of pyproject.toml and their names."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {entry["id"]: entry["name"] for entry in settings["tool"]["importlinter"]["contracts"]}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the tree in folder, not on the installed packages."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, is_debug_mode=False))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def copied_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the five packages and of the contracts."""
    copy = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "library")
        )
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def test_the_contracts_hold(copied_house: Path) -> None:
    result = lint(copied_house)

    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(contracts())} kept, 0 broken" in result.stdout


def test_every_contract_has_a_planted_breach() -> None:
    assert {contract for contract, _, _ in PLANTED} == set(contracts())


@pytest.mark.parametrize(("contract", "file", "line"), PLANTED)
def test_a_planted_breach_is_found(copied_house: Path, contract: str, file: str, line: str) -> None:
    path = copied_house / file
    before = path.read_text(encoding="utf-8")
    path.write_text(before + f"\n{line}\n", encoding="utf-8")
    try:
        result = lint(copied_house)
    finally:
        path.write_text(before, encoding="utf-8")

    assert result.returncode == 1, result.stdout + result.stderr
    assert re.search(re.escape(contracts()[contract]) + r".*BROKEN", result.stdout)


def test_nothing_says_anonymous() -> None:
    """Answers are confidential, never called anonymous in any language: pair-linked answers are personal data."""
    words = ("anonym", "anónim", "مجهول", "گمنام")
    texts = [
        path
        for folder in ("instruments/library", "webapp/templates", "translations")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".toml", ".html", ".pot", ".po"}
    ]

    said = [
        (path, word) for path in texts for word in words if word in path.read_text(encoding="utf-8").lower()
    ]

    assert texts
    assert said == []


def test_the_lock_file_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")

    assert "://" not in lock
    assert lock.count("--hash=sha256:") > 100
