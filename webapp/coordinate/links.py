"""Personal links: issued once as a file for the coordinator's own mail merge, replaced one by one when lost.

Only hashes of links are kept, so a link that was not written down has to be replaced. Whether one was used is known nowhere here.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from flask import abort, current_app, make_response, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload
from werkzeug.wrappers import Response

from instruments.model import Role
from surveys import invitations, languages, outbox
from surveys.invitations import IssuedInvitation
from surveys.models import Invitation, Pair, Participant, Wave
from surveys.waves import form_of, instrument_of, wave_state
from webapp import papers
from webapp.access import current_user
from webapp.coordinate.cohorts import read_done, send_csv
from webapp.coordinate.figures import choose_locale_of
from webapp.coordinate.finding import check_key, load_wave
from webapp.coordinate.words import KINDS, PERSON
from webapp.database import db, instrument_folders, now
from webapp.i18n import force_locale, format_datetime, locales_among
from webapp.i18n import gettext as _
from webapp.personal_links import make_token

COLUMNS = ("name", "email", "language", "link", "role", "partner")
# A spreadsheet takes a cell that begins like this for a formula and would run it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class LinkHolder:
    """A person who was sent a link about one pair."""

    invitation_id: str
    name: str | None
    role: Role
    partner: str | None


def list_people(slug: str, wave_id: str) -> str:
    """List everybody who was ever issued a link to this wave, so that a lost one can be replaced."""
    wave = load_wave(slug, wave_id)
    return render_template(
        "coordinate/links.html",
        program=wave.cohort.program,
        cohort=wave.cohort,
        wave=wave,
        words=KINDS[wave.kind],
        state=wave_state(wave, now()).value,
        people=list_holders(db(), wave),
        done=read_done(),
        roles=PERSON,
    )


def issue_links(slug: str, wave_id: str) -> Response:
    """Issue links to everybody who has none yet, and give them out as a file, once."""
    wave = load_wave(slug, wave_id)
    issued = invitations.issue_invitations(
        db(), wave, now=now(), folders=instrument_folders(), actor=current_user(), make_token=make_token
    )
    if not issued:
        address = url_for("coordinate.show_wave", slug=slug, wave_id=wave.id, done="nobody_new")
        return redirect(address, 303)
    if sends_mail():
        outbox.plan_reminders(db(), issued, now=now())
    name = f"links-{wave.cohort.program.slug}-{wave.kind.value}"
    if request.form.get("as") == "cards":
        return papers.send_pdf(_print_cards(wave, issued), f"{name}.pdf")
    return send_csv(_write_rows(wave, issued), f"{name}.csv")


def print_paper(slug: str, wave_id: str) -> Response:
    """Send the questionnaire of one role in one language, the reader's own unless another is asked for, without any name or link."""
    wave = load_wave(slug, wave_id)
    instrument = instrument_of(wave, folders=instrument_folders())
    (first, *_others) = instrument.roles_asked(wave.kind)
    role, locale = request.args.get("role", first.value), request.args.get("in", choose_locale_of(instrument))
    if not instrument.has_form(wave.kind, role) or locale not in locales_among(
        languages.offered_locales(wave, instrument)
    ):
        abort(404)
    with force_locale(locale):
        paper = papers.print_questionnaire(
            instrument,
            form_of(wave, role, instrument),
            wave.kind,
            program=wave.cohort.program.name,
            partner=_("your partner"),
            link=None,
            today=now().date(),
        )
    return papers.send_pdf(paper, f"questionnaire-{role}-{locale}.pdf")


def invite_by_mail(slug: str, wave_id: str) -> Response:
    """Invite everybody who has no link yet by mail, at once or as soon as the wave opens; no link is shown to anybody."""
    wave = load_wave(slug, wave_id)
    if not sends_mail():
        abort(404)
    n_mails = outbox.invite_by_mail(
        db(),
        wave,
        now=now(),
        make_token=make_token,
        folders=instrument_folders(),
        actor=current_user(),
    )
    done = "mailing" if n_mails or wave.invites_by_mail else "nobody_new"
    return redirect(url_for("coordinate.show_wave", slug=slug, wave_id=wave.id, done=done), 303)


