"""From the pages of a definition to the pages a person sees: pools expanded, long pages cut, items shuffled."""

import hashlib
from collections.abc import Mapping, Sequence

from instruments.errors import N_, PicksError
from instruments.parts import ITEMS_PER_PAGE, Form, FormPage, Item, Pool, Role, find_text_key

Picks = Mapping[str, Sequence[str]]


def pool_of(entry: str) -> str | None:
    """The pool that a page entry stands for, or None for a plain item."""
    return entry[1:] if entry.startswith("@") else None


def resolve_picks(pool: Pool, pools: Mapping[str, Pool], role: Role, picks: Picks) -> tuple[str, ...]:
    """The items of a pool that this role is asked: the organisation's picks, else the pool's default for the role."""
    if pool.mirrors is not None:
        led_by = pools[pool.mirrors]
        partner = dict(zip(led_by.items, pool.items, strict=True))
        return tuple(partner[item] for item in resolve_picks(led_by, pools, role, picks))
    if pool.id in picks:
        return tuple(picks[pool.id])
    return tuple(pool.default.get(role, ()))


def check_picks(pools: Sequence[Pool], picks: Picks) -> list[PicksError]:
    """Everything wrong with an organisation's picks."""
    known = {pool.id: pool for pool in pools}
    errors = []
    for pool_id, chosen in picks.items():
        pool = known.get(pool_id)
        if pool is None or pool.mirrors is not None:
            errors.append(
                PicksError(
                    "unknown-pool",
                    N_("There is nothing to pick from under the name “%(pool)s”."),
                    N_("Pick from: %(pools)s."),
                    pool=pool_id,
                    pools=", ".join(p.id for p in pools if p.mirrors is None) or "-",
                )
            )
        else:
            errors.extend(_check_pool_picks(pool, chosen))
    return errors


def _check_pool_picks(pool: Pool, chosen: Sequence[str]) -> list[PicksError]:
    """Everything wrong with the picks from one pool."""
    if not isinstance(chosen, list | tuple) or not all(isinstance(item, str) for item in chosen):
        message = N_("The picks from “%(pool)s” are not a list of items.")
        return [PicksError("bad-picks", message, N_("Give a list of item names."), pool=pool.id)]
    errors = []
    strangers = [item for item in chosen if item not in pool.items]
    if strangers:
        errors.append(
            PicksError(
                "unknown-pick",
                N_("“%(pool)s” does not offer: %(items)s."),
                N_("Pick from: %(offered)s."),
                pool=pool.id,
                items=", ".join(strangers),
                offered=", ".join(pool.items),
            )
        )
    if len(set(chosen)) != len(chosen):
        errors.append(
            PicksError(
                "picked-twice",
                N_("An item of “%(pool)s” is picked twice."),
                N_("Pick each item once."),
                pool=pool.id,
            )
        )
    if not pool.minimum <= len(chosen) <= pool.maximum:
        errors.append(
            PicksError(
                "wrong-number-of-picks",
                N_("%(count)s items of “%(pool)s” are picked."),
                N_("Pick at least %(minimum)s and at most %(maximum)s."),
                pool=pool.id,
                count=len(chosen),
                minimum=pool.minimum,
                maximum=pool.maximum,
            )
        )
    return errors


def expand_form(form: Form, pools: Mapping[str, Pool], items: Mapping[str, Item], picks: Picks) -> Form:
    """The form with its pools expanded and every page cut to at most eight items.

    An item that a pool offers but that has no wording for this role and wave is not asked of this role.
    """
    pages: list[FormPage] = []
    for page in form.pages:
        asked: list[str] = []
        for entry in page.items:
            pool_id = pool_of(entry)
            if pool_id is None:
                asked.append(entry)
                continue
            picked = resolve_picks(pools[pool_id], pools, form.role, picks)
            asked.extend(item for item in picked if find_text_key(items[item].texts, form.role, form.wave))
        pages.extend(cut_page(FormPage(page.id, tuple(asked), page.kind)))
    return Form(form.wave, form.role, tuple(pages))


def cut_page(page: FormPage) -> list[FormPage]:
    """The page as one or more pages of nearly equal length, none longer than eight items; an empty page vanishes."""
    n_pages = -(-len(page.items) // ITEMS_PER_PAGE)
    if n_pages <= 1:
        return [page] if page.items else []
    length, longer = divmod(len(page.items), n_pages)
    pages, start = [], 0
    for number in range(1, n_pages + 1):
        end = start + length + (1 if number <= longer else 0)
        pages.append(FormPage(f"{page.id}-{number}", page.items[start:end], page.kind))
        start = end
    return pages


def shuffle_page(
    page: FormPage, items: Mapping[str, Item], fixed: frozenset[str], seed: str
) -> tuple[str, ...]:
    """The items of a page in an order that depends only on the seed, the page and the items.

    Items named in `fixed` keep their place. The others change places only with items of the same stem and format, so
    that a stem stays above its items. Sorting by a digest gives the same order under every version of Python.
    """
    groups: dict[tuple[str | None, str], list[int]] = {}
    for position, item_id in enumerate(page.items):
        if item_id not in fixed:
            groups.setdefault((items[item_id].stem, items[item_id].format), []).append(position)
    order = list(page.items)
    for positions in groups.values():
        members = sorted(
            (page.items[p] for p in positions), key=lambda item_id: _rank(seed, page.id, item_id)
        )
        for position, item_id in zip(positions, members, strict=True):
            order[position] = item_id
    return tuple(order)


def _rank(seed: str, page_id: str, item_id: str) -> bytes:
    """A number that looks random and depends on all three."""
    return hashlib.sha256("\n".join((seed, page_id, item_id)).encode()).digest()
