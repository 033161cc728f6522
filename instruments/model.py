"""An instrument as the rest of the house sees it: frozen, complete in every language it offers, and quick to ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from instruments.errors import N_, InstrumentError, UnknownFormError, UnknownLocaleError, UnknownPartError
from instruments.forms import Picks, check_picks, expand_form, shuffle_page
from instruments.parts import (
    ITEMS_PER_PAGE,
    Digests,
    Direction,
    Form,
    FormatKind,
    FormPage,
    FrozenMap,
    Item,
    LocaleInfo,
    Missing,
    Origin,
    Pool,
    ResponseFormat,
    ResponseOption,
    ReviewStatus,
    Role,
    Scale,
    Stem,
    WaveKind,
    Wording,
    find_text_key,
    make_context,
)

__all__ = [
    "ITEMS_PER_PAGE",
    "Digests",
    "Direction",
    "Form",
    "FormPage",
    "FormatKind",
    "FrozenMap",
    "Instrument",
    "Item",
    "LocaleInfo",
    "Missing",
    "Origin",
    "Picks",
    "Pool",
    "ResponseFormat",
    "ResponseOption",
    "ReviewStatus",
    "Role",
    "Scale",
    "Stem",
    "WaveKind",
    "Wording",
    "picks_problems",
    "shuffled_items",
]

_COMPARED_WAVES = (WaveKind.T0, WaveKind.TC, WaveKind.T2, WaveKind.T3A, WaveKind.T3B, WaveKind.T4)

Part = TypeVar("Part", ResponseFormat, Stem, Item, Scale, Pool)


@dataclass(frozen=True, eq=False)
class Instrument:
    """A questionnaire of one version with all its languages; two are equal when id, version and digests are.

    `forms` hold pool references ("@pool"); `form()` gives them as a person sees them. `wordings` holds every text by
    locale and translation context, the source locale among them.
    """

    id: str
    version: str
    title: str
    summary: str
    development: bool
    license: str
    source_locale: str
    missing_labels: Mapping[Missing, str]
    intros: Mapping[WaveKind, str]
    formats: tuple[ResponseFormat, ...]
    stems: tuple[Stem, ...]
    items: tuple[Item, ...]
    scales: tuple[Scale, ...]
    pools: tuple[Pool, ...]
    forms: tuple[Form, ...]
    locales: Mapping[str, LocaleInfo]
    digests: Digests
    wordings: Mapping[str, Mapping[str, str]] = field(repr=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Instrument):
            return NotImplemented
        return (self.id, self.version, self.digests.whole) == (other.id, other.version, other.digests.whole)

    def __hash__(self) -> int:
        return hash((self.id, self.version, self.digests.whole))

    # Parts by their names

    @cached_property
    def _formats(self) -> Mapping[str, ResponseFormat]:
        return {part.id: part for part in self.formats}

    @cached_property
    def _stems(self) -> Mapping[str, Stem]:
        return {part.id: part for part in self.stems}

    @cached_property
    def _items(self) -> Mapping[str, Item]:
        return {part.id: part for part in self.items}

    @cached_property
    def _scales(self) -> Mapping[str, Scale]:
        return {part.id: part for part in self.scales}

    @cached_property
    def _pools(self) -> Mapping[str, Pool]:
        return {part.id: part for part in self.pools}

    @cached_property
    def _forms(self) -> Mapping[tuple[str, str], Form]:
        return {(form.wave, form.role): form for form in self.forms}

    def item(self, item_id: str) -> Item:
        """The item of this id; raises UnknownPartError."""
        return self._find("item", self._items, item_id)

    def scale(self, scale_id: str) -> Scale:
        """The scale of this id; raises UnknownPartError."""
        return self._find("scale", self._scales, scale_id)

    def pool(self, pool_id: str) -> Pool:
        """The pool of this id; raises UnknownPartError."""
        return self._find("pool", self._pools, pool_id)

    def response_format(self, format_id: str) -> ResponseFormat:
        """The response format of this id; raises UnknownPartError."""
        return self._find("format", self._formats, format_id)

    def format_of(self, item_id: str) -> ResponseFormat:
        """How this item is answered; raises UnknownPartError."""
        return self._formats[self.item(item_id).format]

    def _find(self, kind: str, parts: Mapping[str, Part], part_id: str) -> Part:
        """The named part, or the error that says there is none."""
        try:
            return parts[part_id]
        except (KeyError, TypeError):
            raise self._unknown(kind, part_id) from None

    def _unknown(self, kind: str, part_id: object) -> UnknownPartError:
        """The error for a part that this instrument does not have."""
        return UnknownPartError(
            f"unknown-{kind}",
            N_("%(instrument)s has no %(kind)s called “%(part)s”."),
            N_("Check the name against the instrument's codebook."),
            instrument=f"{self.id} {self.version}",
            kind=kind,
            part=str(part_id)[:80],
        )

    # Forms

    @property
    def waves(self) -> tuple[WaveKind, ...]:
        """The waves this instrument has, in the order they happen."""
        return tuple(wave for wave in WaveKind if wave in self.intros)

    def has_form(self, wave: str, role: str) -> bool:
        """Whether this role is asked anything in this wave."""
        return (wave, role) in self._forms

    def roles_asked(self, wave: str) -> tuple[Role, ...]:
        """The roles that are asked anything in this wave."""
        return tuple(role for role in Role if self.has_form(wave, role))

    def form(self, wave: str, role: str, picks: Picks | None = None) -> Form:
        """The form with its pools expanded by the organisation's picks (else the defaults) and long pages cut.

        Raises UnknownFormError if there is none, PicksError if the picks break a pool's rules.
        """
        if not self.has_form(wave, role):
            raise UnknownFormError(
                "unknown-form",
                N_("%(instrument)s asks nothing of the %(role)s in wave %(wave)s."),
                N_("Choose one of the waves: %(waves)s."),
                instrument=f"{self.id} {self.version}",
                role=str(role),
                wave=str(wave),
                waves=", ".join(self.waves),
            )
        for error in check_picks(self.pools, picks or {}):
            raise error
        return expand_form(self._forms[wave, role], self._pools, self._items, picks or {})

    def scales_scored(self, wave: str, role: str, picks: Picks | None = None) -> tuple[Scale, ...]:
        """The scales meant for this role of which this form asks every item; none when there is no such form."""
        if not self.has_form(wave, role):
            return ()
        asked = set(self.form(wave, role, picks).item_ids)
        return tuple(scale for scale in self.scales if role in scale.roles and asked.issuperset(scale.keys))

    # Wording

    def same_wording(self, item_id: str, role: str, wave_a: str, wave_b: str) -> bool:
        """Whether both waves put the item to this role in the same words, those of its stem included."""
        return self._wording_keys(item_id, role, wave_a) == self._wording_keys(item_id, role, wave_b)

    def _wording_keys(self, item_id: str, role: str, wave: str) -> tuple[str | None, str | None]:
        """Which wording of the item and of its stem this role sees in this wave."""
        item = self.item(item_id)
        stem = self._stems[item.stem] if item.stem else None
        return _text_key(item, role, wave), _text_key(stem, role, wave) if stem else None

    def comparable_waves(self, scale_id: str, role: str, picks: Picks | None = None) -> tuple[WaveKind, ...]:
        """The waves between which this role's scores of the scale may be compared, in order of time.

        Waves that score the scale are grouped by wording; the largest group is given, of equals the later one. The
        pulse is left out: it follows meetings, not the calendar.
        """
        scale = self.scale(scale_id)
        groups: dict[tuple[object, ...], list[WaveKind]] = {}
        for wave in _COMPARED_WAVES:
            if scale in self.scales_scored(wave, role, picks):
                wording = tuple(self._wording_keys(item_id, role, wave) for item_id in scale.keys)
                groups.setdefault(wording, []).append(wave)
        largest = max(groups.values(), key=_length_and_place, default=[])
        return tuple(largest)

    def text(self, item_id: str, role: str, wave: str, locale: str) -> str:
        """The question as this role reads it in this wave and language; `{P}` stands for the partner's first name."""
        item = self.item(item_id)
        return self._worded(item.id, item, role, wave, locale)

    def stem_text(self, item_id: str, role: str, wave: str, locale: str) -> str:
        """The opening of the question, or "" if it has none."""
        item = self.item(item_id)
        if item.stem is None:
            return ""
        return self._worded(f"stem.{item.stem}", self._stems[item.stem], role, wave, locale)

    def _worded(self, subject: str, part: Item | Stem, role: str, wave: str, locale: str) -> str:
        """The most specific wording of an item or stem."""
        key = _text_key(part, role, wave)
        if key is None:
            raise UnknownPartError(
                "unknown-wording",
                N_("“%(part)s” has no wording for the %(role)s in wave %(wave)s."),
                N_("Ask only what the form asks."),
                part=part.id,
                role=str(role),
                wave=str(wave),
            )
        return self._say(locale, make_context(subject, part.revision, "text", key))

    def option_label(self, format_id: str, code: int, locale: str) -> str:
        """The label of one option."""
        chosen = self.response_format(format_id)
        if type(code) is not int or code not in chosen.codes:
            raise UnknownPartError(
                "unknown-option",
                N_("The format “%(format)s” has no code %(code)s."),
                N_("Check the code against the instrument's codebook."),
                format=format_id,
                code=str(code)[:40] if type(code) is not int or abs(code) < 10**9 else "…",
            )
        return self._say(locale, make_context(f"format.{chosen.id}", chosen.revision, f"option.{code}"))

    def missing_label(self, missing: str, locale: str) -> str:
        """The words on the button for this kind of missing answer."""
        if missing not in list(Missing):
            raise self._unknown("missing", missing)
        return self._say(locale, make_context(f"missing.{missing}", 1, "label"))

    def scale_title(self, scale_id: str, locale: str) -> str:
        """The name of the scale."""
        return self._say(locale, make_context(f"scale.{self.scale(scale_id).id}", 1, "title"))

    def scale_description(self, scale_id: str, locale: str) -> str:
        """What the scale measures, in a sentence."""
        return self._say(locale, make_context(f"scale.{self.scale(scale_id).id}", 1, "description"))

    def title_in(self, locale: str) -> str:
        """The name of the questionnaire."""
        return self._say(locale, make_context("instrument", 1, "title"))

    def summary_in(self, locale: str) -> str:
        """What the questionnaire is for."""
        return self._say(locale, make_context("instrument", 1, "summary"))

    def intro(self, wave: str, locale: str) -> str:
        """What this wave is for, in a short sentence; "" for a wave this instrument does not have."""
        if wave not in self.intros:
            return ""
        return self._say(locale, make_context(f"wave.{wave}", 1, "intro"))

    def _say(self, locale: str, context: str) -> str:
        """One text in one language; never a fallback to another language."""
        try:
            return self.wordings[locale][context]
        except KeyError:
            raise _unknown_locale(self, locale) from None


