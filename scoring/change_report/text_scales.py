"""The part of a change report in text on scales: what moved in short, and each scale in turn."""

from collections.abc import Mapping

from scoring.anchors import AnchorComparison
from scoring.change_report.pairs import ResemblanceSection
from scoring.change_report.roles import RoleSection
from scoring.change_report.scales import PairSection, ScaleChangeSection
from scoring.change_report.text_words import SHORT, ends, people, signed, verdict_words
from scoring.dyads.actor_partner import ActorPartner
from scoring.group_change import GroupChange
from scoring.report.text_tables import (
    NOTHING,
    count,
    heading,
    interval,
    note_lines,
    number,
    p_value,
    paragraph,
    share,
    table,
)

KINDS = {"kenward-roger": "Kenward and Roger", "satterthwaite": "Satterthwaite", "t": "t"}
STRUCTURES = {
    "unstructured": "all variances and covariances of a pair's scores free",
    "occasions": "intercepts of pair, person, and pair at each wave",
    "intercepts": "intercepts of pair and person",
}


def summary_lines(scales: Mapping[str, ScaleChangeSection]) -> list[str]:
    """Every change of a role in one table, with its word."""
    names, rows = [], []
    for name, section in scales.items():
        for role in section.roles.values():
            change = role.change
            if change is None:
                continue
            names.append(f"{name}, {role.role}")
            rows.append(
                [
                    count(change.n_used), signed(role.mean), interval(*role.ends, signed), SHORT[role.verdict], p_value(role.p_adjusted),
                    number(change.g_av), number(role.power.detectable if role.power else None), role.family or NOTHING,
                ]
            )  # fmt: skip
    header = ["n", "change", "interval", "word", "p adj.", "g", "80 % power at", "family"]
    legend = (
        "n: people with both scores. change, interval, word: from 20 of them on from every score there is. moved: adjusted p of .05 or "
        "less, the nearer end of the interval at least .1 point (on a range of 1 to 5) from 0, and borne out by those who answered both "
        "times. equivalent: shown to be smaller than what matters, which it may be and still differ from 0. g: change of those with both "
        "scores in standard deviations. 80 % power at: the true change that 80 of 100 such studies would find."
    )
    return [*table(names, header, rows, "scale, role"), "", *(paragraph(legend) if names else [])]


def scale_lines(section: ScaleChangeSection, roles: tuple[str, str]) -> list[str]:
    """Everything on one scale."""
    lines = paragraph(f"{section.k_items} items, {section.minimum:g} to {section.maximum:g}.")
    if all(level.mean is None for role in section.roles.values() for level in role.levels.values()):
        return [*lines, *paragraph("Counts only, in the table above.")]
    lines += ["", *_level_lines(section)]
    for role in section.roles.values():
        lines += ["", *_role_lines(role)]
    lines += [*_step_lines(section), *_pair_lines(section.pairs, roles), *note_lines(section.notes)]
    lines += [*_model_lines(section.model), *_latent_lines(section)]
    lines += _resemblance_lines(section.resemblance, roles)
    for role in section.roles.values():
        lines += _item_lines(role)
    return lines


def _level_lines(section: ScaleChangeSection) -> list[str]:
    """The mean of each role at each wave."""
    names, rows, notes = [], [], []
    for role in section.roles.values():
        for wave, level in role.levels.items():
            names.append(f"{role.role}, {wave}")
            rows.append(
                [count(level.n_used), number(level.mean), interval(level.low, level.high, number), level.interval_kind]
            )  # fmt: skip
            notes += [note for note in level.notes if not note.code.startswith("gate.")]
    return [*table(names, ["n", "mean", "interval", "spread"], rows, "role, wave"), *note_lines(notes)]


def _role_lines(role: RoleSection) -> list[str]:
    """The change of one role in words."""
    change = role.change
    if change is None:
        return [
            *paragraph(f"{role.role}: scores at fewer than two waves, so no change."),
            *note_lines(role.notes),
        ]
    head = f"{role.role}, {role.first} to {role.last}: {people(change.n_used, role.role)} with both scores, {change.n_dropped} with one only."
    lines = paragraph(head)
    if role.mean is not None:
        said = f"Changed during the programme by {signed(role.mean)} points on average"
        low, high = role.ends
        if low is not None:
            rests = "" if role.tested else ", resting on reference values"
            said += f" ({change.confidence:.0%} interval {ends(low, high)}{rests})"
        lines += paragraph(f"{said}: {verdict_words(role.verdict, role.direction)}.")
    if role.likelihood is not None:
        found = role.likelihood
        lines += paragraph(
            f"From all scores of {people(found.n_used, role.role)}: t({number(found.df, 1)}) = {number(found.t)}, "
            f"p {p_value(found.p)}; {role.family} family, adjusted p {p_value(role.p_adjusted)}."
        )
    if change.t is not None:
        tests = f"t({change.df}) = {number(change.t)}, p {p_value(change.p_t)}; sign-flip p {p_value(change.p_sign_flip)}"
        tests += f"; g {number(change.g_av)} {interval(change.g_low, change.g_high, number)}"
        if role.likelihood is None:
            lines += paragraph(f"{tests}; {role.family} family, adjusted p {p_value(role.p_adjusted)}.")
        else:
            alone = f"{signed(change.mean)} {interval(change.low, change.high, signed)}"
            lines += paragraph(f"Those with both scores alone: {alone}, {tests}.")
    lines += _power_lines(role)
    bounds = role.bounds
    if bounds is not None and bounds.n_missing and bounds.worst is not None:
        lines += paragraph(
            f"Missing later of those who answered at first: {bounds.n_missing}; had they changed half a standard deviation less or more "
            f"than the others, the mean would be {ends(bounds.worst, bounds.best)}."
        )
    return [*lines, *note_lines([*change.notes, *role.notes])]


