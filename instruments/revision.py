"""The difference of two versions of an instrument, and what it demands: version bump, revisions, comparability."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from instruments.digests import version_key
from instruments.errors import DefinitionProblem
from instruments.forms import pool_of
from instruments.model import Form, Instrument, Item, Pool, ResponseFormat, Role, Scale, Stem, WaveKind
from instruments.parts import find_text_key

Bump = Literal["none", "patch", "minor", "major"]
_BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")

Part = TypeVar("Part", Item, Stem, ResponseFormat, Scale, Pool)


@dataclass(frozen=True)
class Change:
    """One difference: where, what, and the smallest version bump it allows.

    `undeclared` marks new words under an old revision; `breaks` names the items whose answers no longer mean the same.
    """

    path: str
    message: str
    bump: Bump
    undeclared: bool = False
    breaks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Revision:
    """Every difference of two versions, the smallest bump allowed, and the scales whose scores may be compared."""

    changes: tuple[Change, ...]
    bump: Bump
    comparable_scales: tuple[str, ...]


def diff_instruments(old: Instrument, new: Instrument) -> Revision:
    """What changed from old to new, part by part."""
    changes = [
        *_header_changes(old, new),
        *_format_changes(old, new),
        *_stem_changes(old, new),
        *_item_changes(old, new),
        *_pool_changes(old, new),
        *_scale_changes(old, new),
        *_form_changes(old, new),
        *_locale_changes(old, new),
    ]
    bump: Bump = max((change.bump for change in changes), key=_BUMPS.index, default="none")
    return Revision(tuple(changes), bump, _comparable_scales(old, new, changes))


def check_release(
    new: Instrument, previous: Instrument | None, *, file: str = "instrument.toml"
) -> list[DefinitionProblem]:
    """What the new version fails to declare against the one released before; nothing if there was none."""
    if previous is None:
        return []
    if new.id != previous.id:
        message = f"this is {new.id}, the version before is of {previous.id}"
        return [
            DefinitionProblem("other-instrument", file, "id", message, "Compare versions of one instrument.")
        ]
    revision = diff_instruments(previous, new)
    problems = [
        DefinitionProblem("undeclared-change", file, change.path, change.message, _UNDECLARED_REMEDY)
        for change in revision.changes
        if change.undeclared
    ]
    if version_key(new.version) < version_key(next_version(previous.version, revision.bump)):
        problems.append(_too_small(new, previous, revision, file))
    return problems


_UNDECLARED_REMEDY = "Raise its revision; if the meaning is untouched, add same_meaning_since = the earliest revision that means the same."


def _too_small(new: Instrument, previous: Instrument, revision: Revision, file: str) -> DefinitionProblem:
    """The problem of a version number that promises less change than there is."""
    if revision.bump == "none":
        message = f"version {new.version} is not higher than {previous.version}"
        remedy = "Give it a higher version."
        return DefinitionProblem("version-bump-too-small", file, "version", message, remedy)
    reasons = [f"{c.path} {c.message}" for c in revision.changes if c.bump == revision.bump]
    told = "; ".join(reasons[:5]) + (f"; and {len(reasons) - 5} more" if len(reasons) > 5 else "")
    message = f"since {previous.version} there are {revision.bump} changes ({told})"
    remedy = f"Give it version {next_version(previous.version, revision.bump)} or higher."
    return DefinitionProblem("version-bump-too-small", file, "version", message, remedy)


def next_version(version: str, bump: Bump) -> str:
    """The smallest version that says this much has changed; even an unchanged copy needs a higher one."""
    major, minor, patch = version_key(version)
    if bump == "major":
        return f"{major + 1}.0.0"
    if bump == "minor":
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


# One function for each kind of part


def _pair_up(
    section: str, old: Iterable[Part], new: Iterable[Part]
) -> tuple[list[Change], list[tuple[str, Part, Part]]]:
    """Parts that came or went as changes, and the parts that are in both versions with their path."""
    before, after = {part.id: part for part in old}, {part.id: part for part in new}
    changes = [
        Change(f"{section}[{part_id}]", "is removed", "major", breaks=_broken_by(part))
        for part_id, part in before.items()
        if part_id not in after
    ]
    changes += [
        Change(f"{section}[{part_id}]", "is new", "minor") for part_id in after if part_id not in before
    ]
    return changes, [(f"{section}[{i}]", before[i], after[i]) for i in after if i in before]


def _broken_by(part: Item | Stem | ResponseFormat | Scale | Pool) -> frozenset[str]:
    """The item whose answers lose their meaning when this part goes."""
    return frozenset({part.id}) if isinstance(part, Item) else frozenset()


def _compare(
    path: str, old: object, new: object, bumps: dict[str, Bump], breaks: Iterable[str] = ()
) -> Iterator[Change]:
    """A change for each named field that differs."""
    for name, bump in bumps.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            broken = frozenset(breaks) if bump == "major" else frozenset()
            yield Change(f"{path}.{name}", f"was {_tell(before)}, is {_tell(after)}", bump, breaks=broken)


def _tell(value: object) -> str:
    """A value as it may stand in a message."""
    text = f"“{value}”" if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _header_changes(old: Instrument, new: Instrument) -> Iterator[Change]:
    """Title and the like; the two missing labels; the waves' introductions."""
    bumps: dict[str, Bump] = {
        "title": "patch",
        "summary": "patch",
        "license": "patch",
        "development": "minor",
    }
    for change in _compare("", old, new, bumps | {"source_locale": "major"}):
        yield replace(change, path=change.path.lstrip("."))
    for missing, label in new.missing_labels.items():
        if label != old.missing_labels.get(missing):
            yield Change(f"missing.{missing}", f"is now “{label}”", "patch")
    for wave in sorted({*old.intros, *new.intros}):
        if wave not in new.intros:
            yield Change(f"waves.{wave}", "is removed", "major")
        elif wave not in old.intros:
            yield Change(f"waves.{wave}", "is new", "minor")
        elif old.intros[wave] != new.intros[wave]:
            yield Change(f"waves.{wave}", f"is now “{new.intros[wave]}”", "patch")


