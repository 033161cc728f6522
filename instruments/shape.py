"""The shape of instrument.toml: which keys there are and of which type; every misfit is reported, what fits is kept."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from instruments.errors import DefinitionProblem
from instruments.parts import (
    Form,
    FormPage,
    FrozenMap,
    Item,
    Missing,
    Pool,
    ResponseFormat,
    ResponseOption,
    Role,
    Scale,
    Stem,
    WaveKind,
)
from instruments.shape_errors import PROVENANCE_REMEDY, tell_misfits

Raw = Mapping[str, Any]

SECTIONS = ("formats", "stems", "items", "pools", "scales", "forms")
BOTH_ROLES = (Role.MENTOR, Role.MENTEE)
# An item id becomes a form field and a column of a data file, which has these columns of its own.
_RESERVED_ITEM_IDS = {"respondent", "pair", "cohort", "role", "wave", "locale", "csrf_token", "lang"}

WaveName = Literal["T0", "TC", "T2", "T3a", "T3b", "T4", "PL"]
RoleName = Literal["mentor", "mentee"]


def _fits(pattern: str, code: str, what: str, remedy: str) -> AfterValidator:
    """A validator that wants the whole text to match."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise PydanticCustomError(
                code, f"“{{value}}” is not {what}", {"value": value[:60], "remedy": remedy}
            )
        return value

    return AfterValidator(check)


def _not_reserved(value: str) -> str:
    """Refuse an item id that a data file uses for something else."""
    if value.lower() in _RESERVED_ITEM_IDS:
        remedy = "Give the item another id."
        raise PydanticCustomError(
            "reserved-id", "“{value}” is a column of every data file", {"value": value, "remedy": remedy}
        )
    return value


def _said(value: str) -> str:
    """Refuse a sentence that consists of blanks."""
    if not value.strip():
        raise PydanticCustomError("missing-key", "nothing is said here", {"remedy": PROVENANCE_REMEDY})
    return value


def _sign(value: int) -> int:
    """Accept the keys +1 and -1 only; `true` is not a key."""
    if type(value) is not int or value not in (1, -1):
        raise PydanticCustomError(
            "bad-key",
            "{value} is not a key",
            {"value": str(value)[:40], "remedy": "Write 1, or -1 for a reversed item."},
        )
    return value


_PART_ID = r"[A-Za-z][A-Za-z0-9_-]{0,39}"
PartId = Annotated[
    str, _fits(_PART_ID, "bad-id", "an id", "Use letters, digits, - and _, beginning with a letter.")
]
ItemId = Annotated[
    str,
    _fits(
        r"[A-Za-z][A-Za-z0-9_]{0,31}",
        "bad-id",
        "an item id",
        "Use up to 32 letters, digits and _, beginning with a letter.",
    ),
    AfterValidator(_not_reserved),
]
PageEntry = Annotated[
    str, _fits(rf"@?{_PART_ID}", "bad-id", "an item or @pool", "Write an item's id, or @ and a pool's id.")
]
InstrumentId = Annotated[
    str,
    _fits(
        r"[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "bad-id",
        "an instrument id",
        "Use lower-case words joined by hyphens.",
    ),
]
Version = Annotated[
    str,
    _fits(
        r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}",
        "bad-version",
        "a version",
        "Write three numbers, as in 1.0.2, without leading zeros.",
    ),
]
TextKey = Annotated[
    str,
    _fits(
        r"(both|mentor|mentee)(:(T0|TC|T2|T3a|T3b|T4|PL))?",
        "bad-text-key",
        "a wording key",
        'Write both, mentor or mentee, optionally followed by : and a wave, as in "mentor:T0".',
    ),
]
Sign = Annotated[int, AfterValidator(_sign)]
Words = Annotated[str, Field(min_length=1, max_length=2000)]
Revision = Annotated[int, Field(ge=1, le=9999)]


