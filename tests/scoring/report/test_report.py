"""The report wires answers to statistics: the same numbers as R, each gap explained, nothing swallowed, the same each time."""

import dataclasses
import json
import math
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from instruments.catalog import get_instrument
from scoring.errors import Note
from scoring.report import PsychometricReport, ReportOptions, psychometric_report
from scoring.report import models as report_models
from scoring.report import scales as report_scales
from scoring.report.data import attempt, prepare_data, unique_notes
from scoring.report.invariance import order_waves
from scoring.report.pictures import report_figures
from scoring.report.text import render_text
from scoring.report.text_tables import WIDTH
from scoring.scale_sets import ProblemsError, ScaleSet, make_scale_set, scales_of_instrument
from scoring.serialize import to_json, to_plain
from tests.scoring.comparisons.rows import r_data, r_values

QUICK = ReportOptions(draws=20, sets=10, cutoffs=0)
DYADS = {"safety": [f"q0{n}" for n in range(1, 6)], "support": [f"q0{n}" for n in range(6, 10)]}


def mentees() -> pd.DataFrame:
    """The first wave of the mentees, with one item turned round, as a questionnaire would have asked it."""
    frame = r_data("sim_dyads_a")
    frame = frame[(frame["wave"] == 0) & (frame["role"] == "mentee")].reset_index(drop=True)
    return frame.assign(q03=6 - frame["q03"])


def dyad_scales(**changes: Any) -> ScaleSet:
    scales = {**DYADS, "safety": ["q01", "q02", "-q03", "q04", "q05"], **changes}
    return make_scale_set(scales, minimum=1, maximum=5)


@pytest.fixture(scope="module")
def report() -> PsychometricReport:
    return psychometric_report(mentees(), dyad_scales(), dataclasses.replace(QUICK, cutoffs=20))


@pytest.fixture(scope="module")
def plain(report: PsychometricReport) -> Any:
    return json.loads(to_json(report))


class TestAgainstR:
    """Wrong keys, rows or columns on the way to a statistic would show here."""

    @pytest.mark.parametrize("scale", ["safety", "support"])
    def test_reliability(self, plain: Any, scale: str) -> None:
        r = r_values("sim_dyads_a")["reliability"][f"mentee.{scale}.wave0"]
        ours = plain["scales"][scale]["reliability"]

        assert ours["summary"]["alpha"]["raw"] == pytest.approx(r["listwise"]["total"]["raw_alpha"], abs=1e-9)
        assert ours["alpha_pairwise"]["raw"] == pytest.approx(r["pairwise"]["total"]["raw_alpha"], abs=1e-9)
        assert ours["omega"]["value"] == pytest.approx(r["omega_1factor_cfa_ml"]["omega_total"], abs=1e-4)
        assert ours["omega_fiml"]["value"] == pytest.approx(
            r["omega_1factor_cfa_fiml"]["omega_total"], abs=1e-4
        )
        assert ours["ordinal_alpha"]["value"] == pytest.approx(
            r["ordinal"]["alpha_ordinal_polychoric"], abs=1e-4
        )

    def test_adequacy_and_polychoric_correlations(self, plain: Any) -> None:
        r = r_values("sim_dyads_a")["factor_wave0_mentees"]
        ours = np.array(plain["correlations"]["polychoric"]["correlations"]["values"])

        assert plain["adequacy"]["pearson"]["overall"] == pytest.approx(r["kmo_overall"], abs=1e-8)
        np.testing.assert_allclose(ours, r["polychoric"]["lavaan_two_step"]["values"], atol=1e-3)

    def test_a_wrong_key_would_be_noticed(self) -> None:
        unkeyed = psychometric_report(mentees(), make_scale_set(DYADS, minimum=1, maximum=5), QUICK)
        r = r_values("sim_dyads_a")["reliability"]["mentee.safety.wave0"]["listwise"]["total"]["raw_alpha"]

        section = unkeyed.scales["safety"].reliability
        assert section is not None
        assert abs(section.summary.alpha.raw - r) > 0.2

    def test_confirmatory_model_and_clusters(self) -> None:
        r = r_values("lq2002")["cfa"]["ml_cluster_robust"]
        frame = r_data("lq2002")
        scales = make_scale_set(
            {name: [c for c in frame.columns if c.startswith(name)] for name in ("LEAD", "TSIG", "HOSTIL")},
            minimum=0,
            maximum=5,
        )
        data = prepare_data(frame, scales, dataclasses.replace(QUICK, pair="COMPID", estimator="MLR"))
        found = report_models.fit_models(data).mlr

        assert found is not None
        assert found.fit.measures.chi_square == pytest.approx(r["chisq"], rel=1e-5)
        # lavaan 0.6-14: cfa(model, lq2002, cluster = "COMPID", estimator = "MLR"); R's default for clusters is another
        # information matrix, which gives 2639.467.
        assert found.fit.measures.chi_square_scaled == pytest.approx(2675.395, rel=1e-6)
        assert found.fit.measures.df == r["df"]


