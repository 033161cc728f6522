"""What the parts of a definition must obey among each other; every rule reports all of its problems."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from babel import Locale, UnknownLocaleError

from instruments.errors import DefinitionProblem
from instruments.form_rules import (
    check_forms,
    check_waves,
    find_unscored_scales,
    find_unused_parts,
    find_unused_wordings,
)
from instruments.messages import SourceText, collect_texts
from instruments.parts import Item, Missing, Pool, ResponseFormat, Role, Scale, Stem
from instruments.references import Finding, find_duplicate_forms, find_duplicates, find_unknown_names, tables
from instruments.shape import Draft
from instruments.wording import text_faults

Rule = Callable[[Draft], Iterable[Finding]]


def check_rules(draft: Draft) -> list[DefinitionProblem]:
    """Every problem of meaning that can be seen in the parts that have the right shape."""
    return [
        DefinitionProblem(code, draft.file, path, message, remedy)
        for rule in _RULES
        for code, path, message, remedy in rule(draft)
    ]


def _locale(draft: Draft) -> Iterator[Finding]:
    """The source language must be one that Babel knows."""
    if draft.source_locale and not is_locale(draft.source_locale):
        message = f"“{draft.source_locale}” is not a known locale"
        yield "unknown-locale", "source_locale", message, "Write a language code such as en or pt_BR."


def is_locale(name: str) -> bool:
    """Whether Babel knows the locale, spelled in its usual way."""
    try:
        return str(Locale.parse(name)) == name
    except (UnknownLocaleError, ValueError, TypeError):
        return False


def _formats(draft: Draft) -> Iterator[Finding]:
    """Ratings and choices have options with distinct codes and labels; a text has a length."""
    for part in draft.formats:
        yield from _text_format(part) if part.kind == "text" else _option_format(part)


def _text_format(part: ResponseFormat) -> Iterator[Finding]:
    """A text has a length and no options."""
    path = f"formats[{part.id}]"
    if part.options:
        yield "options-out-of-place", f"{path}.options", "a text format has no options", "Remove them."
    if part.maximum_length is None:
        remedy = "Add maximum_length = … (characters)."
        yield "missing-key", f"{path}.maximum_length", "a text format needs a maximum length", remedy


def _option_format(part: ResponseFormat) -> Iterator[Finding]:
    """A rating or choice has at least two options; a rating's codes rise by one, so that reversing them makes sense."""
    path = f"formats[{part.id}]"
    codes = part.codes
    if part.maximum_length is not None:
        yield (
            "length-out-of-place",
            f"{path}.maximum_length",
            f"a {part.kind} has no length",
            "Remove the key.",
        )
    if len(codes) < 2:
        yield (
            "too-few-options",
            f"{path}.options",
            f"a {part.kind} needs at least two options",
            "Add options.",
        )
    for code, count in Counter(codes).items():
        if count > 1:
            yield (
                "duplicate-code",
                f"{path}.options",
                f"the code {code} is given {count} times",
                "Use each code once.",
            )
    for label, count in Counter(option.label for option in part.options).items():
        if count > 1:
            message = f"the label “{label}” is given {count} times"
            yield "duplicate-label", f"{path}.options", message, "Give each option its own label."
    rising = tuple(range(part.minimum, part.minimum + len(codes)))
    if part.kind == "rating" and len(set(codes)) == len(codes) and codes != rising:
        message = f"the codes {', '.join(map(str, codes))} do not rise by one"
        yield "uneven-codes", f"{path}.options", message, "Order the options and number them one by one."


def _revisions(draft: Draft) -> Iterator[Finding]:
    """A wording can mean the same only since an earlier revision of itself."""
    for section, parts in (("formats", draft.formats), ("stems", draft.stems), ("items", draft.items)):
        for part in parts:
            if part.same_meaning_since > part.revision:
                message = f"the meaning dates from revision {part.same_meaning_since}, but this is revision {part.revision}"
                yield (
                    "bad-revision",
                    f"{section}[{part.id}].same_meaning_since",
                    message,
                    "Name an earlier revision.",
                )