class _Shape(BaseModel):
    """Strict types, no unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Revised(_Shape):
    """A part whose words carry a revision and, if a rewording left the meaning alone, since when it means the same."""

    revision: Revision = 1
    same_meaning_since: Revision | None = None

    @property
    def meaning(self) -> int:
        """The earliest revision that means the same as this one."""
        return self.revision if self.same_meaning_since is None else self.same_meaning_since


class OptionShape(_Shape):
    """One option of a format."""

    code: Annotated[int, Field(ge=-999, le=999)]
    label: Words


class FormatShape(_Revised):
    """A response format."""

    id: PartId
    kind: Literal["rating", "choice", "text"]
    options: list[OptionShape] = []
    maximum_length: Annotated[int, Field(ge=1, le=10_000)] | None = None

    def make(self) -> list[ResponseFormat]:
        """The frozen part."""
        options = tuple(ResponseOption(o.code, o.label) for o in self.options)
        return [ResponseFormat(self.id, self.kind, options, self.maximum_length, self.revision, self.meaning)]


class StemShape(_Revised):
    """A stem."""

    id: PartId
    texts: Annotated[dict[TextKey, Words], Field(min_length=1)]
    note: str = ""

    def make(self) -> list[Stem]:
        """The frozen part."""
        return [Stem(self.id, FrozenMap(self.texts), self.revision, self.meaning, self.note)]


class ItemShape(_Revised):
    """An item."""

    id: ItemId
    format: PartId
    texts: Annotated[dict[TextKey, Words], Field(min_length=1)]
    provenance: Annotated[str, AfterValidator(_said)]
    stem: PartId | None = None
    anchor: bool = False
    sensitive: bool = False
    note: str = ""

    def make(self) -> list[Item]:
        """The frozen part."""
        item = Item(
            id=self.id,
            format=self.format,
            texts=FrozenMap(self.texts),
            provenance=self.provenance,
            stem=self.stem,
            anchor=self.anchor,
            sensitive=self.sensitive,
            revision=self.revision,
            same_meaning_since=self.meaning,
            note=self.note,
        )
        return [item]


class PoolShape(_Shape):
    """A pool; one that mirrors another needs only its items."""

    id: PartId
    items: Annotated[list[ItemId], Field(min_length=1)]
    minimum: Annotated[int, Field(ge=0)] | None = None
    maximum: Annotated[int, Field(ge=1)] | None = None
    default: dict[Literal["both", "mentor", "mentee"], list[ItemId]] = {}
    mirrors: PartId | None = None

    def make(self) -> list[Pool]:
        """The frozen part; `both` in the default stands for either role."""
        shared = self.default.get("both")
        given: dict[Role, list[str] | None] = {
            Role.MENTOR: self.default.get("mentor", shared),
            Role.MENTEE: self.default.get("mentee", shared),
        }
        default = FrozenMap({role: tuple(items) for role, items in given.items() if items is not None})
        maximum = len(self.items) if self.maximum is None else self.maximum
        return [Pool(self.id, self.minimum or 0, maximum, tuple(self.items), default, self.mirrors)]


class ScaleShape(_Shape):
    """A scale."""

    id: PartId
    title: Words
    description: Words
    keys: Annotated[dict[ItemId, Sign], Field(min_length=1)]
    wording: Literal["same", "mirrored", "single role"]
    direction: Literal["benefit", "problem", "neutral"]
    roles: Annotated[list[RoleName], Field(min_length=1, max_length=2)] = ["mentor", "mentee"]
    sensitive: bool = False
    primary: bool = False
    pool: PartId | None = None

    def make(self) -> list[Scale]:
        """The frozen part."""
        scale = Scale(
            id=self.id,
            title=self.title,
            description=self.description,
            keys=FrozenMap(self.keys),
            roles=tuple(role for role in BOTH_ROLES if role in self.roles),
            wording=self.wording,
            direction=self.direction,
            sensitive=self.sensitive,
            primary=self.primary,
            pool=self.pool,
        )
        return [scale]


class PageShape(_Shape):
    """A page of a form."""

    id: PartId
    items: Annotated[list[PageEntry], Field(min_length=1)]
    kind: Literal["confidential"] = "confidential"


class FormShape(_Shape):
    """A form; `both` stands for one form of each role."""

    wave: WaveName
    role: Literal["both", "mentor", "mentee"]
    pages: Annotated[list[PageShape], Field(min_length=1)]

    def make(self) -> list[Form]:
        """The frozen forms."""
        pages = tuple(FormPage(page.id, tuple(page.items), page.kind) for page in self.pages)
        return [Form(WaveKind(self.wave), role, pages) for role in BOTH_ROLES if self.role in ("both", role)]


class MissingShape(_Shape):
    """The labels of the two missing answers."""

    not_applicable: Words
    prefer_not: Words


class HeaderShape(_Shape):
    """Everything of the file that is not a list of parts."""

    id: InstrumentId
    version: Version
    title: Words
    summary: Words
    license: Words
    source_locale: Words
    missing: MissingShape
    waves: Annotated[dict[WaveName, Words], Field(min_length=1)]
    development: bool = False


_SHAPES: Mapping[str, type[FormatShape | StemShape | ItemShape | PoolShape | ScaleShape | FormShape]] = {
    "formats": FormatShape,
    "stems": StemShape,
    "items": ItemShape,
    "pools": PoolShape,
    "scales": ScaleShape,
    "forms": FormShape,
}


@dataclass(frozen=True)
class Draft:
    """What could be read of a definition; `complete` when its shape has no fault. `raw` is the file as it was parsed."""

    file: str
    complete: bool
    raw: Raw
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
    pools: tuple[Pool, ...]
    scales: tuple[Scale, ...]
    forms: tuple[Form, ...]


def read_draft(raw: Raw, file: str) -> tuple[Draft, list[DefinitionProblem]]:
    """The parts of a parsed definition that have the right shape, and a problem for each that has not."""
    header, problems = _read_header(raw, file)
    parts: dict[str, list[Any]] = {}
    for section in SECTIONS:
        parts[section] = []
        for path, element in labelled_elements(raw, section):
            shape = _SHAPES[section]
            try:
                parts[section].extend(shape.model_validate(element).make())
            except ValidationError as error:
                problems.extend(tell_misfits(error, file, path, element, _known_keys(shape)))
        problems.extend(_section_problems(raw, section, file))
    draft = Draft(
        file=file,
        complete=not problems,
        raw=raw,
        **header,
        formats=tuple(parts["formats"]),
        stems=tuple(parts["stems"]),
        items=tuple(parts["items"]),
        pools=tuple(parts["pools"]),
        scales=tuple(parts["scales"]),
        forms=tuple(parts["forms"]),
    )
    return draft, problems


def _known_keys(shape: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """The keys of a part and of the tables inside it; the header may also hold the sections."""
    inner: dict[str, type[BaseModel]] = {"options": OptionShape, "pages": PageShape, "missing": MissingShape}
    sections = SECTIONS if shape is HeaderShape else ()
    return {"": (*shape.model_fields, *sections)} | {
        key: tuple(part.model_fields) for key, part in inner.items()
    }


def labelled_elements(raw: Raw, section: str) -> Iterator[tuple[str, Any]]:
    """Each element of a section with the path by which problems name it: `items[PS1]`, or `items[#3]` without an id."""
    elements = raw.get(section)
    if not isinstance(elements, list):
        return
    for number, element in enumerate(elements, start=1):
        yield f"{section}[{_label(section, element) or f'#{number}'}]", element


def _label(section: str, element: object) -> str:
    """The id of an element, a form's wave and role, or "" if it has none."""
    if not isinstance(element, dict):
        return ""
    if section == "forms":
        wave, role = element.get("wave"), element.get("role")
        return f"{wave} {role}" if isinstance(wave, str) and isinstance(role, str) else ""
    part_id = element.get("id")
    return part_id if isinstance(part_id, str) else ""


