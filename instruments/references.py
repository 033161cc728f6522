"""Names in a definition: given once, and declared wherever they are used.

These rules read the file as it was parsed, so that a part with a fault of shape still counts as declared.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from instruments.forms import pool_of
from instruments.shape import SECTIONS, Draft, Raw, labelled_elements

Finding = tuple[str, str, str, str]
"""A rule's finding: code, path, message, remedy."""


def _ids(raw: Raw, section: str) -> list[str]:
    """The ids of a section in the order of the file."""
    return [table["id"] for _, table in tables(raw, section) if isinstance(table.get("id"), str)]


def declared_ids(raw: Raw, section: str) -> set[str]:
    """The ids that a section declares, those of parts with faults among them."""
    return set(_ids(raw, section))


def find_duplicates(draft: Draft) -> Iterator[Finding]:
    """An id may be given once in its section; item ids must differ in more than the case of their letters."""
    for section in SECTIONS[:-1]:
        ids = _ids(draft.raw, section)
        for part_id, count in Counter(ids).items():
            if count > 1:
                message = f"this id is given to {count} {section}"
                yield "duplicate-id", f"{section}[{part_id}]", message, "Give each of them its own id."
        by_lower: dict[str, set[str]] = {}
        for part_id in ids:
            by_lower.setdefault(part_id.lower(), set()).add(part_id)
        for spellings in by_lower.values():
            if len(spellings) > 1:
                message = f"{' and '.join(sorted(spellings))} differ only in the case of letters"
                yield (
                    "duplicate-id",
                    f"{section}[{min(spellings)}]",
                    message,
                    "Data files ignore case: rename one.",
                )


def find_duplicate_forms(draft: Draft) -> Iterator[Finding]:
    """A wave has one form for each role; `both` counts for either."""
    seen = Counter((form.wave, form.role) for form in draft.forms)
    for (wave, role), count in seen.items():
        if count > 1:
            message = f"the {role} has {count} forms in this wave"
            yield (
                "duplicate-form",
                f"forms[{wave} {role}]",
                message,
                'Keep one; role = "both" already covers each role.',
            )
    for form_path, element in labelled_elements(draft.raw, "forms"):
        pages = element.get("pages") if isinstance(element, dict) else None
        page_ids = [p.get("id") for p in pages if isinstance(p, dict)] if isinstance(pages, list) else []
        for page_id, count in Counter(i for i in page_ids if isinstance(i, str)).items():
            if count > 1:
                message = f"{count} pages have this id"
                yield "duplicate-id", f"{form_path}.pages[{page_id}]", message, "Give each page its own id."


def find_unknown_names(draft: Draft) -> Iterator[Finding]:
    """Whatever a part names must be declared."""
    declared = {section: declared_ids(draft.raw, section) for section in SECTIONS[:-1]}
    for path, section, target in _named(draft):
        if target not in declared[section]:
            kind = section.removesuffix("s")
            known = ", ".join(sorted(declared[section])[:12]) or "none"
            message = f"there is no {kind} “{target}”"
            yield (
                f"unknown-{kind}",
                path,
                message,
                f"Declare it in [[{section}]] or name one that is declared: {known}.",
            )


def _named(draft: Draft) -> Iterator[tuple[str, str, str]]:
    """Every mention of a part by another: path, section and id."""
    raw = draft.raw
    for path, item in tables(raw, "items"):
        yield from _mention(path, item, "format", "formats")
        yield from _mention(path, item, "stem", "stems")
    for path, pool in tables(raw, "pools"):
        yield from _mention(path, pool, "mirrors", "pools")
        yield from ((f"{path}.items", "items", item) for item in strings(pool.get("items")))
    for path, scale in tables(raw, "scales"):
        yield from _mention(path, scale, "pool", "pools")
        yield from ((f"{path}.keys.{item}", "items", item) for item in strings(scale.get("keys")))
    for path, form in tables(raw, "forms"):
        pages = form.get("pages")
        for number, page in enumerate(pages if isinstance(pages, list) else [], start=1):
            if isinstance(page, dict):
                where = f"{path}.pages[{page.get('id', f'#{number}')}].items"
                for entry in strings(page.get("items")):
                    pool_id = pool_of(entry)
                    yield (where, "items", entry) if pool_id is None else (where, "pools", pool_id)


def tables(raw: Mapping[str, Any], section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The elements of a section that are tables."""
    return ((path, e) for path, e in labelled_elements(raw, section) if isinstance(e, dict))


def _mention(path: str, part: dict[str, Any], key: str, section: str) -> Iterator[tuple[str, str, str]]:
    """The mention under one key, if it is a text."""
    if isinstance(part.get(key), str):
        yield f"{path}.{key}", section, part[key]


def strings(value: object) -> list[str]:
    """The texts in a list, or the keys of a table."""
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list | dict) else []
