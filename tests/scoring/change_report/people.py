"""Made-up answers of pairs for tests of change reports: two scales, a knowledge area with all its windows, goals, cohorts."""

import numpy as np
import pandas as pd

from scoring.change_report import ChangeOptions, ChangeReport, change_report
from scoring.scale_sets import ScaleKeys, make_scale_set
from scoring.skill_sets import SkillKeys

SCALES = make_scale_set(
    {"safety": ["s1", "s2", "s3", "s4"], "support": ["p1", "p2", "p3"]}, minimum=1, maximum=5
)
DIGITAL = SkillKeys(
    "digital",
    direct=ScaleKeys("direct", {"k": 1}, 1, 5),
    then=ScaleKeys("then", {"k_then": 1}, 1, 5),
    behaviour=ScaleKeys("behaviour", {"b1": 1, "b2": 1}, 0, 10),
    goals=ScaleKeys("goals", {"g1": 1, "g2": 1}, -2, 2, whole=True),
)
OPTIONS = ChangeOptions("pair", "role", "wave")


def pairs(
    n_pairs: int,
    *,
    waves: int = 2,
    seed: int = 1,
    shift: float = 0.5,
    rated: float = 0.0,
    then: float = 0.0,
    goal: int = 0,
) -> pd.DataFrame:
    """Everybody answers at every wave; `rated` and `then` are the true change and recalibration of the skill in points."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for pair in range(n_pairs):
        common = rng.normal() * 0.4
        for role in ("mentor", "mentee"):
            trait, start = common + rng.normal() * 0.6, rng.integers(2, 4) + rng.normal() * 0.3
            for wave in range(waves):
                last = wave == waves - 1
                codes = np.clip(np.round(3 + trait + shift * wave / (waves - 1) + rng.normal(size=7) * 0.7), 1, 5)  # fmt: skip
                row: dict[str, object] = {
                    "pair": f"p{pair}",
                    "role": role,
                    "wave": wave,
                    "cohort": "ab"[pair % 2],
                }
                row |= dict(zip(SCALES.items, codes, strict=True))
                row["k"] = np.clip(start + rated * last + rng.normal() * 0.2, 1, 5)
                row["k_then"] = np.clip(start + then + rng.normal() * 0.2, 1, 5) if last else np.nan
                row["b1"], row["b2"] = np.clip(4 + 3 * rated * last + rng.normal(size=2), 0, 10)
                row["g1"], row["g2"] = (goal, goal) if last else (np.nan, np.nan)
                rows.append(row)
    return pd.DataFrame(rows)


def without(frame: pd.DataFrame, column: str, role: str, wave: int, n: int) -> pd.DataFrame:
    """The same, the first so many people of a role not having answered something at a wave."""
    gone = (frame["role"] == role) & (frame["wave"] == wave)
    frame = frame.copy()
    frame.loc[frame.index[gone][:n], column] = np.nan
    return frame


def report_on(frame: pd.DataFrame, **options: object) -> ChangeReport:
    """The change report."""
    from dataclasses import replace

    return change_report(frame, SCALES, replace(OPTIONS, **options))  # type: ignore[arg-type]