def _section_problems(raw: Raw, section: str, file: str) -> list[DefinitionProblem]:
    """A section must be a list of tables; items and forms must be there."""
    if section in raw and not isinstance(raw[section], list):
        message = "this is not a list of tables"
        return [
            DefinitionProblem("wrong-type", file, section, message, f"Write [[{section}]] with two brackets.")
        ]
    if section in ("formats", "items", "forms") and not raw.get(section):
        message = f"the definition has no {section}"
        return [DefinitionProblem("missing-key", file, section, message, f"Add at least one [[{section}]].")]
    return []


def _read_header(raw: Raw, file: str) -> tuple[dict[str, Any], list[DefinitionProblem]]:
    """The header's values, blank where they do not fit, and what does not fit."""
    head = {key: value for key, value in raw.items() if key not in SECTIONS}
    problems: list[DefinitionProblem] = []
    try:
        HeaderShape.model_validate(head)
        misfits: set[object] = set()
    except ValidationError as error:
        problems = tell_misfits(error, file, "", head, _known_keys(HeaderShape))
        misfits = {details["loc"][0] for details in error.errors() if details["loc"]}
    fit = {key: value for key, value in head.items() if key not in misfits}
    texts = {
        key: fit.get(key, "") for key in ("id", "version", "title", "summary", "license", "source_locale")
    }
    missing = fit.get("missing", {})
    waves = {
        wave: intro
        for wave, intro in _table(raw, "waves").items()
        if wave in set(WaveKind) and isinstance(intro, str)
    }
    return {
        **texts,
        "development": fit.get("development", False),
        "missing_labels": FrozenMap({Missing(code): label for code, label in missing.items()}),
        "intros": FrozenMap({wave: waves[wave] for wave in WaveKind if wave in waves}),
    }, problems


def _table(raw: Raw, key: str) -> Raw:
    """The table under a key; empty if there is something else."""
    value = raw.get(key)
    return value if isinstance(value, dict) else {}
