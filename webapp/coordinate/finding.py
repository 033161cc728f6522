"""From the parts of an address to the objects of the user's own programmes; everything else answers 404."""

import re

from flask import abort

from surveys import programs
from surveys.models import Cohort, MembershipRole, Program, Wave
from webapp.access import get_program
from webapp.database import db


def load_program(slug: str) -> Program:
    """Return a programme that the user coordinates."""
    return get_program(slug, MembershipRole.COORDINATOR)


def check_key(key: str) -> str:
    """Return a key as it can stand in the database; anything else is 404 before it gets there."""
    if not re.fullmatch(r"[0-9a-f]{32}", key):
        abort(404)
    return key


def load_cohort(slug: str, cohort_id: str) -> Cohort:
    """Return a cohort of a programme that the user coordinates."""
    return programs.get_cohort(db(), load_program(slug), check_key(cohort_id))


def load_wave(slug: str, wave_id: str) -> Wave:
    """Return a wave of a programme that the user coordinates."""
    return find_wave(load_program(slug), wave_id)


def find_wave(program: Program, wave_id: str) -> Wave:
    """Return a wave of a programme, whoever looks for it."""
    wave = db().get(Wave, check_key(wave_id))
    if wave is None or wave.cohort.program_id != program.id:
        abort(404)
    return wave
