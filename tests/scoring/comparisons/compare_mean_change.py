"""The mean change between two waves against R's paired t test and effect sizes.

Compared are the numbers that `mean_change` shows. R's other effect sizes (d_rms, drm, Glass) are not offered, as section 4.4 of the
measurement plan has it; bootstrap intervals and the signed-rank test neither. Our interval is that of d_z times the ratio of the two
spreads, which is formed here from R's own numbers.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from scoring.change import mean_change
from scoring.effects import bias_correction
from scoring.scales import score_scale
from tests.scoring.comparisons.rows import Row, r_data, r_values

SCALES = {"safety": ["q01", "q02", "q03", "q04", "q05"], "support": ["q06", "q07", "q08", "q09"]}


def waves() -> Iterator[tuple[str, str, pd.Series, pd.Series, Any]]:
    """Data set, case, both waves, and what R says of them."""
    data = r_data("exlong")
    first, last = (data[[f"y{i}{wave}" for i in (1, 2, 3)]].mean(axis=1) for wave in ("t1", "t3"))
    yield "exlong", "t1_t3", first, last, r_values("exlong")["change_t1_t3"]
    people = r_data("univbct").query("TIME == 0").set_index("SUBNUM")
    for variable in ("JOBSAT", "COMMIT", "READY"):
        for case in ("t1_t3", "t1_t2"):
            expected = r_values("univbct")[variable][case]
            later = people[f"{variable}{case[-1]}"]
            yield "univbct", f"{variable} {case}", people[f"{variable}1"], later, expected
    data = r_data("sim_dyads_a")
    for scale, items in SCALES.items():
        for role in ("mentor", "mentee"):
            # R scores a person who answered at least half of the items.
            first, last = (
                score_scale(
                    data[(data["role"] == role) & (data["wave"] == wave)].set_index("pair"),
                    dict.fromkeys(items, 1),
                    minimum=1,
                    maximum=5,
                    minimum_answered=Fraction(1, 2),
                ).scores
                for wave in (0, 2)
            )
            expected = r_values("sim_dyads_a")["dyadic"][scale]["change"][role]
            yield "sim_dyads_a", f"{scale} {role}", first, last, expected


def compare() -> Iterator[Row]:
    """Every value that both sides have."""
    for data, case, before, after, r in waves():
        ours = mean_change(before, after)
        yield Row("mean change counts", data, f"{case} n", ours.n_used, r["n"], 0)
        yield Row("mean change counts", data, f"{case} df", ours.df, r["df"], 0)
        to_average = r["dav_mean_sd"] / r["dz"]
        pairs = {
            "mean_diff": (ours.mean, r["mean_diff"]),
            "sd_diff": (ours.sd_change, r["sd_diff"]),
            "p": (ours.p_t, r["p"]),
            "ci95 low": (ours.low, r["ci95_diff"][0]),
            "ci95 high": (ours.high, r["ci95_diff"][1]),
            "gav": (ours.g_av, r["gav"]),
            "J": (bias_correction(r["n"] - 1), r["hedges_J_exact_df"]),
        }
        for name, (mine, theirs) in pairs.items():
            yield Row("mean change", data, f"{case} {name}", np.nan if mine is None else mine, theirs, 1e-9)
        # Ten digits of a t of 12 end at 1e-8.
        yield Row("mean change t", data, f"{case} t", ours.t, r["t"], 1e-9, relative=True)
        for name, mine, theirs in zip(
            ("low", "high"), (ours.g_low, ours.g_high), r["dz_ci95_noncentral_t"], strict=True
        ):
            yield Row(
                "noncentral interval of a change", data, f"{case} {name}", mine, theirs * to_average, 1e-5
            )
