"""T18: careless responding."""

from collections.abc import Iterator

from benchmarks.quality.findings import Finding, control
from tests.scoring.simulations.careless import simulate_careless


def careless(samples: int) -> Iterator[Finding]:
    """T18: specificity, and straight lines found; without page times they are not."""
    drawn = max(30, samples // 10)
    for n in (100, 300):
        found = simulate_careless(drawn, n, seed=n)
        holds = found.specificity >= 0.97 and found.straight >= 0.50
        yield Finding(
            "T18", "specificity >= .97, straight line >= .50", f"n = {n}", str(found), holds, n, drawn
        )
    without = simulate_careless(drawn, 100, seed=101, times=False)
    yield control(
        "T18-",
        "control: without page times straight lines are missed",
        "n = 100",
        str(without),
        without.straight >= 0.50,
        101,
        drawn,
    )