def _format_changes(old: Instrument, new: Instrument) -> Iterator[Change]:
    """Kinds, codes and labels of the formats."""
    changes, pairs = _pair_up("formats", old.formats, new.formats)
    yield from changes
    for path, before, after in pairs:
        users = {item.id for item in new.items if item.format == after.id}
        yield from _compare(path, before, after, {"kind": "major", "codes": "major"}, users)
        if (before.maximum_length or 0) != (after.maximum_length or 0):
            shorter = (before.maximum_length or 0) > (after.maximum_length or 0)
            yield Change(
                f"{path}.maximum_length", f"is now {after.maximum_length}", "major" if shorter else "minor"
            )
        if before.codes == after.codes and before.options != after.options:
            yield _rewording(path, before, after, users)
        else:
            yield from _revision_change(path, before, after)


def _stem_changes(old: Instrument, new: Instrument) -> Iterator[Change]:
    """New words in the stems."""
    changes, pairs = _pair_up("stems", old.stems, new.stems)
    yield from changes
    asked = _asked_of(old)
    for path, before, after in pairs:
        users = {item.id for item in old.items if item.stem == before.id}
        occasions = {occasion for item_id in users for occasion in asked.get(item_id, ())}
        yield from _wording_changes(path, before, after, occasions, users)


def _item_changes(old: Instrument, new: Instrument) -> Iterator[Change]:
    """New words, formats, stems and marks of the items."""
    changes, pairs = _pair_up("items", old.items, new.items)
    yield from changes
    asked = _asked_of(old)
    bumps: dict[str, Bump] = {"format": "major", "stem": "major", "anchor": "major", "sensitive": "minor"}
    for path, before, after in pairs:
        yield from _compare(path, before, after, bumps, {after.id})
        yield from _wording_changes(path, before, after, asked.get(after.id, set()), {after.id})


def _wording_changes(
    path: str, old: Item | Stem, new: Item | Stem, occasions: set[tuple[Role, WaveKind]], users: Iterable[str]
) -> Iterator[Change]:
    """What the people who were asked before would read now; wordings for new occasions are additions."""
    reworded = False
    for role, wave in sorted(occasions):
        key_before, key_after = find_text_key(old.texts, role, wave), find_text_key(new.texts, role, wave)
        before, after = old.texts.get(key_before or ""), new.texts.get(key_after or "")
        if before is not None and after is None:
            message = f"has no words for the {role} in wave {wave} any more"
            yield Change(path, message, "major", breaks=frozenset(users))
        reworded = reworded or (before is not None and after is not None and before != after)
    if reworded:
        yield _rewording(path, old, new, users)
        return
    if set(new.texts) - set(old.texts):
        yield Change(
            path, f"is also worded for {', '.join(sorted(set(new.texts) - set(old.texts)))}", "minor"
        )
    yield from _revision_change(path, old, new)


def _rewording(
    path: str, old: Item | Stem | ResponseFormat, new: Item | Stem | ResponseFormat, users: Iterable[str]
) -> Change:
    """The change that new words make: none to the meaning only if a higher revision says so."""
    declared = new.revision > old.revision
    if declared and new.same_meaning_since <= old.revision:
        return Change(path, "is reworded without touching its meaning", "patch")
    message = "is reworded" if declared else f"is reworded, but its revision is still {new.revision}"
    return Change(path, message, "major", undeclared=not declared, breaks=frozenset(users))


