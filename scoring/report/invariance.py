"""What a report says of measurement invariance: over groups, over waves, and over the two roles of a pair."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pandas as pd

from instruments.errors import N_
from scoring.errors import Note
from scoring.frames import WAVES
from scoring.report.data import ReportData, attempt
from scoring.report.models import find_factors
from scoring.sem.invariance import InvarianceReport, group_invariance, role_invariance, wave_invariance

CONTINUOUS: Final = "continuous"
ORDINAL: Final = "ordinal"
# As many simulated data sets tell what a change of fit is when nothing differs.
REFERENCES: Final = 200
# Names of columns that no file can have, because headers are trimmed.
_PERSON: Final = " person"

_NO_MODEL: Final = N_("There is no model over all scales, so nothing is compared.")
_REPEATED: Final = N_(
    "Persons or pairs stand in several rows, so the test of groups allows for their dependence."
)
_MIRRORED: Final = N_(
    "The two roles answer different questions there, so roles are not compared in: %(scales)s."
)
_ONE_WAVE: Final = N_("Roles are compared in each wave by itself, waves over both roles together.")


@dataclass(frozen=True)
class InvarianceSection:
    """Invariance over whatever the columns name.

    Attributes
    ----------
    groups, waves : mapping "continuous" or "ordinal" -> InvarianceReport
        Empty where no column names any.
    roles : mapping wave and kind, such as "T2 ordinal" -> InvarianceReport
        One dyadic model in each wave; the wave is left out where no column names it.
    notes : tuple of Note
    """

    groups: Mapping[str, InvarianceReport]
    waves: Mapping[str, InvarianceReport]
    roles: Mapping[str, InvarianceReport]
    notes: tuple[Note, ...]


def compare_measurement(data: ReportData) -> InvarianceSection | None:
    """Return invariance over groups, waves and roles; None where no column names any."""
    options = data.options
    if options.group is None and options.wave is None and options.role is None:
        return None
    factors, _ = find_factors(data)
    if not factors:
        return InvarianceSection({}, {}, {}, (Note("report.no_model", _NO_MODEL),))
    notes: list[Note] = []
    groups: dict[str, InvarianceReport] = {}
    waves: dict[str, InvarianceReport] = {}
    if options.group is not None:
        groups = _in_both_ways(data, "Invariance over groups", partial(_compare_groups, data, factors), notes)
        if data.clusters is not None:
            notes.append(Note("report.repeated_rows", _REPEATED))
    if options.wave is not None:
        waves = _in_both_ways(data, "Invariance over waves", partial(_compare_waves, data, factors), notes)
    roles = _compare_roles(data, factors, notes) if options.role is not None else {}
    return InvarianceSection(groups, waves, roles, tuple(notes))


def _in_both_ways(
    data: ReportData, what: str, work: Callable[..., InvarianceReport], notes: list[Note]
) -> dict[str, InvarianceReport]:
    """One comparison with items as numbers and, where they are, as ordered categories."""
    found = {}
    kinds = {
        CONTINUOUS: data.options.estimator != "WLSMV",
        ORDINAL: data.is_ordinal() and data.options.estimator in {None, "WLSMV"},
    }
    for kind, wanted in kinds.items():
        if wanted:
            report = attempt(notes, f"{what} ({kind})", partial(work, ordinal=kind == ORDINAL))
            if report is not None:
                found[kind] = report
    return found


def _how(data: ReportData, ordinal: bool) -> dict[str, Any]:
    """Options that all comparisons share."""
    options = data.options
    missing = options.missing or ("fiml" if data.incomplete else "listwise")
    estimator = None if options.estimator in {None, "WLSMV"} else options.estimator
    return {
        "ordinal": ordinal,
        "missing": "listwise" if ordinal else missing,
        "estimator": estimator,
        "seed": options.seed,
        "n_draws": min(options.cutoffs, REFERENCES),
    }


def _compare_groups(
    data: ReportData, factors: Mapping[str, tuple[str, ...]], *, ordinal: bool
) -> InvarianceReport:
    """Groups of one table."""
    groups = data.table.frame[data.options.group]
    return group_invariance(data.bank, factors, groups, clusters=data.clusters, **_how(data, ordinal))


def _compare_waves(
    data: ReportData, factors: Mapping[str, tuple[str, ...]], *, ordinal: bool
) -> InvarianceReport:
    """Waves of the same persons, as one longitudinal model."""
    options = data.options
    frame = pd.concat([data.bank, data.table.frame[list(options.columns)]], axis=1)
    frame[_PERSON] = data.persons
    # Where persons are told by their pair alone, a pair is one unit already.
    pair = options.pair if options.pair is not None and (options.role or options.person) else None
    return wave_invariance(
        frame, factors, person=_PERSON, wave=str(options.wave), order=order_waves(frame[options.wave].unique()),
        pair=pair, **_how(data, ordinal),
    )  # fmt: skip


def _compare_roles(
    data: ReportData, factors: Mapping[str, tuple[str, ...]], notes: list[Note]
) -> dict[str, InvarianceReport]:
    """The two sides of the pairs, as one dyadic model, in each wave."""
    options, found = data.options, {}
    mirrored = [scale.name for scale in data.joint.scales if not scale.same_wording and scale.name in factors]
    if mirrored:
        notes.append(Note("report.mirrored", _MIRRORED, {"scales": ", ".join(mirrored)}))
        factors = {name: items for name, items in factors.items() if name not in mirrored}
    if not factors:
        return {}
    frame = pd.concat([data.bank, data.table.frame[list(options.columns)]], axis=1)
    parts = {"": frame}
    if options.wave is not None:
        notes.append(Note("report.each_wave", _ONE_WAVE))
        parts = {
            wave: frame[frame[options.wave] == wave] for wave in order_waves(frame[options.wave].unique())
        }
    for wave, rows in parts.items():

        def work(*, ordinal: bool, rows: pd.DataFrame = rows) -> InvarianceReport:
            return role_invariance(
                rows, factors, pair=str(options.pair), role=str(options.role), **_how(data, ordinal)
            )

        where = f" in {wave}" if wave else ""
        for kind, report in _in_both_ways(data, f"Invariance over roles{where}", work, notes).items():
            found[f"{wave} {kind}".strip()] = report
    return found


def order_waves(labels: Iterable[str]) -> list[str]:
    """Return waves in their order: that of an instrument's waves, of numbers, otherwise of the alphabet."""
    names = sorted(set(labels))
    if set(names) <= set(WAVES):
        return sorted(names, key=WAVES.index)
    try:
        return sorted(names, key=float)
    except ValueError:
        return names
