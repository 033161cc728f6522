"""Papers in the reader's own language: the questionnaire to be read with a pen, links as QR codes, and the certificate."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response

from instruments.model import Form, Instrument, Missing, WaveKind
from surveys.certificates import Certificate
from surveys.written_text import TURNING
from webapp.coordinate.words import PERSON
from webapp.documents import compile_template
from webapp.downloads import send_download
from webapp.i18n import format_date, get_locale, gettext, keep_together


@dataclass(frozen=True)
class LinkCard:
    """One person's card on a sheet of links."""

    name: str
    link: str


def print_questionnaire(
    instrument: Instrument,
    form: Form,
    wave: WaveKind,
    *,
    program: str,
    partner: str,
    link: str | None,
    today: dt.date,
) -> bytes:
    """Return a questionnaire in the present language as a PDF, with the person's own link as a QR code where it is known.

    Nobody collects the paper: it is for reading and for making up one's mind, and the person types the answers in.
    """
    locale = get_locale()
    pages = [
        [_print_item(instrument, form, wave, item_id, partner, locale) for item_id in page.items]
        for page in form.pages
    ]
    data = {
        "title": instrument.title_in(locale),
        "subtitle": isolate_name(program),
        "intro": instrument.intro(wave, locale),
        "promise": gettext("Confidential: nobody in your organisation can see your answers."),
        "how": gettext(
            "Mark your answers here at your own pace, then type them in through your own link. Give this paper to nobody, and destroy it afterwards."
        ),
        "page": gettext("Page"),
        "link": link or "",
        "code": draw_code(link) if link else "",
        "pages": pages,
    }
    return compile_template("questionnaire", data, today=today, locale=get_locale())


def print_cards(title: str, cards: Iterable[LinkCard], *, closes: str, today: dt.date) -> bytes:
    """Return a sheet of cards to cut out, one for each person, with the link as a QR code and in letters."""
    drawn = [
        {"name": isolate_name(card.name), "link": card.link, "code": draw_code(card.link)} for card in cards
    ]
    data = {
        "title": title,
        "warning": gettext(
            "Whoever has a link can answer in that person's place: cut the cards apart and hand each to its person only."
        ),
        "closes": closes,
        "cards": drawn,
    }
    return compile_template("cards", data, today=today, locale=get_locale())


def print_certificate(certificate: Certificate, *, today: dt.date) -> bytes:
    """Return a certificate of participation as a PDF in the present language."""
    span = format_date(certificate.ended_on)
    if certificate.started_on is not None:
        span = gettext(
            "%(start)s to %(end)s",
            start=format_date(certificate.started_on),
            end=format_date(certificate.ended_on),
        )
    data = {
        "title": gettext("Certificate of participation"),
        "name": isolate_name(certificate.name),
        "took_part": gettext("took part in a reverse-mentoring programme"),
        "rows": [
            [gettext("Programme"), isolate_name(certificate.program)],
            [gettext("Organisation"), isolate_name(certificate.organisation)],
            [gettext("Role"), gettext(PERSON[certificate.role])],
            [gettext("Time"), span],
        ],
        "note": gettext(
            "Issued on %(day)s. It says that the person took part, and nothing of what anybody answered.",
            day=format_date(today),
        ),
    }
    return compile_template("certificate", data, today=today, locale=get_locale())


def send_pdf(content: bytes, name: str) -> Response:
    """Return a PDF as a file of the given name."""
    return send_download(content, "application/pdf", name)


def draw_code(link: str) -> str:
    """Return a QR code as an SVG picture of its own."""
    # The participant's path does without it until somebody asks for paper.
    import segno

    picture: str = segno.make(link, error="m", micro=False).svg_inline(scale=4, border=2)
    return picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def isolate_name(name: str) -> str:
    """Return a name that disturbs nothing around it, whichever way it is written."""
    return keep_together("".join(sign for sign in name if sign not in TURNING))


def _print_item(
    instrument: Instrument, form: Form, wave: WaveKind, item_id: str, partner: str, locale: str
) -> dict[str, Any]:
    """Return one question with everything that can be ticked, or the lines for one's own words."""
    response = instrument.format_of(item_id)

    def named(text: str) -> str:
        return text.replace("{P}", isolate_name(partner))

    return {
        "stem": named(instrument.stem_text(item_id, form.role, wave, locale)),
        "text": named(instrument.text(item_id, form.role, wave, locale)),
        "options": [instrument.option_label(response.id, option.code, locale) for option in response.options],
        "others": []
        if response.kind == "text"
        else [instrument.missing_label(missing, locale) for missing in Missing],
    }