def _text_key(part: Item | Stem, role: str, wave: str) -> str | None:
    """The key of the wording that this role reads in this wave, or None, also for a role or wave there is not."""
    if role not in list(Role) or wave not in list(WaveKind):
        return None
    return find_text_key(part.texts, Role(role), WaveKind(wave))


def _length_and_place(waves: Sequence[WaveKind]) -> tuple[int, int]:
    """How many waves there are and how late the last one is."""
    return len(waves), _COMPARED_WAVES.index(waves[-1])


def _unknown_locale(instrument: Instrument, locale: str) -> InstrumentError:
    """The error for a language that the instrument does not speak."""
    return UnknownLocaleError(
        "unknown-locale",
        N_("%(instrument)s is not available in “%(locale)s”."),
        N_("Choose one of: %(locales)s."),
        instrument=f"{instrument.id} {instrument.version}",
        locale=str(locale),
        locales=", ".join(instrument.locales),
    )


def shuffled_items(page: FormPage, instrument: Instrument, seed: str) -> tuple[str, ...]:
    """The items of the page in this seed's order: anchors and open questions keep their place.

    The other items change places only with items of the same stem and format. Same seed, same order.
    """
    items: dict[str, Item] = {item_id: instrument.item(item_id) for item_id in page.items}
    fixed = frozenset(
        item_id
        for item_id, item in items.items()
        if item.anchor or instrument.format_of(item_id).kind == "text"
    )
    return shuffle_page(page, items, fixed, seed)


def picks_problems(instrument: Instrument, picks: Mapping[str, Sequence[str]]) -> list[InstrumentError]:
    """Everything wrong with an organisation's picks, all at once; an empty list when they are good."""
    return list(check_picks(instrument.pools, picks))