class TestWhole:
    def test_every_section_is_there_in_the_order_of_reading(self, plain: Any) -> None:
        assert list(plain) == [
            "meta", "scales", "adequacy", "correlations", "number_of_factors", "exploratory", "confirmatory",
            "invariance", "agreement", "careless", "dif", "notes",
        ]  # fmt: skip
        assert list(plain["scales"]) == ["safety", "support"]
        assert set(plain["exploratory"]["solutions"]) >= {"1", "2"}
        assert set(plain["exploratory"]["solutions"]["2"]["polychoric"]) == {
            "minres_oblimin", "minres_promax", "minres_varimax", "ml_oblimin",
        }  # fmt: skip
        assert all(plain["confirmatory"][name] for name in ("ml", "mlr", "fiml", "mlr_fiml", "wlsmv"))
        assert plain["confirmatory"]["factors"] == {"safety": DYADS["safety"], "support": DYADS["support"]}
        assert plain["confirmatory"]["cutoffs_of"] == "ml"
        assert plain["invariance"] is plain["agreement"] is plain["dif"] is None

    def test_the_meta_section_tells_how_to_get_the_same_again(self, plain: Any) -> None:
        meta = plain["meta"]

        assert meta["versions"]["numpy"] == np.__version__
        assert (meta["n_rows"], meta["k_items"], meta["n_units"]) == (150, 9, 150)
        assert meta["options"]["seed"] == 1
        assert meta["minimum_answered"] == "2/3"

    def test_the_same_answers_give_the_same_bytes(self, report: PsychometricReport) -> None:
        again = psychometric_report(mentees(), dyad_scales(), dataclasses.replace(QUICK, cutoffs=20))

        assert to_json(again) == to_json(report)

    def test_the_report_is_frozen_and_can_be_sent_to_another_process(
        self, report: PsychometricReport
    ) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            report.notes = ()  # type: ignore[misc]
        assert to_plain(pickle.loads(pickle.dumps(report.scales))) == to_plain(report.scales)

    def test_progress_names_every_step_once(self) -> None:
        seen: list[str] = []

        def progress(labels: Any) -> Any:
            assert len(labels) == len(set(labels))
            for label in labels:
                seen.append(label)
                yield label

        psychometric_report(mentees(), dyad_scales(), QUICK, progress=progress)

        assert seen[:2] == ["scale safety", "scale support"]
        assert "confirmatory models" in seen

    def test_scores_follow_the_share_of_answered_items(self) -> None:
        frame = pd.DataFrame({"a": [1, 1, 1, 5], "b": [2, 2, None, 5], "c": [3, None, None, 5]})
        scales = make_scale_set({"s": ["a", "b", "c"]}, minimum=1, maximum=5)

        scores = psychometric_report(frame, scales, QUICK).scales["s"].scores

        assert (scores.n_used, scores.n_dropped, scores.k_required) == (3, 1, 2)
        assert scores.mean == pytest.approx((2 + 1.5 + 5) / 3)
        assert (scores.n_lowest, scores.n_highest) == (0, 1)

    def test_answers_are_counted_after_keying(self, report: PsychometricReport) -> None:
        answers = report.scales["safety"].answers
        assert answers is not None

        assert answers.loc["q03"].tolist() == [
            int((mentees()["q03"] == 6 - code).sum()) for code in range(1, 6)
        ]

    def test_curves_come_from_the_ordinal_model(self, report: PsychometricReport) -> None:
        section = report.scales["safety"]
        curve = section.curves["q01"]

        assert curve.modelled
        # A keyed item rises: the highest option is likeliest at the top of the trait.
        assert int(np.argmax(curve.probabilities[-1])) == len(curve.codes) - 1