def _power_lines(role: RoleSection) -> list[str]:
    """What so many could have shown, and whether the change is too small to matter."""
    lines = []
    power, equivalence = role.power, role.equivalence
    if power is not None and power.detectable is not None:
        chance = (
            "" if power.power_at_smallest is None
            else f", one of {number(power.smallest)} points with {power.power_at_smallest:.0%}"
        )  # fmt: skip
        needed = "" if power.n_needed is None else f"; {power.n_needed} would be needed for the latter"
        lines += paragraph(
            f"So many show a change of {number(power.detectable)} points with a power of {power.power:.0%}{chance}{needed}."
        )
    if equivalence is not None and equivalence.p is not None:
        shown = "shown" if equivalence.equivalent else "not shown"
        inside = interval(equivalence.low, equivalence.high, signed)
        lines += paragraph(
            f"Too small to matter (within {number(equivalence.bound)} points): {shown}, 90% interval {inside}, p {p_value(equivalence.p)}."
        )
    return lines


def _step_lines(section: ScaleChangeSection) -> list[str]:
    """From wave to wave, without words."""
    names, rows = [], []
    for role in section.roles.values():
        for step in role.steps:
            change = step.change
            names.append(f"{role.role}, {step.first} to {step.last}")
            rows.append(
                [
                    count(change.n_used),
                    signed(change.mean),
                    interval(change.low, change.high, signed),
                    p_value(change.p_t),
                ]
            )
    if not names:
        return []
    return [
        *heading("From wave to wave (exploratory)", 2),
        *table(names, ["n", "change", "interval", "p"], rows, "role, waves"),
    ]


def _pair_lines(section: PairSection, roles: tuple[str, str]) -> list[str]:
    """Common change and change of the gap."""
    lines = heading("Pairs", 2)
    if section.first is not None:
        lines += paragraph(
            f"{section.n_pairs} pairs have both partners' scores at {section.first} and {section.last}."
        )
    if section.change is not None:
        rows = []
        for kind in ("common", "gap"):
            row = section.change.contrasts.loc[kind]
            rows.append(
                [
                    signed(row["estimate"]), interval(row["low"], row["high"], signed), number(row["t"]), number(row["df"], 0),
                    p_value(row["p"]), p_value(row["p_sign_flip"]),
                ]
            )  # fmt: skip
        names = ["common change", f"gap, {roles[0]} minus {roles[1]}"]
        lines += ["", *table(names, ["change", "interval", "t", "df", "p", "sign-flip p"], rows, "of pairs")]
        kept = [note for note in section.change.notes if note.code not in {"change.model", "change.research"}]
        lines += note_lines(kept)
    return [*lines, *note_lines(section.notes)]


def _model_lines(model: GroupChange | None) -> list[str]:
    """The mixed model."""
    if model is None:
        return []
    lines = heading("Role and wave in one model", 2)
    if model.method == "mixed model":
        kind, structure = KINDS[model.degrees_of_freedom], STRUCTURES[str(model.structure)]
        lines += paragraph(
            f"Mixed model of {model.n_used} complete pairs and {model.n_partial} with some scores missing; {structure}; "
            f"degrees of freedom after {kind}."
        )
        names = [str(name) for name in model.tests.index]
        rows = [
            [number(row["F"]), count(row["df_numerator"]), number(row["df"], 1), p_value(row["p"])]
            for _, row in model.tests.iterrows()
        ]
        if names:
            lines += ["", *table(names, ["F", "df", "df error", "p"], rows, "test")]
    names = [f"{wave}, {name}" for wave, name in model.contrasts.index]
    rows = [
        [
            signed(row["estimate"]), number(row["se"]), number(row["df"], 1), interval(row["low"], row["high"], signed),
            p_value(row["p"]),
        ]
        for _, row in model.contrasts.iterrows()
    ]  # fmt: skip
    lines += ["", *table(names, ["change", "se", "df", "interval", "p"], rows, "wave, contrast")]
    return [*lines, *note_lines(model.notes)]


