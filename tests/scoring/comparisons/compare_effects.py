"""Standardized effects against metafor: two independent groups (SMD) and two waves over the spread of the changes (SMCC)."""

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from scoring.change_scores import paired_effects
from scoring.effects import GroupSummary, hedges_g_independent
from scoring.scales import score_scale
from tests.scoring.comparisons.rows import REFERENCE, Row, r_data

ITEMS = {"safety": ["q01", "q02", "q03", "q04", "q05"], "support": ["q06", "q07", "q08", "q09"]}
TOLERANCE = 1e-9


def dyads() -> Iterator[tuple[str, pd.Series, pd.Series]]:
    """Scale and role with the first and the last wave by pair."""
    frame = r_data("sim_dyads_a")
    for scale, items in ITEMS.items():
        for role in ("mentor", "mentee"):
            waves = [
                score_scale(
                    frame[(frame["role"] == role) & (frame["wave"] == wave)].set_index("pair"),
                    dict.fromkeys(items, 1),
                    minimum=1,
                    maximum=5,
                ).scores
                for wave in (0, 2)
            ]
            yield f"{scale} {role}", waves[0], waves[1]


def compare() -> Iterator[Row]:
    """Every effect that metafor was asked for."""
    r: dict[str, Any] = json.loads((REFERENCE / "effects.json").read_text(encoding="utf-8"))
    changes = {}
    for name, before, after in dyads():
        changes[name] = (after - before).dropna()
        yield from _waves("sim_dyads_a", f"{name} change", before, after, r["sim_dyads_a"])
    for scale in ITEMS:
        groups = changes[f"{scale} mentor"], changes[f"{scale} mentee"]
        yield from _groups("sim_dyads_a", f"{scale} roles", *groups, r["sim_dyads_a"])
    people = r_data("univbct").drop_duplicates("SUBNUM").set_index("SUBNUM")
    for name in ("JOBSAT", "COMMIT", "READY"):
        before, after = people[f"{name}1"], people[f"{name}3"]
        yield from _waves("univbct", f"{name} change", before, after, r["univbct"])
        parts = [(after - before)[people["BTN"] == unit].dropna() for unit in (1022, 4042)]
        yield from _groups("univbct", f"{name} groups", *parts, r["univbct"])
    long = r_data("exlong")
    first, last = (long[[f"y{item}t{wave}" for item in (1, 2, 3)]].mean(axis=1) for wave in (1, 3))
    yield from _waves("exlong", "y change", first, last, r["exlong"])
    twins = r_data("twins_dzos")
    yield from _groups("twins_dzos", "height", twins["ht1"].dropna(), twins["ht2"].dropna(), r["twins_dzos"])


def _waves(data: str, name: str, before: pd.Series, after: pd.Series, r: Any) -> Iterator[Row]:
    """One change over the spread of the changes, with Hedges' correction."""
    ours = paired_effects(before, after)
    yield Row("metafor SMCC counts", data, f"{name} n", ours.n_used, r[name]["n"], 0)
    yield Row("metafor SMCC", data, name, ours.dz * ours.correction, r[name]["g"], TOLERANCE)


def _groups(data: str, name: str, a: pd.Series, b: pd.Series, r: Any) -> Iterator[Row]:
    """Two groups over their pooled spread, with Hedges' correction."""
    ours = hedges_g_independent(*(GroupSummary(len(x), float(x.mean()), float(x.std())) for x in (a, b)))
    yield Row("metafor SMD counts", data, f"{name} n", len(a) + len(b), sum(r[name]["n"]), 0)
    yield Row("metafor SMD", data, name, ours.value, r[name]["g"], TOLERANCE)
