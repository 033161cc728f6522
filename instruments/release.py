"""Releasing a version: from then on its folder is pinned by digest."""

from pathlib import Path

from instruments.checks import check_instrument
from instruments.digests import read_released, released_file_of, write_released
from instruments.errors import DefinitionError
from instruments.loader import load_instrument
from instruments.model import Digests


def release_instrument(folder: Path) -> Digests:
    """Pin the version in the folder in the library's released.toml and give its digests.

    Raises DefinitionError with every problem if the definition is not fit to be released, a changed folder under a
    version that is already pinned among them; a version pinned before and unchanged is left as it is.
    """
    problems = check_instrument(folder)
    if problems:
        raise DefinitionError(problems)
    instrument = load_instrument(folder)
    file = released_file_of(folder)
    releases = {instrument_id: dict(versions) for instrument_id, versions in read_released(file).items()}
    versions = releases.setdefault(instrument.id, {})
    if instrument.version not in versions:
        versions[instrument.version] = instrument.digests
        write_released(file, releases)
    return instrument.digests