def _revision_change(
    path: str, old: Item | Stem | ResponseFormat, new: Item | Stem | ResponseFormat
) -> Iterator[Change]:
    """A revision that moved although the words did not."""
    if new.revision < old.revision:
        message = f"went back from revision {old.revision} to {new.revision}"
        yield Change(f"{path}.revision", message, "patch", undeclared=True)
    elif new.revision > old.revision:
        yield Change(f"{path}.revision", f"is now {new.revision}, with the same words", "patch")


def _pool_changes(old: Instrument, new: Instrument) -> Iterator[Change]:
    """What may be picked."""
    changes, pairs = _pair_up("pools", old.pools, new.pools)
    yield from changes
    for path, before, after in pairs:
        yield from _compare(path, before, after, {"mirrors": "major", "default": "minor"})
        narrower = after.minimum > before.minimum or after.maximum < before.maximum
        if (before.minimum, before.maximum) != (after.minimum, after.maximum):
            message = f"allows {after.minimum} to {after.maximum} picks instead of {before.minimum} to {before.maximum}"
            yield Change(path, message, "major" if narrower else "minor")
        if gone := [item for item in before.items if item not in after.items]:
            yield Change(f"{path}.items", f"no longer offers {', '.join(gone)}", "major")
        if added := [item for item in after.items if item not in before.items]:
            yield Change(f"{path}.items", f"also offers {', '.join(added)}", "minor")


def _scale_changes(old: Instrument, new: Instrument) -> Iterator[Change]:
    """Keys, and what is said of the scales."""
    changes, pairs = _pair_up("scales", old.scales, new.scales)
    yield from changes
    bumps: dict[str, Bump] = {
        "keys": "major",
        "wording": "major",
        "direction": "major",
        "roles": "major",
        "pool": "major",
        "sensitive": "minor",
        "primary": "minor",
        "title": "patch",
        "description": "patch",
    }
    for path, before, after in pairs:
        yield from _compare(path, before, after, bumps)


def _form_changes(old: Instrument, new: Instrument) -> Iterator[Change]:
    """What is asked of whom and when."""
    before = {(form.wave, form.role): form for form in old.forms}
    after = {(form.wave, form.role): form for form in new.forms}
    for wave, role in sorted({*before, *after}):
        path = f"forms[{wave} {role}]"
        if (wave, role) not in after:
            yield Change(path, "is removed", "major")
        elif (wave, role) not in before:
            yield Change(path, "is new", "minor")
        else:
            yield from _page_changes(path, before[wave, role], after[wave, role])


def _page_changes(path: str, old: Form, new: Form) -> Iterator[Change]:
    """Entries that a form gained or lost, or only moved."""
    gone = [entry for entry in old.item_ids if entry not in new.item_ids]
    added = [entry for entry in new.item_ids if entry not in old.item_ids]
    if gone:
        yield Change(path, f"no longer asks {', '.join(gone)}", "major")
    if added:
        yield Change(path, f"also asks {', '.join(added)}", "minor")
    if not gone and not added and old.pages != new.pages:
        yield Change(path, "asks the same in other pages or another order", "minor")


def _locale_changes(old: Instrument, new: Instrument) -> Iterator[Change]:
    """Languages gained or lost, and translations changed where the source was not."""
    for locale in sorted({*old.locales, *new.locales}):
        if locale not in new.locales:
            yield Change(f"locales.{locale}", "is removed", "minor")
        elif locale not in old.locales:
            yield Change(f"locales.{locale}", "is new", "patch")
        elif locale != new.source_locale:
            before, after = old.wordings[locale], new.wordings[locale]
            n_changed = sum(before[context] != after[context] for context in before if context in after)
            if n_changed:
                yield Change(f"locales.{locale}", f"has {n_changed} translations changed", "patch")


# Helpers


def _asked_of(instrument: Instrument) -> dict[str, set[tuple[Role, WaveKind]]]:
    """The occasions on which each item may be asked."""
    pools = {pool.id: pool.items for pool in instrument.pools}
    asked: dict[str, set[tuple[Role, WaveKind]]] = {}
    for form in instrument.forms:
        for entry in form.item_ids:
            pool_id = pool_of(entry)
            for item_id in (entry,) if pool_id is None else pools[pool_id]:
                asked.setdefault(item_id, set()).add((form.role, form.wave))
    return asked


def _comparable_scales(old: Instrument, new: Instrument, changes: Iterable[Change]) -> tuple[str, ...]:
    """The scales with the same keys and wording whose items all still mean the same."""
    broken = {item_id for change in changes for item_id in change.breaks}
    before = {scale.id: scale for scale in old.scales}
    return tuple(
        scale.id
        for scale in new.scales
        if scale.id in before
        and before[scale.id].keys == scale.keys
        and before[scale.id].wording == scale.wording
        and broken.isdisjoint(scale.keys)
    )
