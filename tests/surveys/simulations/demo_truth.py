"""Targets E1 and E2 of the measurement plan on the demo organisation: what was simulated beside what the change report says.

Either the real path (`viceversa demo`, `export`, `analyse change`) or the same simulation without a database, for many seeds.
"""

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from click.testing import CliRunner

from instruments.catalog import get_instrument, latest_version
from instruments.model import Form, FormPage, Instrument, Role, WaveKind
from scoring.change_report import ChangeOptions, change_report
from scoring.change_report.families import claim_name
from scoring.scale_sets import scales_of_instrument
from scoring.serialize import to_json
from surveys.demo import COHORTS, WAVES, CohortPlan, Occasion, decide_to_answer, draw_answers, simulate_pair
from surveys.demo_truth import true_change

INSTRUMENT = "core-battery"
COLUMNS = ("--pair", "pair", "--role", "role", "--wave", "wave")
# Primary first: every scale on which the closed waves allow a change in words that stay the same.
SCALES = (
    "PS", "PSG", "TR_ANCHOR", "PW_V_ANCHOR", "PW_G", "RQ_SHORT", "EX_SHORT", "PR_T", "OP_T", "MC_I", "CF",
)  # fmt: skip
MARGIN = 0.3
LARGE = 0.3
Report = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One scale and role of one cohort: the truth, and what the report says."""

    cohort: str
    scale: str
    role: str
    family: str
    waves: str
    true: float
    n: int
    change: float | None
    low: float | None
    high: float | None
    word: str | None

    @property
    def right(self) -> bool:
        """Whether the word claims nothing that is false: "moved" needs the same sign, "equivalent" a truth inside the margin."""
        if self.word == "moved":
            return self.true != 0 and self.change is not None and self.change * self.true > 0
        if self.word == "equivalent":
            return abs(self.true) < MARGIN
        return self.word in {"not shown", "too few", None}

    @property
    def gated(self) -> bool:
        """Whether fewer than ten people with both scores leave no word but "too few", and fewer than five none."""
        if self.n >= 10:
            return True
        return self.word == "too few" if self.n >= 5 else self.word is None

    @property
    def missed(self) -> bool:
        """Whether a change worth finding was there and was not found."""
        return abs(self.true) >= LARGE and self.word != "moved"

    @property
    def covered(self) -> bool | None:
        """Whether the interval holds the truth; None where there is no interval."""
        if self.low is None or self.high is None:
            return None
        return self.low <= self.true <= self.high


def demo_instrument() -> Instrument:
    """The questionnaire of the demo."""
    return get_instrument(INSTRUMENT, latest_version(INSTRUMENT))


def cohort_codes() -> dict[str, CohortPlan]:
    """The number under which a data package tells each cohort: by its start, then by its name."""
    ordered = sorted(COHORTS, key=lambda plan: (-plan.weeks_ago, plan.name))
    return {f"C{number}": plan for number, plan in enumerate(ordered, start=1)}


def seed_and_export(folder: Path) -> Path:
    """Seed the demo and write its data package, by the commands a researcher would type; returns the file of answers."""
    database = {"VICEVERSA_DATABASE_URL": f"sqlite:///{(folder / 'demo').absolute() / 'demo.db'}"}
    _run("demo", "--folder", str(folder / "demo"), "--no-serve")
    _run("export", "demo", str(folder / "package"), "--purpose", "What the demo's truth was", env=database)
    return folder / "package" / "answers_long.csv"


def report_of(answers: Path, cohort: str) -> Report:
    """What `viceversa analyse change` says of one cohort of a data package."""
    only = ("--instrument", INSTRUMENT, "--only", f"cohort={cohort}", "--json", "-")
    return json.loads(_run("analyse", "change", str(answers), *COLUMNS, *only))


def _run(*arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run the command line in this process; its output."""
    from webapp.cli import main

    result = CliRunner(env=env).invoke(main, arguments, catch_exceptions=False)
    if result.exit_code:
        raise RuntimeError(result.output)
    return result.stdout