def sends_mail() -> bool:
    """Return whether this deployment has a mail server."""
    return current_app.config["SMTP"] is not None


def replace_link(slug: str, wave_id: str, invitation_id: str) -> Response:
    """Give one person a new link; the old one stops working, and what they saved stays."""
    wave = load_wave(slug, wave_id)
    invitation = db().get(Invitation, check_key(invitation_id))
    if invitation is None or invitation.wave_id != wave.id:
        abort(404)
    issued = invitations.reissue_invitation(
        db(), invitation, now=now(), actor=current_user(), make_token=make_token
    )
    page = render_template(
        "coordinate/link.html",
        program=wave.cohort.program,
        cohort=wave.cohort,
        wave=wave,
        words=KINDS[wave.kind],
        contact=issued.invitation.participant.contact,
        link=_make_link(issued),
    )
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


def count_links(session: Session, wave: Wave) -> int:
    """Return how many people were issued links, one for each pair; replaced ones count once."""
    asked = (
        select(Invitation.pair_id, Invitation.participant_id).where(Invitation.wave_id == wave.id).distinct()
    )
    return session.scalar(select(func.count()).select_from(asked.subquery())) or 0


def list_holders(session: Session, wave: Wave) -> list[LinkHolder]:
    """Return everybody with a link, by name. Replaced and withdrawn links are not told apart from others."""
    found = session.scalars(
        select(Invitation)
        .where(Invitation.wave_id == wave.id)
        .order_by(Invitation.issued_at)
        .options(
            joinedload(Invitation.participant).joinedload(Participant.contact),
            joinedload(Invitation.pair).joinedload(Pair.mentor).joinedload(Participant.contact),
            joinedload(Invitation.pair).joinedload(Pair.mentee).joinedload(Participant.contact),
        )
    )
    newest = {(invitation.pair_id, invitation.participant_id): invitation for invitation in found}
    holders = [
        LinkHolder(
            invitation.id,
            invitation.participant.name,
            Role(invitation.participant.role),
            invitation.pair.partner_of(invitation.participant_id).name,
        )
        for invitation in newest.values()
    ]
    return sorted(holders, key=lambda holder: ((holder.name or "").casefold(), holder.partner or ""))


def _write_rows(wave: Wave, issued: Iterable[IssuedInvitation]) -> str:
    """Return the file's text, a row a link, by name."""
    rows: list[tuple[str, ...]] = []
    for one in issued:
        person = one.invitation.participant
        contact = person.contact
        if contact is None:
            continue
        locale = contact.locale or wave.cohort.program.default_locale
        partner = one.invitation.pair.partner_of(one.invitation.participant_id).name or ""
        cells = (contact.name, contact.email, locale, _make_link(one), Role(person.role).value, partner)
        rows.append(tuple(disarm_cell(cell) for cell in cells))
    rows.sort(key=lambda row: row[0].casefold())
    text = io.StringIO()
    csv.writer(text).writerows((COLUMNS, *rows))
    return text.getvalue()


def _print_cards(wave: Wave, issued: Iterable[IssuedInvitation]) -> bytes:
    """Return the sheet of cards, a card a link, by name."""
    cards = [
        papers.LinkCard(one.invitation.participant.name, _make_link(one))
        for one in issued
        if one.invitation.participant.name is not None
    ]
    cards.sort(key=lambda card: card.name.casefold())
    closes = _("Open until %(moment)s", moment=format_datetime(wave.closes_at))
    title = f"{_(KINDS[wave.kind].name)} · {wave.cohort.name}"
    return papers.print_cards(title, cards, closes=closes, today=now().date())


def _make_link(issued: IssuedInvitation) -> str:
    """Return the whole address that opens a person's questionnaire."""
    return url_for("participate.show_welcome", token=issued.token, _external=True)


def disarm_cell(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; people's names come from files that others wrote."""
    begins = unicodedata.normalize("NFKC", cell).lstrip().startswith(FORMULA_STARTS)
    return f"'{cell}" if begins or cell.startswith(FORMULA_STARTS) else cell
