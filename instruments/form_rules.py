"""What forms must obey: short pages, words for everything asked, and nothing declared that is never asked."""

from collections import Counter
from collections.abc import Iterator, Mapping

from instruments.forms import pool_of
from instruments.parts import ITEMS_PER_PAGE, Form, Item, Pool, Role, Stem, WaveKind, find_text_key
from instruments.references import Finding, strings, tables
from instruments.shape import Draft


def check_forms(draft: Draft) -> Iterator[Finding]:
    """Pages are short, nothing is asked twice, and everything asked has words for the role and wave."""
    items = {item.id: item for item in draft.items}
    stems = {stem.id: stem for stem in draft.stems}
    pools = {pool.id: pool for pool in draft.pools}
    for form in _merged_forms(draft):
        path, roles = form
        for page in roles[0].pages:
            plain = [entry for entry in page.items if pool_of(entry) is None]
            if len(plain) > ITEMS_PER_PAGE:
                message = f"the page has {len(plain)} items"
                remedy = f"Split it into pages of at most {ITEMS_PER_PAGE}."
                yield "page-too-long", f"{path}.pages[{page.id}]", message, remedy
        asked = list(_asked(roles[0], pools))
        for item_id, count in Counter(asked).items():
            if count > 1:
                yield "asked-twice", path, f"“{item_id}” is asked {count} times", "Ask it once in a form."
        for one in roles:
            yield from _unworded(one, path, items, stems, pools)


def _merged_forms(draft: Draft) -> Iterator[tuple[str, list[Form]]]:
    """Each form as written: its path and the one or two roles it stands for, which share the very same pages."""
    by_pages: dict[tuple[WaveKind, int], list[Form]] = {}
    for form in draft.forms:
        by_pages.setdefault((form.wave, id(form.pages)), []).append(form)
    for (wave, _), forms in by_pages.items():
        yield f"forms[{wave} {'both' if len(forms) > 1 else forms[0].role}]", forms


def _asked(form: Form, pools: Mapping[str, Pool]) -> Iterator[str]:
    """Every item that the form may ask, whatever is picked."""
    for page in form.pages:
        for entry in page.items:
            pool_id = pool_of(entry)
            if pool_id is None:
                yield entry
            elif pool_id in pools:
                yield from pools[pool_id].items


def _unworded(
    form: Form, path: str, items: Mapping[str, Item], stems: Mapping[str, Stem], pools: Mapping[str, Pool]
) -> Iterator[Finding]:
    """Items asked of a role without words for it; a pool's item may leave a role out, its default may not."""
    for page in form.pages:
        for entry in page.items:
            pool = pools.get(pool_of(entry) or "")
            if pool is not None and pool.mirrors is None and form.role not in pool.default:
                where = f"pools[{pool.id}].default.{form.role}"
                yield (
                    "missing-default",
                    where,
                    f"the {form.role} is asked from this pool",
                    "Say what is asked by default.",
                )
            required = (
                [entry] if pool_of(entry) is None else list(pool.default.get(form.role, ())) if pool else []
            )
            offered = pool.items if pool is not None else required
            for item in (items[i] for i in dict.fromkeys([*required, *offered]) if i in items):
                worded = find_text_key(item.texts, form.role, form.wave) is not None
                where = f"{path}.pages[{page.id}].items"
                if not worded and item.id in required:
                    message = f"“{item.id}” has no wording for the {form.role} in wave {form.wave}"
                    yield "no-wording", where, message, "Add the wording to the item or take it off the page."
                stem = stems.get(item.stem or "")
                if worded and stem is not None and find_text_key(stem.texts, form.role, form.wave) is None:
                    message = f"the stem “{stem.id}” of “{item.id}” has no wording for the {form.role} in wave {form.wave}"
                    yield "no-wording", where, message, "Add the wording to the stem."