def compare(
    plan: CohortPlan, report: Report, instrument: Instrument, scales: Sequence[str] = SCALES
) -> Iterator[Line]:
    """The truth of a cohort beside its report."""
    claims = {judged["claim"]["name"]: judged["claim"] for judged in report["families"]["claims"]}
    for name in scales:
        for role, said in report["scales"].get(name, {"roles": {}})["roles"].items():
            if said["change"] is None:
                continue
            first, last = WaveKind(said["first"]), WaveKind(said["last"])
            truth = true_change(instrument, plan, name, Role(role), first, last)
            if truth is None:
                raise ValueError(
                    f"{name} of the {role} changes from {first} to {last}, which do not both ask it"
                )
            # The word rests on the interval of the claim; below the gates only the role has one.
            claim = claims[claim_name(name, role)]
            low, high = claim["low"], claim["high"]
            change = said["change"]["mean"]
            if low is None:
                low, high = said["change"]["low"], said["change"]["high"]
            else:
                change = (low + high) / 2
            yield Line(
                plan.name, name, role, said["family"], f"{first.value} to {last.value}", truth.change,
                said["change"]["n_used"], change, low, high, said["verdict"],
            )  # fmt: skip


def draw_cohort(
    rng: np.random.Generator,
    instrument: Instrument,
    plan: CohortPlan,
    scales: Sequence[str],
    schedule: Sequence[Occasion] = WAVES[:3],
) -> pd.DataFrame:
    """One cohort's answers to the questions of some scales, a row for each person and wave, by the demo's own functions."""
    wanted = [item for name in scales for item in instrument.scale(name).keys]
    forms = {
        (occasion, role): _shorten(instrument.form(occasion.kind, role), wanted)
        for occasion in schedule
        for role in Role
    }
    rows = []
    for pair in range(plan.n_pairs):
        people = simulate_pair(rng, str(pair), instrument)
        for role in Role:
            person = people[f"{pair}/{role.value}"]
            for occasion in schedule:
                if not decide_to_answer(rng, person, occasion):
                    continue
                given = draw_answers(rng, instrument, forms[occasion, role], person, plan.effect)
                codes = {item: answer.code for item, answer in given.items() if answer.code is not None}
                rows.append({"pair": f"p{pair}", "role": role.value, "wave": occasion.kind.value, **codes})
    return pd.DataFrame(rows, columns=["pair", "role", "wave", *dict.fromkeys(wanted)])


def _shorten(form: Form, wanted: Sequence[str]) -> Form:
    """The form with the questions wanted alone."""
    items = tuple(item for item in form.item_ids if item in wanted)
    return dataclasses.replace(form, pages=(FormPage("wanted", items),))


def report_of_frame(frame: pd.DataFrame, instrument: Instrument, scales: Sequence[str]) -> Report:
    """The change report of answers that never saw a database."""
    complete = scales_of_instrument(instrument, list(frame.columns))
    kept = dataclasses.replace(
        complete, scales=tuple(scale for scale in complete.scales if scale.name in scales)
    )
    return json.loads(to_json(change_report(frame, kept, ChangeOptions("pair", "role", "wave"))))


def simulate_seed(seed: int, scales: Sequence[str] = SCALES) -> list[Line]:
    """All cohorts of one seed."""
    rng, instrument = np.random.default_rng(seed), demo_instrument()
    lines: list[Line] = []
    for plan in COHORTS:
        frame = draw_cohort(rng, instrument, plan, scales)
        lines += compare(plan, report_of_frame(frame, instrument, scales), instrument, scales)
    return lines


@dataclass(frozen=True)
class Rates:
    """What happened over many lines of one kind: share of each word, missed truths, intervals that held the truth, bias."""

    n_lines: int
    words: Mapping[str | None, int]
    n_wrong: int
    n_large: int
    n_missed: int
    n_intervals: int
    n_covered: int
    bias: float
    n_estimates: int


def summarise(lines: Sequence[Line]) -> Rates:
    """Count over lines; wrong words and broken gates together."""
    estimates = [line.change - line.true for line in lines if line.change is not None]
    covered = [line.covered for line in lines if line.covered is not None]
    return Rates(
        n_lines=len(lines),
        words=Counter(line.word for line in lines),
        n_wrong=sum(not (line.right and line.gated) for line in lines),
        n_large=sum(abs(line.true) >= LARGE for line in lines),
        n_missed=sum(line.missed for line in lines),
        n_intervals=len(covered),
        n_covered=sum(covered),
        bias=math.fsum(estimates) / len(estimates) if estimates else math.nan,
        n_estimates=len(estimates),
    )
