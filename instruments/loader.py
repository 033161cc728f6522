"""A folder of one TOML file and one PO file per locale becomes an Instrument, or every reason why it cannot."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from instruments.digests import make_digests
from instruments.errors import DefinitionError, DefinitionProblem
from instruments.locales import Translation, read_translations
from instruments.messages import collect_texts
from instruments.model import Instrument
from instruments.parts import Digests, FrozenMap, LocaleInfo, Pool
from instruments.review import APPROVED, REVIEWED
from instruments.rules import check_rules
from instruments.shape import Draft, read_draft

DEFINITION_FILE = "instrument.toml"


@dataclass(frozen=True)
class Reading:
    """What a folder gave: an instrument if there is no problem, and every problem if there is one."""

    instrument: Instrument | None
    problems: tuple[DefinitionProblem, ...]


def load_instrument(folder: Path) -> Instrument:
    """The instrument in the folder, complete in every locale it has; raises DefinitionError with every problem."""
    return _instrument_of(read_folder(folder))


def load_source(folder: Path) -> Instrument:
    """The instrument in its source language alone, for work on its translations; raises DefinitionError."""
    return _instrument_of(read_folder(folder, with_translations=False))


def _instrument_of(reading: Reading) -> Instrument:
    """The instrument, or its problems raised."""
    if reading.instrument is None:
        raise DefinitionError(reading.problems)
    return reading.instrument


def read_folder(folder: Path, *, with_translations: bool = True) -> Reading:
    """Read and check a folder; never raises for a bad definition."""
    raw, problem = _read_toml(folder / DEFINITION_FILE)
    if problem is not None:
        return Reading(None, (problem,))
    draft, problems = read_draft(raw, str(folder / DEFINITION_FILE))
    problems.extend(check_rules(draft))
    translations: list[Translation] = []
    if with_translations:
        translations, found = read_translations(folder, draft)
        problems.extend(found)
    return Reading(None if problems else _build(draft, translations), tuple(problems))


def _read_toml(file: Path) -> tuple[Mapping[str, Any], DefinitionProblem | None]:
    """The parsed file, or why it cannot be parsed."""
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8-sig")), None
    except OSError as error:
        message, remedy = (
            f"the file cannot be opened ({error.strerror})",
            "Name a folder that holds this file.",
        )
        return {}, DefinitionProblem("no-definition", str(file), "", message, remedy)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return {}, DefinitionProblem(
            "unreadable-toml", str(file), f"line {line}", "the file is not in UTF-8", "Save it as UTF-8."
        )
    except (ValueError, RecursionError) as error:
        # TOMLDecodeError is a ValueError, and so is the refusal of a number with thousands of digits.
        remedy = "Correct the TOML at the place named; a key may stand once in a table."
        return {}, DefinitionProblem("unreadable-toml", str(file), "", f"this is not TOML: {error}", remedy)


def _build(draft: Draft, translations: list[Translation]) -> Instrument:
    """The instrument of a draft without faults."""
    source = {text.context: text.text for text in collect_texts(draft)}
    translated = {translation.locale: translation.texts for translation in translations}
    digests = make_digests(draft, source, translated)
    wordings = {draft.source_locale: FrozenMap(source)} | {
        locale: FrozenMap(t) for locale, t in translated.items()
    }
    shared = {
        field.name: getattr(draft, field.name) for field in fields(draft) if field.name not in _DRAFT_ONLY
    }
    return Instrument(
        **(shared | {"pools": _follow_mirrors(draft.pools)}),
        locales=FrozenMap({info.locale: info for info in _locale_infos(draft, translations, digests)}),
        digests=digests,
        wordings=FrozenMap(wordings),
    )


_DRAFT_ONLY = ("file", "complete", "raw")


def _locale_infos(draft: Draft, translations: list[Translation], digests: Digests) -> list[LocaleInfo]:
    """The source language first, then the translations by name."""
    return [
        LocaleInfo(draft.source_locale, "source", "source", "", digests.source),
        *(
            LocaleInfo(
                t.locale,
                t.origin,
                t.review_status,
                t.reviewer,
                digests.locales[t.locale],
                n_texts=len(t.texts),
                n_reviewed=t.review.counts[REVIEWED],
                n_approved=t.review.counts[APPROVED],
            )
            for t in translations
        ),
    ]


def _follow_mirrors(pools: tuple[Pool, ...]) -> tuple[Pool, ...]:
    """The pools, those that mirror another with its numbers and its default, item for item."""
    by_id = {pool.id: pool for pool in pools}
    followed = []
    for pool in pools:
        if pool.mirrors is None:
            followed.append(pool)
            continue
        led_by = by_id[pool.mirrors]
        partner = dict(zip(led_by.items, pool.items, strict=True))
        default = {role: tuple(partner[item] for item in chosen) for role, chosen in led_by.default.items()}
        followed.append(
            Pool(pool.id, led_by.minimum, led_by.maximum, pool.items, FrozenMap(default), pool.mirrors)
        )
    return tuple(followed)
