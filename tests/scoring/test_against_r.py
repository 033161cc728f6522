"""Every statistic that R computes too, beside R's value: one table of all comparisons, and its largest differences.

`pytest tests/scoring/test_against_r.py -s` prints the whole table; the largest difference of each kind is printed in any case. The
comparisons are in `comparisons/compare_*.py`, their origin in `reference/ORIGINS.md`.
"""

import importlib.util
import math
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from tests.scoring.comparisons.rows import REFERENCE, Row

COMPARISONS = Path(__file__).with_name("comparisons")
MODULES = sorted(COMPARISONS.glob("compare_*.py"))
VALUES = sorted(path.stem for path in (REFERENCE / "r").glob("*.json"))


def load(path: Path) -> ModuleType:
    """A comparison as a module."""
    spec = importlib.util.spec_from_file_location(f"comparison_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def rows_of(path: Path) -> tuple[Row, ...]:
    """All rows of one comparison, computed once."""
    return tuple(load(path).compare())


def full_table(rows: Iterable[Row]) -> str:
    """One line a row: statistic, data set, our value, R's, and their difference."""
    head = f"{'kind':<34} {'statistic':<60} {'data':<18} {'ours':>18} {'R':>18} {'difference':>11} {'allowed':>9}"
    lines = [
        f"{row.kind:<34.34} {row.statistic:<60.60} {row.data:<18.18} {_show(row.ours)} {_show(row.r)} "
        f"{row.difference:11.2e} {row.tolerance:9.0e}{' relative' if row.relative else ''}"
        f"{'' if row.holds else '  OFF'}"
        for row in rows
    ]
    return "\n".join([head, *lines])


def summary_table(rows: Iterable[Row]) -> str:
    """One line a kind: how many values, how many off, and the largest difference with its place."""
    kinds: dict[tuple[str, bool], list[Row]] = {}
    for row in rows:
        kinds.setdefault((row.kind, row.relative), []).append(row)
    lines = [f"{'kind':<44} {'values':>7} {'off':>4} {'largest':>10}  where"]
    for (kind, relative), found in sorted(kinds.items()):
        worst = max(found, key=lambda row: row.difference)
        name = f"{kind} (relative)" if relative else kind
        off = sum(not row.holds for row in found)
        lines.append(
            f"{name:<44.44} {len(found):7d} {off:4d} {worst.difference:10.2e}  {worst.data}: {worst.statistic}"
        )
    return "\n".join(lines)


def _show(value: object) -> str:
    return f"{'none':>18}" if value is None else f"{float(value):18.10g}"  # type: ignore[arg-type]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem.removeprefix("compare_"))
def test_every_value_agrees_with_r(path: Path) -> None:
    rows = rows_of(path)
    print(full_table(rows))
    assert rows, "a comparison without a row compares nothing"
    off = [row for row in rows if not row.holds]
    assert not off, f"{len(off)} of {len(rows)} values differ from R's:\n{full_table(off[:40])}"


@pytest.mark.parametrize("name", VALUES)
def test_all_values_of_r_are_used(name: str) -> None:
    """No file of R's values lies there unread."""
    compared = {row.data.split()[0] for path in MODULES for row in rows_of(path)}
    assert name in compared


def test_largest_differences_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for path in MODULES for row in rows_of(path)]
    kinds = {row.kind for row in rows}
    summary = summary_table(rows)
    with capsys.disabled():
        print(f"\n{len(rows)} values beside R's\n{summary}")
    assert all(kind[:44] in summary for kind in kinds)


GOOD = Row("chi-square", "some data", "chisq", 85.30552, 85.3055, 1e-5, relative=True)


@pytest.mark.parametrize(
    "row",
    [
        replace(GOOD, ours=85.31),
        replace(GOOD, relative=False),
        replace(GOOD, ours=math.nan),
        replace(GOOD, r=math.nan),
        replace(GOOD, ours=math.inf),
        replace(GOOD, ours=-85.3055),
        Row("df", "some data", "df", 24, 25, 0),
        Row("converged", "some data", "converged", False, True, 0),
        Row("loading", "some data", "x1", None, 0.5, 1e-4),  # type: ignore[arg-type]
    ],
    ids=lambda row: f"{row.kind} {row.ours} {row.r}",
)
def test_a_value_that_is_off_is_seen(row: Row) -> None:
    assert GOOD.holds
    assert not row.holds
    assert "OFF" in full_table([GOOD, row])
    assert "OFF" not in full_table([GOOD])
    assert f"{1:4d}" in summary_table([GOOD, row])


def test_a_wrong_key_is_off_everywhere() -> None:
    """Negative control through a whole comparison: one item read in its wrong direction is seen in estimates and errors."""
    module = load(COMPARISONS / "compare_confirmatory.py")
    case = next(case for case in module.cases() if case.path == ("cfa", "ml"))
    table = module.r_data("holzinger")
    right = module.fit_confirmatory(table, case.model)
    assert all(row.holds for row in module.compare_fit(case, right))
    table["x2"] = -table["x2"]
    wrong = module.fit_confirmatory(table, case.model)
    off = [row.statistic for row in module.compare_fit(case, wrong) if not row.holds]
    assert any("visual =~ x2" in statistic for statistic in off)
    fewer = module.fit_confirmatory(module.r_data("holzinger").iloc[:300], case.model)
    off = [row for row in module.compare_fit(case, fewer) if not row.holds]
    assert len(off) > 50
