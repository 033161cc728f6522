"""The instruments at hand: those shipped and those in the private folders that an operator names."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from instruments.digests import (
    RELEASED_FILE,
    ReleasedFileError,
    Releases,
    differing_parts,
    read_released,
    released_file_of,
    shorten,
    version_key,
)
from instruments.errors import (
    N_,
    DefinitionError,
    DefinitionProblem,
    PinnedVersionError,
    UnknownInstrumentError,
)
from instruments.loader import DEFINITION_FILE, load_instrument
from instruments.model import Instrument

SHIPPED = Path(__file__).resolve().parent / "library"

_NAME = re.compile(r"[a-z0-9-]{1,80}")
_VERSION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){2}")

Signature = tuple[tuple[str, int, int], ...]


def find_folders(root: Path) -> list[Path]:
    """The instrument folders under a library (`<id>/<version>/`), or the folder itself if it is one."""
    if (root / DEFINITION_FILE).is_file():
        return [root]
    found = [*root.glob(f"*/{DEFINITION_FILE}"), *root.glob(f"*/*/{DEFINITION_FILE}")]
    return sorted(file.parent for file in found)


def list_instruments(folders: Sequence[Path] = ()) -> list[Instrument]:
    """Every instrument at hand by id and version; raises DefinitionError or PinnedVersionError if one cannot be used."""
    found: dict[tuple[str, str], tuple[Path, Instrument]] = {}
    problems: list[DefinitionProblem] = []
    for folder in _all_folders(folders):
        try:
            instrument = _load_pinned(folder)
        except DefinitionError as error:
            problems.extend(error.problems)
            continue
        key = (instrument.id, instrument.version)
        if key in found:
            message = f"{instrument.id} {instrument.version} is also in {found[key][0]}"
            remedy = "Keep one of the folders, or give one another id or version."
            problems.append(
                DefinitionProblem("defined-twice", str(folder / DEFINITION_FILE), "id", message, remedy)
            )
        found.setdefault(key, (folder, instrument))
    if problems:
        raise DefinitionError(problems)
    return sorted((i for _, i in found.values()), key=lambda i: (i.id, version_key(i.version)))


def _all_folders(folders: Sequence[Path]) -> list[Path]:
    """The folders of every instrument at hand, each once, the shipped ones first."""
    return list(dict.fromkeys(f.resolve() for root in (SHIPPED, *folders) for f in find_folders(Path(root))))


def get_instrument(
    id: str,  # noqa: A002 - the word every caller and every wave uses for it
    version: str,
    *,
    folders: Sequence[Path] = (),
    digest: str | None = None,
) -> Instrument:
    """The instrument of this id and version, kept in memory until a file of its folder changes.

    Raises UnknownInstrumentError if no folder holds it; PinnedVersionError if it differs from `digest` (that of a
    wave) or from the digests pinned at its release; DefinitionError if it cannot be read.
    """
    instrument = next(_candidates(id, version, folders), None)
    if instrument is None:
        raise UnknownInstrumentError(
            "unknown-instrument",
            N_("There is no instrument %(id)s of version %(version)s."),
            N_("Add its folder to the private instrument folders, or choose one that is listed."),
            id=str(id)[:80],
            version=str(version)[:40],
        )
    if digest is not None and digest != instrument.digests.whole:
        raise _changed(instrument, digest)
    return instrument


def latest_version(id: str, *, folders: Sequence[Path] = ()) -> str:  # noqa: A002 - as in get_instrument
    """The newest version at hand of an instrument; raises UnknownInstrumentError if there is none."""
    versions = [found.version for found in list_instruments(folders) if found.id == id]
    if not versions:
        raise UnknownInstrumentError(
            "unknown-instrument",
            N_("There is no instrument %(id)s."),
            N_("Add its folder to the private instrument folders, or choose one that is listed."),
            id=str(id)[:80],
        )
    return versions[-1]


def _candidates(id_: str, version: str, folders: Sequence[Path]) -> Iterator[Instrument]:
    """Instruments of this id and version, the shipped one first."""
    if not (_NAME.fullmatch(id_) and _VERSION.fullmatch(version)):
        return
    for root in (SHIPPED, *(Path(folder) for folder in folders)):
        for folder in (root, root / version, root / id_ / version):
            if (folder / DEFINITION_FILE).is_file():
                instrument = _load_pinned(folder.resolve())
                if (instrument.id, instrument.version) == (id_, version):
                    yield instrument


def _load_pinned(folder: Path) -> Instrument:
    """The folder's instrument, refused if its version is pinned and the folder has changed."""
    instrument = _load(folder, _signature([folder / DEFINITION_FILE, *sorted(folder.glob("*.po"))]))
    released_file = released_file_of(folder)
    pinned = (
        _read_releases(released_file, _signature([released_file]))
        .get(instrument.id, {})
        .get(instrument.version)
    )
    if pinned is not None and differing_parts(pinned, instrument.digests):
        raise _changed(instrument, pinned.whole)
    return instrument


@lru_cache(maxsize=64)
def _load(folder: Path, signature: Signature) -> Instrument:  # noqa: ARG001 - the signature is part of the cache's key
    """The folder's instrument, read again when the signature of its files changes."""
    return load_instrument(folder)


@lru_cache(maxsize=16)
def _read_releases(file: Path, signature: Signature) -> Releases:  # noqa: ARG001 - as above
    """The pinned digests of a library."""
    try:
        return read_released(file)
    except ReleasedFileError as error:
        remedy = (
            f"Restore {RELEASED_FILE} from its history; it is written by `python -m instruments release`."
        )
        raise DefinitionError(
            [DefinitionProblem("unreadable-releases", str(file), "", str(error), remedy)]
        ) from None


def _signature(files: Sequence[Path]) -> Signature:
    """Name, time and size of each file that exists; it changes when a file is edited, added or removed."""
    entries = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        entries.append((file.name, status.st_mtime_ns, status.st_size))
    return tuple(entries)


def _changed(instrument: Instrument, pinned: str) -> PinnedVersionError:
    """The error for a folder that is no longer what was pinned."""
    return PinnedVersionError(
        "pinned-version-changed",
        N_(
            "The folder of %(instrument)s has changed since this version was pinned (%(pinned)s then, %(found)s now)."
        ),
        N_("Restore the folder from its history, or give the change a version of its own."),
        instrument=f"{instrument.id} {instrument.version}",
        pinned=shorten(pinned),
        found=shorten(instrument.digests.whole),
    )
