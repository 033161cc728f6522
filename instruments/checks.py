"""Everything a definition must obey: its own rules, its pinned digests, and its version against the one before."""

from pathlib import Path

from instruments.digests import (
    RELEASED_FILE,
    ReleasedFileError,
    Releases,
    differing_parts,
    read_released,
    released_file_of,
    version_key,
)
from instruments.errors import DefinitionError, DefinitionProblem
from instruments.loader import DEFINITION_FILE, load_instrument, read_folder
from instruments.model import Instrument
from instruments.names import name_faults
from instruments.revision import check_release


def check_instrument(folder: Path) -> list[DefinitionProblem]:
    """Every problem of the definition in the folder at once; never raises for a bad definition."""
    reading = read_folder(folder)
    problems = list(reading.problems)
    if reading.instrument is None:
        return problems
    instrument = reading.instrument
    problems.extend(_check_place(folder, instrument))
    try:
        releases = read_released(released_file_of(folder))
    except ReleasedFileError as error:
        file = str(released_file_of(folder))
        remedy = (
            f"Restore {RELEASED_FILE} from its history; it is written by `python -m instruments release`."
        )
        return [*problems, DefinitionProblem("unreadable-releases", file, "", str(error), remedy)]
    if instrument.version not in releases.get(instrument.id, {}):
        # A released text can be mended in a later version only.
        problems.extend(_check_names(folder, instrument))
    problems.extend(_check_pinned(folder, instrument, releases))
    problems.extend(_check_previous(folder, instrument, releases))
    return problems


def _check_place(folder: Path, instrument: Instrument) -> list[DefinitionProblem]:
    """A version lies in `<id>/<version>/`, where it is looked for."""
    place = folder.resolve()
    if (place.parent.name, place.name) == (instrument.id, instrument.version):
        return []
    message = f"{instrument.id} {instrument.version} lies in {place.parent.name}/{place.name}"
    remedy = f"Move the folder to {instrument.id}/{instrument.version}, or correct id and version."
    return [DefinitionProblem("wrong-folder", str(folder / DEFINITION_FILE), "id", message, remedy)]


def _check_names(folder: Path, instrument: Instrument) -> list[DefinitionProblem]:
    """No text lets the partner's name change the grammar around it."""
    problems: list[DefinitionProblem] = []
    for locale, texts in instrument.wordings.items():
        file = folder / (DEFINITION_FILE if locale == instrument.source_locale else f"{locale}.po")
        for context, text in texts.items():
            problems.extend(
                DefinitionProblem(code, str(file), context, message, remedy)
                for code, message, remedy in name_faults(text, locale)
            )
    return problems


def _check_pinned(folder: Path, instrument: Instrument, releases: Releases) -> list[DefinitionProblem]:
    """A released version is as it was released."""
    pinned = releases.get(instrument.id, {}).get(instrument.version)
    changed = [] if pinned is None else differing_parts(pinned, instrument.digests)
    if not changed:
        return []
    message = f"version {instrument.version} is released and pinned, but {', '.join(changed)} changed since"
    remedy = "Restore the folder, or copy it to a folder of a higher version and change it there."
    return [
        DefinitionProblem("pinned-version-changed", str(folder / DEFINITION_FILE), "version", message, remedy)
    ]


def _check_previous(folder: Path, instrument: Instrument, releases: Releases) -> list[DefinitionProblem]:
    """What changed since the released version before is declared by revisions and by the version number."""
    number = version_key(instrument.version)
    earlier = [version for version in releases.get(instrument.id, {}) if version_key(version) < number]
    file = str(folder / DEFINITION_FILE)
    if not earlier:
        return check_release(instrument, None, file=file)
    previous_folder = folder.resolve().parent / max(earlier, key=version_key)
    try:
        previous = load_instrument(previous_folder)
    except DefinitionError as error:
        message = f"the version released before cannot be read for comparison: {error.problems[0].message}"
        remedy = f"Restore the folder {previous_folder.name} from its history."
        return [DefinitionProblem("previous-version-unreadable", file, "version", message, remedy)]
    return check_release(instrument, previous, file=file)
