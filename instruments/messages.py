"""Every text of a definition with its translation context, its place in the file and a note for translators."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from instruments.parts import Item, Missing, ResponseFormat, Scale, Stem, WaveKind, make_context

_WAVE_MEANINGS: Mapping[WaveKind, str] = {
    WaveKind.T0: "before the first meeting",
    WaveKind.TC: "after the first two or three meetings",
    WaveKind.T2: "half-way through the programme",
    WaveKind.T3A: "just after the last meeting",
    WaveKind.T3B: "about a week after the last meeting",
    WaveKind.T4: "some months after the last meeting",
    WaveKind.PL: "after a single meeting",
}
_ROLE_MEANINGS = {
    "both": "both roles",
    "mentor": "the mentor, who is the junior of the two",
    "mentee": "the mentee, who is the senior of the two",
}


class Worded(Protocol):
    """Anything with the texts of a definition: a draft while it is checked, an instrument afterwards."""

    @property
    def title(self) -> str: ...  # noqa: D102 - the members mirror Instrument's
    @property
    def summary(self) -> str: ...  # noqa: D102
    @property
    def missing_labels(self) -> Mapping[Missing, str]: ...  # noqa: D102
    @property
    def intros(self) -> Mapping[WaveKind, str]: ...  # noqa: D102
    @property
    def formats(self) -> tuple[ResponseFormat, ...]: ...  # noqa: D102
    @property
    def stems(self) -> tuple[Stem, ...]: ...  # noqa: D102
    @property
    def items(self) -> tuple[Item, ...]: ...  # noqa: D102
    @property
    def scales(self) -> tuple[Scale, ...]: ...  # noqa: D102


@dataclass(frozen=True)
class SourceText:
    """One text to translate; `path` says where it stands, `names_partner` whether `{P}` may stand in it."""

    context: str
    text: str
    path: str
    comments: tuple[str, ...]
    names_partner: bool = False


def collect_texts(worded: Worded) -> Iterator[SourceText]:
    """Every text of the definition, in the order in which a translator should meet them."""
    yield SourceText(
        make_context("instrument", 1, "title"), worded.title, "title", ("Name of the questionnaire.",)
    )
    comment = "What the questionnaire is for, shown to coordinators."
    yield SourceText(make_context("instrument", 1, "summary"), worded.summary, "summary", (comment,))
    for missing, label in worded.missing_labels.items():
        comment = "Button beside every question; it is not a point of the scale."
        yield SourceText(
            make_context(f"missing.{missing}", 1, "label"), label, f"missing.{missing}", (comment,)
        )
    for wave, intro in worded.intros.items():
        comment = f"First sentence of the questionnaire that is answered {_WAVE_MEANINGS[wave]}."
        yield SourceText(make_context(f"wave.{wave}", 1, "intro"), intro, f"waves.{wave}", (comment,))
    for response_format in worded.formats:
        yield from _format_texts(response_format)
    for stem in worded.stems:
        yield from _stem_texts(stem)
    stems = {stem.id: stem for stem in worded.stems}
    for item in worded.items:
        yield from _item_texts(item, stems.get(item.stem or ""))
    for scale in worded.scales:
        yield from _scale_texts(scale)


def _format_texts(response_format: ResponseFormat) -> Iterator[SourceText]:
    """The labels of a format; a translator sees them all to keep their distances even."""
    labels = " | ".join(option.label for option in response_format.options)
    comments = (f"Answer option of the format “{response_format.id}”; all of it: {labels}",)
    for option in response_format.options:
        context = make_context(
            f"format.{response_format.id}", response_format.revision, f"option.{option.code}"
        )
        path = f"formats[{response_format.id}].options.{option.code}"
        yield SourceText(context, option.label, path, comments)


def _stem_texts(stem: Stem) -> Iterator[SourceText]:
    """The wordings of a stem."""
    for key, text in stem.texts.items():
        comments = ["Opening of a sentence that the questions below it complete.", *_key_comments(key, text)]
        comments += [stem.note] if stem.note else []
        context = make_context(f"stem.{stem.id}", stem.revision, "text", key)
        yield SourceText(context, text, f"stems[{stem.id}].texts.{key}", tuple(comments), names_partner=True)


def _item_texts(item: Item, stem: Stem | None) -> Iterator[SourceText]:
    """The wordings of an item, with the stem it follows."""
    for key, text in item.texts.items():
        comments = [f"Question, answered with the format “{item.format}”."]
        if stem is not None:
            opening = (
                stem.texts.get(key)
                or stem.texts.get(key.partition(":")[0])
                or next(iter(stem.texts.values()))
            )
            comments.append(f"Stands below: {opening}")
        comments += _key_comments(key, text)
        comments += [item.note] if item.note else []
        context = make_context(item.id, item.revision, "text", key)
        yield SourceText(context, text, f"items[{item.id}].texts.{key}", tuple(comments), names_partner=True)


def _scale_texts(scale: Scale) -> Iterator[SourceText]:
    """The name of a scale and what it measures, as reports show them."""
    subject = f"scale.{scale.id}"
    note = "Name of a result in reports; participants do not see it."
    yield SourceText(make_context(subject, 1, "title"), scale.title, f"scales[{scale.id}].title", (note,))
    note = "What the result means, in reports; participants do not see it."
    yield SourceText(
        make_context(subject, 1, "description"), scale.description, f"scales[{scale.id}].description", (note,)
    )


def _key_comments(key: str, text: str) -> list[str]:
    """Who reads this wording and when, and what {P} is."""
    role, _, wave = key.partition(":")
    when = f", {_WAVE_MEANINGS[WaveKind(wave)]}" if wave else ""
    comments = [f"Read by {_ROLE_MEANINGS[role]}{when}."]
    if "{P}" in text:
        comments.append(
            "{P} is replaced by the partner's first name; keep every {P}, also where grammar moves it."
        )
    return comments
