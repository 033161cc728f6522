"""Digests of a definition and the file that pins those of released versions."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from instruments.parts import Digests, FrozenMap
from instruments.shape import Draft

RELEASED_FILE = "released.toml"

Releases = Mapping[str, Mapping[str, Digests]]

_RELEASED_HEAD = """\
# The digests of every released version of the instruments beside this file.
# `python -m instruments release FOLDER` adds a version; nothing here is written by hand.
# A folder that differs from its digests is refused: a change of a released version becomes a new version.
"""
_HEX = re.compile(r"[0-9a-f]{64}")


class ReleasedFileError(Exception):
    """The file of released digests cannot be read."""


def canonical_json(value: object) -> str:
    """The one way to write plain values down, so that equal values are equal byte for byte: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """SHA-256 over the value's canonical JSON in UTF-8."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def make_digests(
    draft: Draft, source: Mapping[str, str], translations: Mapping[str, Mapping[str, str]]
) -> Digests:
    """The digests of a complete definition: its structure, its source texts by context, and each translation."""
    locales = {locale: digest(dict(texts)) for locale, texts in sorted(translations.items())}
    return Digests(digest(_structure(draft)), digest(dict(source)), FrozenMap(locales))


def _structure(draft: Draft) -> dict[str, object]:
    """Everything but words: what is asked of whom, when, how it is answered and scored."""
    return {
        "id": draft.id,
        "version": draft.version,
        "development": draft.development,
        "license": draft.license,
        "source_locale": draft.source_locale,
        "missing": [str(code) for code in draft.missing_labels],
        "waves": [str(wave) for wave in draft.intros],
        "formats": [
            {
                "id": part.id,
                "kind": part.kind,
                "codes": part.codes,
                "maximum_length": part.maximum_length,
                "revision": part.revision,
                "same_meaning_since": part.same_meaning_since,
            }
            for part in draft.formats
        ],
        "stems": [_plain(part, "note", "texts") | {"texts": sorted(part.texts)} for part in draft.stems],
        "items": [
            _plain(part, "note", "texts", "provenance") | {"texts": sorted(part.texts)}
            for part in draft.items
        ],
        "pools": [_plain(part) for part in draft.pools],
        "scales": [_plain(part, "title", "description") for part in draft.scales],
        "forms": [_plain(part) for part in draft.forms],
    }


def _plain(part: Any, *left_out: str) -> dict[str, object]:
    """A frozen part as JSON can write it, without the named fields."""
    return {f.name: _plain_value(getattr(part, f.name)) for f in fields(part) if f.name not in left_out}


def _plain_value(value: Any) -> object:
    """A field's value as JSON can write it."""
    if is_dataclass(value):
        return _plain(value)
    if isinstance(value, Mapping):
        return {str(key): _plain_value(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain_value(entry) for entry in value]
    return value


def released_file_of(folder: Path) -> Path:
    """The file that pins the versions of the library in which this version's folder lies."""
    return folder.resolve().parent.parent / RELEASED_FILE


def read_released(file: Path) -> Releases:
    """The pinned digests by instrument and version; empty without a file. Raises ReleasedFileError."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ReleasedFileError(f"{file.name} cannot be read: {error}") from None
    try:
        return {
            instrument: {version: _read_digests(entry) for version, entry in versions.items()}
            for instrument, versions in raw.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ReleasedFileError(f"{file.name} holds something else than digests of versions") from None


def _read_digests(entry: Mapping[str, Any]) -> Digests:
    """The digests of one version; raises KeyError or ValueError for anything else."""
    values = [entry["structure"], entry["source"], *entry["locales"].values()]
    if not all(isinstance(value, str) and _HEX.fullmatch(value) for value in values):
        raise ValueError("not a digest")
    return Digests(entry["structure"], entry["source"], FrozenMap(entry["locales"]))


def write_released(file: Path, releases: Releases) -> None:
    """Write the pinned digests, sorted, replacing the file in one step."""
    lines = [_RELEASED_HEAD]
    for instrument in sorted(releases):
        for version in sorted(releases[instrument], key=version_key):
            digests = releases[instrument][version]
            lines.append(f'[{instrument}."{version}"]')
            lines.append(f'structure = "{digests.structure}"')
            lines.append(f'source = "{digests.source}"\n')
            lines.append(f'[{instrument}."{version}".locales]')
            lines.extend(f'{locale} = "{digests.locales[locale]}"' for locale in sorted(digests.locales))
            lines.append("")
    scratch = file.with_name(f".{file.name}.new")
    scratch.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    scratch.replace(file)


def version_key(version: str) -> tuple[int, ...]:
    """The version as numbers, so that 1.10.0 comes after 1.9.0."""
    return tuple(int(part) for part in version.split("."))


def differing_parts(pinned: Digests, found: Digests) -> list[str]:
    """What of a version differs from its pinned digests, in words."""
    parts = [
        *(["the structure"] if pinned.structure != found.structure else []),
        *(["the source wording"] if pinned.source != found.source else []),
    ]
    for locale in sorted({*pinned.locales, *found.locales}):
        if locale not in found.locales:
            parts.append(f"the locale {locale} (gone)")
        elif locale not in pinned.locales:
            parts.append(f"the locale {locale} (new)")
        elif pinned.locales[locale] != found.locales[locale]:
            parts.append(f"the locale {locale}")
    return parts


def shorten(digest_text: str) -> str:
    """The first twelve characters of a digest, enough to tell two apart by eye."""
    return digest_text[:12]