def _pools(draft: Draft) -> Iterator[Finding]:
    """A pool's numbers, defaults and mirror must agree with its items."""
    pools = {pool.id: pool for pool in draft.pools}
    for raw_path, raw in tables(draft.raw, "pools"):
        mirrors = "mirrors" in raw
        for key in ("minimum", "maximum", "default"):
            if not mirrors and key not in raw:
                yield (
                    "missing-key",
                    f"{raw_path}.{key}",
                    f"“{key}” is missing",
                    f'Add {key} = … or mirrors = "another pool".',
                )
    for pool in draft.pools:
        path = f"pools[{pool.id}]"
        yield from _repeated(pool.items, f"{path}.items")
        if pool.mirrors is not None:
            yield from _mirror(pool, pools)
            continue
        if not pool.minimum <= pool.maximum <= len(pool.items):
            message = f"minimum {pool.minimum}, maximum {pool.maximum} and {len(pool.items)} items do not fit together"
            yield "bad-range", path, message, "Make minimum ≤ maximum ≤ number of items."
        yield from _default(pool)


def _mirror(pool: Pool, pools: Mapping[str, Pool]) -> Iterator[Finding]:
    """A mirroring pool has one item for each of the pool it follows, which itself follows none."""
    path = f"pools[{pool.id}].mirrors"
    led_by = pools.get(pool.mirrors or "")
    if led_by is None:
        return
    if led_by.mirrors is not None:
        yield (
            "mirrored-mirror",
            path,
            f"“{led_by.id}” mirrors another pool itself",
            "Mirror the first pool of the chain.",
        )
        return
    if len(led_by.items) != len(pool.items):
        message = f"“{led_by.id}” has {len(led_by.items)} items, this pool {len(pool.items)}"
        yield "uneven-mirror", path, message, "List one item for each, in the same order."
        return
    if led_by.default and pool.default and _mirrored_default(led_by, pool) != dict(pool.default):
        message = f"its default does not follow that of “{led_by.id}”"
        yield (
            "uneven-mirror",
            f"pools[{pool.id}].default",
            message,
            "Remove it: a mirroring pool takes it over.",
        )


def _mirrored_default(led_by: Pool, pool: Pool) -> dict[Role, tuple[str, ...]]:
    """The default picks of a pool, item for item in the pool that mirrors it."""
    partner = dict(zip(led_by.items, pool.items, strict=True))
    return {
        role: tuple(partner.get(item, item) for item in chosen) for role, chosen in led_by.default.items()
    }


def _default(pool: Pool) -> Iterator[Finding]:
    """The default picks obey the pool's own rules."""
    for role, chosen in pool.default.items():
        path = f"pools[{pool.id}].default.{role}"
        yield from _repeated(chosen, path)
        for item in chosen:
            if item not in pool.items:
                yield "unknown-pick", path, f"“{item}” is not in the pool", "Pick from the pool's items."
        if not pool.minimum <= len(chosen) <= pool.maximum:
            message = f"{len(chosen)} items are picked"
            yield "bad-range", path, message, f"Pick {pool.minimum} to {pool.maximum}."


def _repeated(entries: Iterable[str], path: str) -> Iterator[Finding]:
    """An entry may stand once in a list."""
    for entry, count in Counter(entries).items():
        if count > 1:
            yield "repeated-item", path, f"“{entry}” is listed {count} times", "List it once."


# Scales