def _latent_lines(section: ScaleChangeSection) -> list[str]:
    """The change free of measurement error."""
    names, rows, notes = [], [], []
    for role in section.roles.values():
        if role.latent is None:
            continue
        change, spread = (role.latent.parameters.loc[name] for name in ("mean_change", "variance_change"))
        names.append(f"{role.role}, of {role.latent.kind}")
        rows.append(
            [
                count(role.latent.n_used), signed(change["estimate"]), interval(change["low"], change["high"], signed),
                number(max(spread["estimate"], 0.0) ** 0.5), share(role.latent.correlation), number(role.latent.standardized),
            ]
        )  # fmt: skip
        # Fit is not printed here, so neither is what the model's own notes say of it.
        notes += note_lines([n for n in role.latent.notes if n.code.startswith("latent.")], about=role.role)
    if not names:
        return []
    header = ["n", "change", "interval", "SD of change", "r with start", "in SD of start"]
    return [
        *heading("Change free of measurement error (researchers only)", 2),
        *table(names, header, rows, "role, model"),
        *notes,
    ]


def _resemblance_lines(section: ResemblanceSection | None, roles: tuple[str, str]) -> list[str]:
    """Correlations, agreement and influence of partners."""
    if section is None or not (section.levels or section.change):
        return []
    found = {f"scores at {wave}": part for wave, part in section.levels.items()}
    if section.change is not None:
        found["changes"] = section.change
    rows = [
        [count(part.n_used), share(part.r), interval(part.low, part.high), p_value(part.p)]
        for part in found.values()
    ]
    lines = [
        *heading("The two partners beside each other", 2),
        *table(list(found), ["pairs", "r", "interval", "p"], rows, "correlation of"),
    ]
    for wave, gap in section.agreement.items():
        if gap.limits is None:
            continue
        lines += [
            "",
            *paragraph(
                f"{roles[0]} minus {roles[1]} at {wave}: {signed(gap.mean)} {interval(gap.low, gap.high, signed)}; "
                f"95 % of pairs lie between {signed(gap.limits[0])} and {signed(gap.limits[1])} (limits of agreement)."
            ),
        ]
    notes = [note for part in found.values() for note in part.notes]
    notes += [note for part in section.agreement.values() for note in part.notes]
    lines += note_lines(notes)
    lines += _influence_lines(section.influence, roles)
    for role, part in section.several.items():
        partner = roles[1] if role == roles[0] else roles[0]
        if part.mean is not None:
            lines += [
                "",
                *paragraph(
                    f"{role}s are in several pairs: {part.n_several} of {part.n_mentors}. Change of {partner}, the {part.unit} as unit: {signed(part.mean)} {interval(part.low, part.high, signed)}; share of the {role}s in its variance {share(part.icc)}."
                ),
            ]
        lines += note_lines(part.notes)
    return [*lines, *note_lines(section.notes)]


def _influence_lines(model: ActorPartner | None, roles: tuple[str, str]) -> list[str]:
    """Actor and partner effects over time."""
    if model is None or not len(model.effects):
        return []
    shown = model.effects[model.effects["effect"] != "intercept"]
    role_of = dict(zip(("mentor", "mentee"), roles, strict=True))
    names = [f"{role_of[row.role]}, {row.effect}" for row in shown.itertuples()]
    rows = [
        [number(row.estimate), interval(row.low, row.high, number), number(row.df, 0), p_value(row.p)]
        for row in shown.itertuples()
    ]
    power = "" if model.power is None else f" So many find a partner effect of .3 with {model.power:.0%}."
    return [
        *heading("Influence from the first wave on the last", 2),
        *paragraph(f"Actor-partner model, {model.standing}, {model.n_used} pairs.{power}"),
        "",
        *table(names, ["effect", "interval", "df", "p"], rows, "outcome of, effect"),
        *note_lines(model.notes),
    ]


def _item_lines(role: RoleSection) -> list[str]:
    """Item by item."""
    items: AnchorComparison | None = role.items
    if items is None or len(items.items) < 2:
        return []
    rows = [
        [count(item.n_used), number(item.first), number(item.last), signed(item.change), "yes" if item.anchor else "no"]
        for item in items.items
    ]  # fmt: skip
    lines = [
        *heading(f"Items, {role.role}", 2),
        *table([item.item for item in items.items], ["n", "first", "last", "change", "anchor"], rows, "item"),
    ]
    notes = items.notes
    if not any(item.anchor for item in items.items):
        notes = tuple(note for note in notes if note.code != "anchors.all")
    return [*lines, *note_lines(notes)]
