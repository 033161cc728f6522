"""The toy questionnaire and copies of it that a test may break."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from instruments.loader import load_instrument
from instruments.model import Instrument

TOY = Path(__file__).parent / "toy" / "0.1.0"


class Copy:
    """A copy of the toy in a library of its own, to be edited by the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def edit(self, file: str, *changes: tuple[str, str]) -> "Copy":
        """Replace texts in a file; each must be there exactly once, so that no edit misses in silence."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        return self

    def define(self, *changes: tuple[str, str]) -> "Copy":
        """Edit instrument.toml."""
        return self.edit("instrument.toml", *changes)

    def append(self, text: str) -> "Copy":
        """Add to the end of instrument.toml."""
        path = self.folder / "instrument.toml"
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
        return self

    def untranslated(self) -> "Copy":
        """Remove the locales, for tests whose subject is the definition alone."""
        for path in self.folder.glob("*.po"):
            path.unlink()
        return self

    def next(self, version: str) -> "Copy":
        """A copy of this version beside it, under another version."""
        folder = self.folder.parent / version
        shutil.copytree(self.folder, folder)
        copy = Copy(folder)
        text = (folder / "instrument.toml").read_text(encoding="utf-8")
        old = f'version = "{self.folder.name}"'
        assert text.count(old) == 1
        (folder / "instrument.toml").write_text(text.replace(old, f'version = "{version}"'), encoding="utf-8")
        return copy


@pytest.fixture(scope="session")
def toy_folder() -> Path:
    return TOY


@pytest.fixture(scope="session")
def toy() -> Instrument:
    return load_instrument(TOY)


@pytest.fixture
def copy_toy(tmp_path: Path) -> Callable[[], Copy]:
    def copy() -> Copy:
        folder = tmp_path / "library" / "toy" / "0.1.0"
        shutil.copytree(TOY, folder)
        return Copy(folder)

    return copy