def _scales(draft: Draft) -> Iterator[Finding]:
    """The items of a scale share a range of codes, and its wording is what it says it is."""
    items = {item.id: item for item in draft.items}
    stems = {stem.id: stem for stem in draft.stems}
    formats = {part.id: part for part in draft.formats}
    pools = {pool.id: pool for pool in draft.pools}
    for scale in draft.scales:
        path = f"scales[{scale.id}]"
        members = [items[item_id] for item_id in scale.keys if item_id in items]
        ranges: dict[tuple[int, int], list[str]] = {}
        for item in members:
            part = formats.get(item.format)
            if part is None:
                continue
            if part.kind == "text":
                yield (
                    "unscorable-item",
                    f"{path}.keys.{item.id}",
                    "a text cannot be scored",
                    "Take the item out.",
                )
            else:
                ranges.setdefault((part.minimum, part.maximum), []).append(item.id)
        if len(ranges) > 1:
            told = "; ".join(f"{', '.join(ids)}: {low} to {high}" for (low, high), ids in ranges.items())
            yield (
                "mixed-ranges",
                f"{path}.keys",
                f"the items have different ranges ({told})",
                "Score like with like.",
            )
        yield from _scale_wording(scale, members, stems)
        pool = pools.get(scale.pool or "")
        for item_id in scale.keys:
            if pool is not None and item_id not in pool.items:
                message = f"the item is not in the pool “{pool.id}”"
                yield "not-in-pool", f"{path}.keys.{item_id}", message, "Correct the pool or the keys."


def _scale_wording(scale: Scale, members: list[Item], stems: Mapping[str, Stem]) -> Iterator[Finding]:
    """`same` has no wording for one role only, `mirrored` has some, `single role` has one role."""
    path = f"scales[{scale.id}].wording"
    if scale.wording == "single role":
        if len(scale.roles) != 1:
            yield (
                "wrong-wording",
                path,
                "a scale of a single role names two roles",
                'Add roles = ["mentor"] or ["mentee"].',
            )
        return
    if len(scale.roles) != 2:
        message = f"“{scale.wording}” compares two roles, but the scale has one"
        yield "wrong-wording", path, message, 'Write wording = "single role" or name both roles.'
        return
    differing = [item.id for item in members if _differs_by_role(item, stems.get(item.stem or ""))]
    if scale.wording == "same" and differing:
        message = f"the roles read different words in {', '.join(differing)}"
        yield "wrong-wording", path, message, 'Write wording = "mirrored" or use one wording for both.'
    if scale.wording == "mirrored" and not differing and len(members) == len(scale.keys):
        yield "wrong-wording", path, "both roles read the same words", 'Write wording = "same".'


def _differs_by_role(item: Item, stem: Stem | None) -> bool:
    """Whether the roles read different words, in the item or in its stem."""
    keys = {*item.texts, *(stem.texts if stem is not None else ())}
    return any(not key.startswith("both") for key in keys)


# Words


def _words(draft: Draft) -> Iterator[Finding]:
    """Every source text is clean, and names the partner only where a name is filled in."""
    for text in collect_texts(draft):
        if text.text:
            yield from ((code, text.path, message, remedy) for code, message, remedy in check_words(text))


def check_words(text: SourceText) -> Iterator[tuple[str, str, str]]:
    """What is wrong with one source text: code, message, remedy."""
    yield from text_faults(text.text)
    if "{P}" in text.text and not text.names_partner:
        yield (
            "placeholder-out-of-place",
            "no name is filled in here",
            "Take {P} out; only items and stems may name the partner.",
        )


def _missing(draft: Draft) -> Iterator[Finding]:
    """The two missing answers must not read the same."""
    labels = [draft.missing_labels.get(code) for code in Missing]
    if None not in labels and len(set(labels)) < len(labels):
        yield (
            "duplicate-label",
            "missing",
            "both missing answers have the same label",
            "Word them differently.",
        )


_RULES: tuple[Rule, ...] = (
    find_duplicates,
    find_duplicate_forms,
    find_unknown_names,
    _locale,
    _formats,
    _revisions,
    _pools,
    _scales,
    check_forms,
    check_waves,
    find_unused_parts,
    find_unused_wordings,
    find_unscored_scales,
    _words,
    _missing,
)