class TestText:
    def test_lines_fit_and_end_cleanly(self, report: PsychometricReport) -> None:
        lines = render_text(report).split("\n")

        assert max(map(len, lines)) <= WIDTH
        assert all(line == line.rstrip() for line in lines)
        assert not any(first == second == "" for first, second in pairwise(lines))

    def test_numbers_of_the_report_are_rounded_there(self, report: PsychometricReport) -> None:
        section = report.scales["safety"].reliability
        assert section is not None

        assert f"{section.summary.alpha.raw:.2f}".lstrip("0") in render_text(report)
        assert "Limits of fit simulated for this model" in render_text(report)

    def test_too_few_people_are_said_to_be_too_few(self) -> None:
        few = psychometric_report(mentees().head(30), dyad_scales(), QUICK)
        text = " ".join(render_text(few).split())

        assert "this is too few to conclude" in text
        assert "Confirmatory models are judged from 150 on." in text
        assert "too few to conclude" in text.split("Scales in short")[1]

    def test_nothing_says_nan(self, report: PsychometricReport) -> None:
        text = render_text(report).lower()

        assert " nan" not in text
        assert "none" not in text.replace("none could", "")


class TestFigures:
    def test_every_picture_has_its_numbers(self, report: PsychometricReport) -> None:
        pictures = report_figures(report)

        assert set(pictures) == {
            "scree", "scree_common_factors", "loadings_2_pearson", "loadings_2_polychoric", "loadings_confirmatory",
            "options_safety", "options_support",
        }  # fmt: skip
        assert all(words.title and words.description for _, words in pictures.values())

    def test_a_report_without_structure_has_no_pictures_of_it(self) -> None:
        frame = pd.DataFrame({"a": [1, 2, 3, 4] * 10, "b": [2, 1, 4, 3] * 10})
        found = psychometric_report(frame, make_scale_set({"s": ["a", "b"]}, minimum=1, maximum=4), QUICK)

        assert set(report_figures(found)) == {"options_s"}


