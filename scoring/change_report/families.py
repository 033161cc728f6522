"""All changes of a report judged together: the families they were declared in, adjusted p, and one word each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from scoring.change_report.data import ChangeData
from scoring.change_report.roles import RoleSection
from scoring.change_report.scales import ScaleChangeSection
from scoring.multiplicity import PRIMARY_SCALES, Claim, FamilyReport, judge_claims

# Instruments write the plan's PW-V with an underscore.
_DECLARED: Final = frozenset({*PRIMARY_SCALES, *(name.replace("-", "_") for name in PRIMARY_SCALES)})


@dataclass(frozen=True)
class Families:
    """The scales of each family.

    Attributes
    ----------
    primary, secondary : tuple of str
    """

    primary: tuple[str, ...]
    secondary: tuple[str, ...]


def choose_families(data: ChangeData) -> Families:
    """Return what the options declare; otherwise safety and candour, or the first scale, and all others beside them."""
    options, names = data.options, data.scales.names
    primary = options.primary
    if primary is None:
        primary = tuple(name for name in names if name in _DECLARED and name not in (options.secondary or ()))
    if options.primary is None and not primary:
        primary = tuple(name for name in names if name not in (options.secondary or ()))[:1]
    secondary = options.secondary
    if secondary is None:
        secondary = tuple(name for name in names if name not in primary)
    return Families(primary, secondary)


def judge_report(
    data: ChangeData, sections: Mapping[str, ScaleChangeSection]
) -> tuple[Mapping[str, ScaleChangeSection], FamilyReport]:
    """Return the scales with the word of each change, and the families."""
    chosen = choose_families(data)
    claims = [
        _claim(name, role, data.scored[name].width)
        for name, section in sections.items()
        for role in section.roles.values()
        if role.change is not None
    ]
    families = judge_claims(claims, primary=chosen.primary, secondary=chosen.secondary)
    judged = {
        name: replace(
            section, roles={key: _judge(name, role, families) for key, role in section.roles.items()}
        )
        for name, section in sections.items()
    }
    return judged, families


def claim_name(scale: str, role: str) -> str:
    """What a change is called among all."""
    return f"{scale} {role}"


def _claim(scale: str, role: RoleSection, width: float) -> Claim:
    """A change as a claim, from all scores where they were used; an interval that rests on reference values claims nothing."""
    change, found = role.change, role.likelihood
    low, high = role.ends if role.tested else (None, None)
    p = None
    if found is not None:
        p = found.p
    elif change is not None:
        p = change.p_t
    return Claim(
        name=claim_name(scale, role.role),
        scale=scale,
        low=low,
        high=high,
        p=p,
        equivalence=role.equivalence,
        width=width,
    )


def _judge(scale: str, role: RoleSection, families: FamilyReport) -> RoleSection:
    """One role with its word; without a t interval the word is that of the change itself."""
    if role.change is None:
        return role
    judged = families.find(claim_name(scale, role.role))
    verdict = judged.verdict if role.tested else role.change.verdict
    return replace(
        role,
        family=judged.family,
        p_adjusted=judged.p_adjusted,
        verdict=verdict,
        notes=(*role.notes, *judged.notes),
    )
