"""Target T18 of the measurement plan: how many careful respondents are flagged, and how many careless ones of each sort (model D8).

Eight pages of four items on eight subscales, half of them about problems; careful people take about five seconds an item and
careless ones about one and a half. Sorts: random codes, one code throughout, and care for the first half only.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scoring.careless import CarelessReport, careless_report

THRESHOLDS = (-2.0, -1.2, -0.45, 0.75)
N_SUBSCALES, K_EACH = 8, 4
ITEMS = [f"s{subscale}i{item}" for item in range(K_EACH) for subscale in range(N_SUBSCALES)]
SUBSCALES = {f"s{s}": [f"s{s}i{i}" for i in range(K_EACH)] for s in range(N_SUBSCALES)}
# Every other subscale asks for problems.
KEYS = {item: 1 if int(item[1]) % 2 == 0 else -1 for item in ITEMS}
PAGES = {f"page{number}": 4 for number in range(len(ITEMS) // 4)}
SORTS = ("careful", "random", "straight", "partial")


@dataclass(frozen=True)
class Sample:
    """Answers, times and what each respondent is."""

    items: pd.DataFrame
    seconds: pd.DataFrame
    sort: np.ndarray


def draw_sample(rng: np.random.Generator, n: int, share: float) -> Sample:
    """People of whom a share is careless, a third of these of each sort."""
    sort = np.zeros(n, dtype=int)
    careless = rng.permutation(n)[: round(share * n)]
    sort[careless] = 1 + np.arange(len(careless)) % 3
    general = rng.normal(size=(n, 1))
    factors = np.sqrt(0.3) * general + np.sqrt(0.7) * rng.normal(size=(n, N_SUBSCALES))
    subscale = np.array([int(item[1]) for item in ITEMS])
    latent = 0.75 * factors[:, subscale] + np.sqrt(1 - 0.75**2) * rng.normal(size=(n, len(ITEMS)))
    codes = 1 + np.searchsorted(THRESHOLDS, latent)
    codes = np.where(np.array([KEYS[item] for item in ITEMS]) > 0, codes, 6 - codes)
    noise = rng.integers(1, 6, size=codes.shape)
    line = np.repeat(rng.integers(1, 6, size=(n, 1)), len(ITEMS), axis=1)
    late = np.arange(len(ITEMS)) >= len(ITEMS) // 2
    codes = np.where((sort == 1)[:, None] | ((sort == 3)[:, None] & late), noise, codes)
    codes = np.where((sort == 2)[:, None], line, codes)
    late_pages = np.arange(len(PAGES)) >= len(PAGES) // 2
    fast = ((sort > 0) & (sort < 3))[:, None] | ((sort == 3)[:, None] & late_pages)
    person = rng.normal(scale=0.3, size=(n, 1))
    pace = np.exp(np.log(np.where(fast, 1.5, 5.0)) + person + rng.normal(scale=0.3, size=(n, len(PAGES))))
    return Sample(
        pd.DataFrame(codes.astype(float), columns=ITEMS),
        pd.DataFrame(pace * np.array(list(PAGES.values())), columns=list(PAGES)),
        sort,
    )


def report_of(sample: Sample, *, times: bool = True) -> CarelessReport:
    """The report on a sample, with or without its page times."""
    timed = {"seconds": sample.seconds, "items_per_page": PAGES} if times else {}
    return careless_report(sample.items, keys=KEYS, subscales=SUBSCALES, minimum=1, maximum=5, **timed)


@dataclass(frozen=True)
class CarelessFigures:
    """Shares of people flagged: 1 - specificity among the careful, sensitivity for each sort of careless ones."""

    n: int
    samples: int
    times: bool
    specificity: float
    random: float
    straight: float
    partial: float

    def __str__(self) -> str:
        return (
            f"T18 n={self.n} R={self.samples} {'with' if self.times else 'without'} page times: specificity {self.specificity:.4f}, "
            f"sensitivity random {self.random:.2f}, straight line {self.straight:.2f}, partial {self.partial:.2f}"
        )


def simulate_careless(samples: int, n: int, seed: int, *, times: bool = True) -> CarelessFigures:
    """T18: specificity and sensitivities over samples with 5, 10 and 15 % careless people."""
    rng = np.random.default_rng(seed)
    flagged, people = np.zeros(4), np.zeros(4)
    for number in range(samples):
        sample = draw_sample(rng, n, (0.05, 0.10, 0.15)[number % 3])
        flags = report_of(sample, times=times).respondents["flagged"].to_numpy()
        flagged += np.bincount(sample.sort, weights=flags, minlength=4)
        people += np.bincount(sample.sort, minlength=4)
    shares = flagged / np.maximum(people, 1)
    return CarelessFigures(n, samples, times, 1 - shares[0], *shares[1:].tolist())