@pytest.fixture(scope="module")
def found() -> PsychometricReport:
    frame = r_data("sim_dyads_a").drop(columns="q09")
    frame["site"] = ["north", "south"] * (len(frame) // 2)
    frame.loc[3, "site"] = None
    scales = make_scale_set(
        {"safety": DYADS["safety"], "support": ["q06", "q07", "q08"]}, minimum=1, maximum=5
    )
    options = dataclasses.replace(QUICK, group="site", pair="pair", role="role", wave="wave", estimator="MLR")
    return psychometric_report(frame, scales, options)


class TestGroups:
    def test_waves_roles_and_groups_are_compared(self, found: PsychometricReport) -> None:
        assert found.invariance is not None
        assert list(found.invariance.groups) == ["continuous"]
        assert found.invariance.waves["continuous"].labels == ("0", "1", "2")
        assert list(found.invariance.roles) == ["0 continuous", "1 continuous", "2 continuous"]

    def test_reliability_is_given_for_each_role_and_wave(self, found: PsychometricReport) -> None:
        subsets = found.scales["safety"].subsets
        r = r_values("sim_dyads_a")["reliability"]["mentee.safety.wave0"]["listwise"]["total"]["raw_alpha"]

        assert list(subsets) == [f"{role}, {wave}" for role in ("mentee", "mentor") for wave in range(3)]
        assert subsets["mentee, 0"].alpha.raw == pytest.approx(r, abs=1e-9)

    def test_pairs_are_the_units_that_gates_count(self, found: PsychometricReport) -> None:
        assert found.meta.n_units == 150
        section = found.scales["safety"].reliability
        assert section is not None
        assert section.summary.alpha_bootstrap is not None
        assert found.confirmatory.ml is None

    def test_two_sides_of_pairs_and_groups_agree_or_not(self, found: PsychometricReport) -> None:
        assert found.agreement is not None
        entry = found.agreement.scales["safety"]

        assert entry.sides == ("mentee", "mentor")
        assert list(entry.pairs) == ["0", "1", "2"]
        assert entry.groups is not None
        assert entry.groups.n_groups == 2

    def test_dependence_is_named_where_a_test_ignores_it(self, found: PsychometricReport) -> None:
        assert found.dif is not None
        assert "dif.dependent" in {note.code for note in found.dif.notes}
        assert "report.no_group" in {note.code for note in found.notes}

    def test_all_of_it_can_be_read_and_written(self, found: PsychometricReport) -> None:
        text = render_text(found)

        assert max(map(len, text.split("\n"))) <= WIDTH
        for title in (
            "Invariance",
            "Agreement",
            "Differential item functioning",
            "Each role and wave by itself",
        ):
            assert f"\n{title}\n" in text
        assert json.loads(to_json(found))["invariance"]["waves"]["continuous"]["verdict"] in {
            "holds",
            "partial",
        }


def noise(n: int = 60, k: int = 6, seed: int = 3) -> pd.DataFrame:
    """Answers from 1 to 5 with something in common."""
    rng = np.random.default_rng(seed)
    trait = rng.normal(size=(n, 1))
    return pd.DataFrame(
        np.clip(np.round(3 + trait + rng.normal(size=(n, k))), 1, 5),
        columns=[f"i{j}" for j in range(1, k + 1)],
    )


def collinear() -> pd.DataFrame:
    frame = noise()
    return frame.assign(i6=frame["i5"])


HOSTILE: dict[str, Callable[[], pd.DataFrame]] = {
    "a constant item": lambda: noise().assign(i2=3.0),
    "an item nobody answered": lambda: noise().assign(i2=np.nan),
    "all items constant": lambda: noise() * 0 + 2,
    "nobody answered anything": lambda: noise() * np.nan,
    "fewer rows than items": lambda: noise(n=4),
    "one row": lambda: noise(n=1),
    "two rows": lambda: noise(n=2),
    "an item twice": collinear,
    "values between whole numbers": lambda: noise() * 0.77,
    "two options": lambda: (noise() > 3) * 1.0 + 1,
    "an item of two values": lambda: noise().assign(i1=[1.0, 5.0] * 30),
    "no complete row": lambda: noise().mask(np.arange(60)[:, None] % 6 == np.arange(6)),
    "most answers missing": lambda: noise().mask(np.random.default_rng(1).uniform(size=(60, 6)) < 0.8),
    "one person answers differently": lambda: (noise() * 0 + 3).assign(i1=[5.0] + [3.0] * 59),
    "a name like a formula": lambda: noise().rename(columns={"i1": "i 1 ~ x", "i2": "=~"}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_end_in_notes_not_in_a_traceback(name: str) -> None:
    frame = HOSTILE[name]()
    items = [str(item) for item in frame.columns]
    scales = make_scale_set(
        {"s": items[:3], "t": [items[3], items[4], "-" + items[5]], "u": items[:2]}, minimum=0, maximum=5
    )

    found = psychometric_report(frame, scales, QUICK)
    text = render_text(found)
    plain = json.loads(to_json(found))

    assert max(map(len, text.split("\n"))) <= WIDTH
    assert plain["scales"]["s"]["scores"]["n_used"] >= 0
    for figure, _ in report_figures(found).values():
        figure.draw_without_rendering()
    assert_gaps_are_explained(plain)


def assert_gaps_are_explained(plain: Any, path: str = "") -> None:
    """A result that is None, or whose `converged` is false, stands beside a note."""
    if isinstance(plain, dict):
        if "value" in plain and "notes" in plain and plain["value"] is None:
            assert plain["notes"], path
        if plain.get("converged") is False and "notes" in plain:
            assert plain["notes"], path
        for key, value in plain.items():
            assert_gaps_are_explained(value, f"{path}/{key}")
    elif isinstance(plain, list):
        for place, value in enumerate(plain):
            assert_gaps_are_explained(value, f"{path}/{place}")


class TestScales:
    def test_a_scale_of_one_item_is_described_without_reliability(self) -> None:
        found = psychometric_report(
            noise(), make_scale_set({"one": ["i1"], "s": ["i2", "i3", "i4"]}, minimum=1, maximum=5), QUICK
        )

        assert found.scales["one"].reliability is None
        assert [note.code for note in found.scales["one"].notes] == ["scale.single"]
        assert list(found.confirmatory.factors) == ["s"]
        assert "one" in render_text(found)

    def test_a_scale_of_two_items_has_spearman_brown_and_no_model(self) -> None:
        found = psychometric_report(noise(), make_scale_set({"s": ["i1", "i2"]}, minimum=1, maximum=5), QUICK)
        section = found.scales["s"].reliability
        assert section is not None

        assert section.spearman_brown is not None
        assert section.omega is None
        assert found.confirmatory.factors == {}
        assert {note.code for note in found.confirmatory.notes} == {"confirmatory.small"}
        assert not found.scales["s"].curves["i1"].modelled

    def test_scales_that_share_items_are_analysed_without_a_joint_model(self) -> None:
        scales = make_scale_set(
            {"s": ["i1", "i2", "i3"], "t": ["i3", "i4", "-i5"], "u": ["i5", "i6", "i1"]}, minimum=1, maximum=5
        )
        found = psychometric_report(noise(), scales, QUICK)

        assert found.confirmatory.factors == {}
        assert "joint.shared" in {note.code for note in found.confirmatory.notes}
        assert "report.signs" in {note.code for note in found.notes}
        assert all(section.reliability is not None for section in found.scales.values())

    def test_an_instrument_brings_its_own_keys_and_ranges(self) -> None:
        frame = noise().set_axis([f"PS{n}" for n in range(1, 7)], axis=1)
        scales = scales_of_instrument(get_instrument("core-battery", "0.1.0"), list(frame.columns))

        found = psychometric_report(frame, scales, QUICK)

        assert list(found.scales) == ["PS", "PS_ANCHOR"]
        assert list(found.confirmatory.factors) == ["PS"]
        assert found.meta.scales_source == "core-battery 0.1.0"
        section = found.scales["PS"].reliability
        assert section is not None
        assert set(section.omega_hierarchical) == {"2", "3"}


def test_scales_that_only_one_role_was_asked_stay_out_of_the_joint_analyses() -> None:
    frame = noise().assign(p=np.repeat(range(30), 2), r=["mentor", "mentee"] * 30)
    frame.loc[frame["r"] == "mentor", ["i4", "i5", "i6"]] = np.nan
    scales = make_scale_set({"both": ["i1", "i2", "i3"], "mentees": ["i4", "i5", "i6"]}, minimum=1, maximum=5)

    found = psychometric_report(frame, scales, dataclasses.replace(QUICK, pair="p", role="r"))

    assert found.meta.n_complete == 60
    assert list(found.confirmatory.factors) == ["both"]
    assert "mentees" in next(str(note) for note in found.notes if note.code == "report.apart")
    assert found.scales["mentees"].scores.n_used == 30
    assert list(found.scales["mentees"].subsets) == ["mentee", "mentor"]


def test_roles_that_answer_different_words_are_not_compared() -> None:
    frame = noise(n=120).set_axis(["PSG1", "PSG2", "PSG3", "PS1", "PS2", "PS6"], axis=1)
    frame = frame.assign(p=np.repeat(range(60), 2), r=["mentor", "mentee"] * 60)
    scales = scales_of_instrument(get_instrument("core-battery", "0.1.0"), list(frame.columns))

    found = psychometric_report(
        frame, scales, dataclasses.replace(QUICK, pair="p", role="r", estimator="MLR")
    )

    assert set(found.confirmatory.factors) == {"PSG", "PS_ANCHOR"}
    assert found.invariance is not None
    assert set(found.invariance.roles["continuous"].anchors) == {"PS_ANCHOR"}
    assert found.agreement is not None
    assert found.agreement.scales["PSG"].pairs == {}
    assert list(found.agreement.scales["PS_ANCHOR"].pairs) == [""]
    assert "scale.mirrored" in {note.code for note in found.scales["PSG"].notes}


def test_nothing_in_common_leaves_the_joint_analyses_empty() -> None:
    frame = noise().assign(p=np.repeat(range(30), 2), r=["mentor", "mentee"] * 30)
    frame.loc[frame["r"] == "mentor", ["i4", "i5", "i6"]] = np.nan
    frame.loc[frame["r"] == "mentee", ["i1", "i2", "i3"]] = np.nan
    scales = make_scale_set({"a": ["i1", "i2", "i3"], "b": ["i4", "i5", "i6"]}, minimum=1, maximum=5)

    found = psychometric_report(frame, scales, dataclasses.replace(QUICK, pair="p", role="r"))

    assert found.confirmatory.factors == {}
    assert render_text(found)
    assert set(report_figures(found)) == {"options_a", "options_b"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "code"),
        [
            ({"missing": "pairwise"}, "report.option"),
            ({"estimator": "GLS"}, "report.option"),
            ({"draws": 1}, "report.option"),
            ({"sets": 0}, "report.option"),
            ({"seed": -1}, "report.option"),
            ({"cutoffs": 5}, "report.option"),
            ({"confidence": 1.0}, "report.option"),
            ({"estimator": "WLSMV", "missing": "fiml"}, "report.option"),
            ({"role": "r"}, "report.columns"),
            ({"wave": "w"}, "report.columns"),
            ({"group": "nowhere"}, "table.column"),
            ({"group": "one"}, "report.groups"),
            ({"pair": "p", "role": "three"}, "report.roles"),
            ({"person": "p", "wave": "one"}, "report.waves"),
            ({"pair": "gap"}, "report.label"),
            ({"pair": "p", "role": "r", "wave": "w"}, "report.repeated"),
        ],
    )
    def test_options_that_cannot_be_met_are_named(self, options: dict[str, Any], code: str) -> None:
        frame = noise().assign(
            p=1, r=["x", "y"] * 30, w=["a", "b"] * 30, one="1", three=["a", "b", "c"] * 20, gap=None
        )

        with pytest.raises(ProblemsError) as caught:
            psychometric_report(
                frame,
                make_scale_set({"s": ["i1", "i2", "i3"]}, minimum=1, maximum=5),
                dataclasses.replace(QUICK, **options),
            )

        assert caught.value.code == code

    def test_a_fault_of_the_program_is_not_made_a_note(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(report_scales, "scale_reliability", fail)

        with pytest.raises(ZeroDivisionError):
            psychometric_report(
                noise(), make_scale_set({"s": ["i1", "i2", "i3"]}, minimum=1, maximum=5), QUICK
            )
        with pytest.raises(ZeroDivisionError):
            attempt([], "x", fail)


def test_notes_are_kept_once() -> None:
    first, second = Note("a", "%(n)d", {"n": 1}), Note("a", "%(n)d", {"n": 2})

    assert unique_notes([first, second, first]) == (first, second)


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["TC", "PL", "T0", "T3a"], ["T0", "TC", "T3a", "PL"]),
        (["10", "9", "2"], ["2", "9", "10"]),
        (["pre", "mid", "pre"], ["mid", "pre"]),
    ],
)
def test_waves_stand_in_their_order(labels: list[str], order: list[str]) -> None:
    assert order_waves(labels) == order


def test_a_score_that_never_varies_has_no_shape() -> None:
    frame = noise() * 0 + 4
    scores = (
        psychometric_report(frame, make_scale_set({"s": ["i1", "i2", "i3"]}, minimum=1, maximum=5), QUICK)
        .scales["s"]
        .scores
    )

    assert (scores.mean, scores.sd, scores.skewness, scores.kurtosis) == (4.0, 0.0, None, None)
    assert not math.isnan(scores.sd)
