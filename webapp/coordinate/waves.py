"""A wave: when it is scheduled, open or closed, how many have answered in steps of ten, and freezing its results."""

import datetime as dt

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from instruments.catalog import get_instrument, latest_version
from instruments.model import Instrument, Role, WaveKind
from surveys import languages, outbox, release_refusals
from surveys import waves as use_cases
from surveys.errors import LanguageError, WaveError
from surveys.models import Cohort, Program, Wave
from surveys.roles import DatabaseRole, acting_as
from webapp.access import current_user
from webapp.coordinate.cohorts import find_frozen, read_done
from webapp.coordinate.figures import describe_rate
from webapp.coordinate.finding import load_cohort, load_wave
from webapp.coordinate.forms import WaveForm, make_choices, put_error, zone_of_forms
from webapp.coordinate.links import count_links, sends_mail
from webapp.coordinate.refusals import read_agreed, show_refusal
from webapp.coordinate.themes import asks_for_words
from webapp.coordinate.words import KINDS, ROLES, STATES
from webapp.database import db, discard_changes, instrument_folders, now
from webapp.i18n import gettext as _
from webapp.i18n import interface_locales, locales_among

FIELD_OF_ERROR = {"no_forms": "kind", "duplicate": "kind", "window": "closes_at", "past": "closes_at"}
FALLBACK_INSTRUMENT = "core-battery"
FIELDWORK = dt.timedelta(days=10)


def schedule_wave(slug: str, cohort_id: str) -> str | Response | tuple[str, int]:
    """Plan a wave: choose its kind and its window."""
    cohort = load_cohort(slug, cohort_id)
    instrument = choose_instrument(cohort.program)
    form = WaveForm(**_propose_window())
    free = [kind for kind in instrument.waves if use_cases.find_wave(db(), cohort, kind) is None]
    form.kind.choices = make_choices([(kind.value, _(KINDS[kind].name)) for kind in free])
    if form.validate_on_submit():
        wave = _plan(cohort, form, instrument)
        if wave is not None:
            return redirect(_address_of(wave, "scheduled"), 303)
    page = render_template(
        "coordinate/wave_new.html",
        program=cohort.program,
        cohort=cohort,
        form=form,
        free=free,
        standings=[
            one
            for one in languages.standings(db(), cohort.program, instrument)
            if one.info.locale in interface_locales()
        ],
        kinds=KINDS,
        zone=str(zone_of_forms()),
        sends_mail=sends_mail(),
    )
    return (page, 400) if form.errors else page


def show_wave(slug: str, wave_id: str) -> str:
    """Show where a wave stands, with response rates by role and never by person."""
    wave = load_wave(slug, wave_id)
    state = use_cases.wave_state(wave, now())
    return render_template(
        "coordinate/wave.html",
        program=wave.cohort.program,
        cohort=wave.cohort,
        wave=wave,
        state=state.value,
        words=KINDS[wave.kind],
        released=use_cases.is_released(wave),
        frozen=wave.id in find_frozen(db(), wave.cohort.program),
        floor=use_cases.floor_of(wave),
        ends=use_cases.ended_at(wave),
        rates=_read_rates(wave, state),
        smallest=use_cases.SMALLEST_RATED_ROLE,
        n_links=count_links(db(), wave),
        papers=_list_papers(wave),
        sends_mail=sends_mail(),
        progress=outbox.mail_progress(db(), wave).value,
        bounced=outbox.bounced_names(db(), wave),
        asks_for_words=asks_for_words(wave),
        done=read_done(),
        roles=ROLES,
        states=STATES,
    )


def _list_papers(wave: Wave) -> list[tuple[str, str]]:
    """Return the role and language of every paper that can be printed."""
    instrument = use_cases.instrument_of(wave, folders=instrument_folders())
    locales = locales_among(languages.offered_locales(wave, instrument))
    return [(role.value, locale) for role in instrument.roles_asked(wave.kind) for locale in locales]


