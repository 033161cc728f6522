"""T1 and T2: bias and coverage of alpha and omega."""

from collections.abc import Iterator

from benchmarks.quality.findings import Finding, at_least, within
from tests.scoring.simulations.reliability import PILOT, UNEQUAL, simulate_alpha, simulate_omega


def alpha(samples: int) -> Iterator[Finding]:
    """T1: bias of alpha, coverage of Feldt's and Bonett's intervals."""
    for n in (10, 20, 40, 80):
        found = simulate_alpha(samples, n, seed=n)
        covered = all(within(share, 0.93, 0.97, samples) for share in (found.feldt, found.bonett))
        biased = abs(found.bias) <= 0.01 or n < 80
        yield Finding(
            "T1",
            "coverage .93-.97; bias <= .01 from n = 80",
            f"n = {n}",
            str(found),
            covered and biased,
            n,
            samples,
        )


def omega(samples: int) -> Iterator[Finding]:
    """T2: coverage of omega's interval, and its refusal in small samples."""
    for n in (60, 100):
        for name, world in (("equal", PILOT), ("unequal", UNEQUAL)):
            found = simulate_omega(samples, n, seed=n, world=world, n_draws=400)
            yield Finding(
                "T2",
                "coverage >= .92 from n = 60",
                f"n = {n}, {name} loadings",
                str(found),
                at_least(found.coverage, 0.92, samples),
                n,
                samples,
            )
    refused = simulate_omega(20, 49, seed=49)
    yield Finding("T2", "refused below 50", "n = 49", str(refused), refused.refused == 20, 49, 20)
