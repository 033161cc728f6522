"""All changes of a report judged together: the families they were declared in, adjusted p, and one word each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from instruments.errors import N_
from scoring.change_report.data import ChangeData
from scoring.change_report.roles import RoleSection
from scoring.change_report.scales import ScaleChangeSection
from scoring.equivalence import full_verdict
from scoring.errors import Note
from scoring.multiplicity import PRIMARY_SCALES, Claim, FamilyReport, JudgedClaim, judge_claims

_ALONE_DIFFER = N_(
    "All scores together would show this change, those who answered both times alone do not: where people leave because of how they feel, "
    "neither is enough by itself."
)
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
    roles = {
        claim_name(name, role.role): (role, data.scored[name].width, name)
        for name, section in sections.items()
        for role in section.roles.values()
        if role.change is not None
    }
    claims = [_claim(key, name, role, width) for key, (role, width, name) in roles.items()]
    families = judge_claims(claims, primary=chosen.primary, secondary=chosen.secondary)
    alone = judge_claims(
        [_claim_alone(claim, roles[claim.name][0]) for claim in claims],
        primary=chosen.primary,
        secondary=chosen.secondary,
    )
    agreed = [
        _agree(judged, other, roles[judged.claim.name][0], families.alpha)
        for judged, other in zip(families.claims, alone.claims, strict=True)
    ]
    families = replace(families, claims=tuple(agreed))
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


def _claim(key: str, scale: str, role: RoleSection, width: float) -> Claim:
    """A change as a claim, from all scores where they were used; an interval that rests on reference values claims nothing."""
    change, found = role.change, role.likelihood
    low, high = role.ends if role.tested else (None, None)
    p = None
    if found is not None:
        p = found.p
    elif change is not None:
        p = change.p_t
    return Claim(
        name=key,
        scale=scale,
        low=low,
        high=high,
        p=p,
        equivalence=role.equivalence,
        width=width,
    )


def _claim_alone(claim: Claim, role: RoleSection) -> Claim:
    """The same claim by those who answered both times alone."""
    change = role.change
    if change is None or change.interval_kind != "t":
        return replace(claim, low=None, high=None, p=None)
    return replace(claim, low=change.low, high=change.high, p=change.p_t)


def _agree(judged: JudgedClaim, alone: JudgedClaim, role: RoleSection, alpha: float) -> JudgedClaim:
    """A claim from all scores that those who answered both times bear out, or its lesser word.

    Where people leave because of how they feel now, all scores together are off by nearly `1 - r^2` of what was lost and completers by
    `1 - r`; where they leave because of how they felt before, completers are off the other way. Only what both show is called moved.
    """
    found, change = role.likelihood, role.change
    if judged.verdict != "moved" or found is None or change is None or change.mean is None:
        return judged
    same_side = found.estimate * change.mean > 0
    if same_side and alone.p_adjusted is not None and alone.p_adjusted <= alpha:
        return judged
    half = (found.high - found.low) / 2.0
    word = full_verdict(-half, half, judged.claim.equivalence, width=judged.claim.width)
    return replace(judged, verdict=word, notes=(*judged.notes, Note("changes.alone_differ", _ALONE_DIFFER)))


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
