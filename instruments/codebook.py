"""The data dictionary of an instrument: what each column of a data file holds, in one language."""

from collections.abc import Iterator

from instruments.model import Form, Instrument, Item, Missing, Picks, Role, Scale, WaveKind

COLUMNS = (
    "variable",
    "kind",
    "role",
    "waves",
    "label",
    "stem",
    "format",
    "codes",
    "missing",
    "scales",
    "anchor",
    "sensitive",
    "direction",
    "revision",
    "provenance",
)


def codebook_rows(
    instrument: Instrument, locale: str = "en", picks: Picks | None = None
) -> list[dict[str, str]]:
    """One row for each wording of each item that the picks ask, then one for each scale; every row has all COLUMNS.

    Raises UnknownLocaleError for a language the instrument does not have, PicksError for picks that break a rule.
    """
    instrument.title_in(locale)
    forms = [instrument.form(form.wave, form.role, picks) for form in instrument.forms]
    rows = [row for item in instrument.items for row in _item_rows(instrument, item, forms, locale)]
    rows += [_scale_row(instrument, scale, locale, picks) for scale in instrument.scales]
    return [{column: row.get(column, "") for column in COLUMNS} for row in rows]


def _item_rows(
    instrument: Instrument, item: Item, forms: list[Form], locale: str
) -> Iterator[dict[str, str]]:
    """A row for each wording of the item, naming the role and the waves that read it."""
    wordings: dict[tuple[str, str], dict[Role, list[WaveKind]]] = {}
    for form in forms:
        if item.id in form.item_ids:
            stem = instrument.stem_text(item.id, form.role, form.wave, locale)
            text = instrument.text(item.id, form.role, form.wave, locale)
            wordings.setdefault((stem, text), {}).setdefault(form.role, []).append(form.wave)
    response_format = instrument.format_of(item.id)
    labels = [
        f"{o.code}={instrument.option_label(response_format.id, o.code, locale)}"
        for o in response_format.options
    ]
    for (stem, text), readers in wordings.items():
        for role, waves in _joined(readers):
            yield {
                "variable": item.id,
                "kind": "text" if response_format.kind == "text" else "item",
                "role": role,
                "waves": " ".join(waves),
                "label": text,
                "stem": stem,
                "format": response_format.id,
                "codes": "; ".join(labels),
                "missing": "; ".join(f"{m}={instrument.missing_label(m, locale)}" for m in Missing),
                "scales": " ".join(
                    f"{s.id}({s.keys[item.id]:+d})" for s in instrument.scales if item.id in s.keys
                ),
                "anchor": _yes(item.anchor),
                "sensitive": _yes(item.sensitive),
                "revision": str(item.revision),
                "provenance": item.provenance,
            }


def _joined(readers: dict[Role, list[WaveKind]]) -> list[tuple[str, list[WaveKind]]]:
    """The readers of one wording: one entry for both roles if they read it in the same waves."""
    mentor, mentee = readers.get(Role.MENTOR), readers.get(Role.MENTEE)
    if mentor is not None and mentor == mentee:
        return [("both", mentor)]
    return [(role.value, waves) for role, waves in readers.items()]


def _scale_row(instrument: Instrument, scale: Scale, locale: str, picks: Picks | None) -> dict[str, str]:
    """The row of a scale: its keys and the waves that score it."""
    scored = {
        wave: None
        for wave in WaveKind
        for role in scale.roles
        if scale in instrument.scales_scored(wave, role, picks)
    }
    response_format = instrument.format_of(next(iter(scale.keys)))
    return {
        "variable": scale.id,
        "kind": "scale",
        "role": "both" if len(scale.roles) == 2 else scale.roles[0].value,
        "waves": " ".join(scored),
        "label": f"{instrument.scale_title(scale.id, locale)}. {instrument.scale_description(scale.id, locale)}",
        "codes": f"{response_format.minimum} to {response_format.maximum}",
        "scales": " ".join(f"{item_id}({key:+d})" for item_id, key in scale.keys.items()),
        "sensitive": _yes(scale.sensitive),
        "direction": scale.direction,
    }


def _yes(flag: bool) -> str:
    """A flag as a data dictionary writes it."""
    return "yes" if flag else "no"