def check_waves(draft: Draft) -> Iterator[Finding]:
    """A wave with forms has an introduction, and a wave with an introduction has a form."""
    rawcheck_waves = draft.raw.get("waves")
    introduced = set(strings(rawcheck_waves))
    with_forms = [table.get("wave") for _, table in tables(draft.raw, "forms")]
    for form in draft.forms:
        if form.wave not in introduced:
            yield (
                "unknown-wave",
                f"waves.{form.wave}",
                "a form is given for this wave",
                "Introduce it in [waves].",
            )
            introduced.add(form.wave)
    for wave in draft.intros:
        if wave not in with_forms:
            yield (
                "unused-wave",
                f"waves.{wave}",
                "no form is given for this wave",
                "Add a form or remove the wave.",
            )


# What is declared and never used. These rules look at the whole, so they wait until every part has its shape.


def find_unused_parts(draft: Draft) -> Iterator[Finding]:
    """Formats, stems, pools and items that nothing asks for."""
    if not draft.complete:
        return
    pools = {pool.id: pool for pool in draft.pools}
    on_forms = {entry for form in draft.forms for page in form.pages for entry in page.items}
    asked = {item_id for form in draft.forms for item_id in _asked(form, pools)}
    used: Mapping[str, set[str]] = {
        "formats": {item.format for item in draft.items},
        "stems": {item.stem for item in draft.items if item.stem},
        "items": asked,
        "pools": {entry[1:] for entry in on_forms if entry.startswith("@")},
    }
    remedies = {
        "formats": "Use it in an item",
        "stems": "Use it in an item",
        "items": "Put it on a form",
        "pools": "Put it on a form",
    }
    for section, names in used.items():
        for part in getattr(draft, section):
            if part.id not in names:
                message = "nothing asks for it" if section in ("items", "pools") else "no item uses it"
                yield (
                    f"unused-{section.removesuffix('s')}",
                    f"{section}[{part.id}]",
                    message,
                    f"{remedies[section]} or remove it.",
                )


def find_unused_wordings(draft: Draft) -> Iterator[Finding]:
    """Wordings that no form ever shows; they would be translated for nothing."""
    if not draft.complete:
        return
    pools = {pool.id: pool for pool in draft.pools}
    items = {item.id: item for item in draft.items}
    stems = {stem.id: stem for stem in draft.stems}
    shown: set[tuple[str, str]] = set()
    for form in draft.forms:
        for item in (items[i] for i in _asked(form, pools) if i in items):
            shown.add((f"items[{item.id}]", find_text_key(item.texts, form.role, form.wave) or ""))
            stem = stems.get(item.stem or "")
            if stem is not None:
                shown.add((f"stems[{stem.id}]", find_text_key(stem.texts, form.role, form.wave) or ""))
    shown_parts = {part for part, _ in shown}
    for section, parts in (("items", draft.items), ("stems", draft.stems)):
        for part in parts:
            path = f"{section}[{part.id}]"
            for key in part.texts:
                if path in shown_parts and (path, key) not in shown:
                    yield (
                        "unused-wording",
                        f"{path}.texts.{key}",
                        "no form shows this wording",
                        "Remove it or add the form.",
                    )


def find_unscored_scales(draft: Draft) -> Iterator[Finding]:
    """Each role of a scale has a wave that asks all of its items, or it could never be scored."""
    if not draft.complete:
        return
    pools = {pool.id: pool for pool in draft.pools}
    items = {item.id: item for item in draft.items}
    asked: dict[Role, list[set[str]]] = {role: [] for role in Role}
    for form in draft.forms:
        worded = (
            i
            for i in _asked(form, pools)
            if i in items and find_text_key(items[i].texts, form.role, form.wave)
        )
        asked[form.role].append(set(worded))
    for scale in draft.scales:
        for role in scale.roles:
            if all(i in items for i in scale.keys) and not any(
                form.issuperset(scale.keys) for form in asked[role]
            ):
                message = f"no form asks the {role} all of its items"
                remedy = "Ask them together in a wave, or correct the keys or roles."
                yield "never-scored", f"scales[{scale.id}]", message, remedy