def open_wave(slug: str, wave_id: str) -> Response:
    """Open a scheduled wave now."""
    wave = load_wave(slug, wave_id)
    use_cases.open_wave(db(), wave, now=now(), actor=current_user())
    return redirect(_address_of(wave, "opened"), 303)


def close_wave(slug: str, wave_id: str) -> str | Response | tuple[str, int]:
    """Ask whether a wave shall be closed, and on a yes close it and freeze its one release, or say why it is blocked."""
    wave = load_wave(slug, wave_id)
    if request.method == "POST":
        agreed = read_agreed(wave)
        use_cases.close_wave(db(), wave, now=now(), actor=current_user())
        if not use_cases.is_released(wave):
            return redirect(_address_of(wave, "pulses_closed"), 303)
        actor = current_user()
        # What is frozen is computed from answers, which the coordinator's own role cannot read.
        with acting_as(db(), DatabaseRole.RELEASES):
            refusal = release_refusals.freeze_or_refuse(
                db(), wave, now=now(), folders=instrument_folders(), actor=actor, withhold=agreed
            )
        if refusal is not None:
            return show_refusal(wave, refusal, agreed)
        return redirect(url_for("coordinate.show_results", slug=slug, wave_id=wave.id, done="closed"), 303)
    return render_template(
        "coordinate/wave_close.html",
        program=wave.cohort.program,
        cohort=wave.cohort,
        wave=wave,
        state=use_cases.wave_state(wave, now()).value,
        words=KINDS[wave.kind],
        released=use_cases.is_released(wave),
        floor=use_cases.floor_of(wave),
    )


def _read_rates(wave: Wave, state: use_cases.WaveState) -> list[tuple[Role, int | None, str]]:
    """Return role, rate and its words while a wave is open; afterwards only the frozen release may say it, and of pulses nothing."""
    if state is not use_cases.WaveState.OPEN or not use_cases.is_released(wave):
        return []
    with acting_as(db(), DatabaseRole.RELEASES):
        rates = use_cases.response_rates(db(), wave, now=now())
    return [(rate.role, rate.percent, describe_rate(rate.percent, rate.bound)) for rate in rates]


def _plan(cohort: Cohort, form: WaveForm, instrument: Instrument) -> Wave | None:
    """Plan the wave as typed; a refusal goes beside its field."""
    try:
        wave = use_cases.schedule_wave(
            db(),
            cohort,
            WaveKind(form.kind.data),
            instrument,
            opens_at=form.opens_at.moment,
            closes_at=form.closes_at.moment,
            locales=languages.offered_next(db(), cohort.program, instrument, readable=interface_locales()),
            now=now(),
            actor=current_user(),
        )
    except (LanguageError, WaveError) as error:
        discard_changes()
        put_error(form, FIELD_OF_ERROR.get(error.code, "kind"), error)
        return None
    if form.by_mail.data and sends_mail():
        outbox.plan_mailing(db(), wave)
    return wave


def choose_instrument(program: Program) -> Instrument:
    """Return the programme's questionnaire, or the newest core battery where none was chosen."""
    folders = instrument_folders()
    identifier = program.instrument_id or FALLBACK_INSTRUMENT
    version = program.instrument_version or latest_version(identifier, folders=folders)
    return get_instrument(identifier, version, folders=folders)


def _propose_window() -> dict[str, dt.datetime]:
    """Return a window to start from: tomorrow morning, for as long as fieldwork usually takes."""
    local = now().astimezone(zone_of_forms())
    opens = (local + dt.timedelta(days=1)).replace(hour=8, minute=0, second=0, microsecond=0, tzinfo=None)
    return {"opens_at": opens, "closes_at": opens + FIELDWORK}


def _address_of(wave: Wave, done: str) -> str:
    """Return the address of a wave's page, with what was just done."""
    return url_for("coordinate.show_wave", slug=wave.cohort.program.slug, wave_id=wave.id, done=done)
