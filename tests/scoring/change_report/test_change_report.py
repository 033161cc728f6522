"""The change report wires answers to statistics: the same numbers as R, words by gates, each gap explained, nobody exposed."""

import dataclasses
import json
import math
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.change_report import (
    ChangeOptions,
    ChangeReport,
    change_report,
    pair_report,
    render_pair,
    render_text,
)
from scoring.change_report.pictures import change_figures
from scoring.report.text_tables import WIDTH
from scoring.scale_sets import ScaleKeys, ScaleSet, make_scale_set
from scoring.serialize import to_json
from tests.scoring.comparisons.rows import r_data

DYADS = {"safety": [f"q0{n}" for n in range(1, 6)], "support": [f"q0{n}" for n in range(6, 10)]}
SCALES = make_scale_set(DYADS, minimum=1, maximum=5)
OPTIONS = ChangeOptions("pair", "role", "wave")


def dyads(n_pairs: int = 150) -> pd.DataFrame:
    frame = r_data("sim_dyads_a")
    return frame[frame["pair"] <= n_pairs].reset_index(drop=True)


def complete(n_pairs: int, seed: int = 3, shift: float = 0.0) -> pd.DataFrame:
    """Pairs that all answered at two waves; everybody's true change is `shift`."""
    rng = np.random.default_rng(seed)
    rows = []
    for pair in range(1, n_pairs + 1):
        common = rng.normal() * 0.4
        for role in ("mentor", "mentee"):
            trait = common + rng.normal() * 0.6
            for wave in (0, 1):
                codes = np.clip(np.round(3 + trait + shift * wave + rng.normal(size=9) * 0.7), 1, 5)
                rows.append([pair, role, wave, *codes])
    return pd.DataFrame(rows, columns=["pair", "role", "wave", *SCALES.items])


@pytest.fixture(scope="module")
def report() -> ChangeReport:
    return change_report(dyads(), SCALES, OPTIONS)


@pytest.fixture(scope="module")
def plain(report: ChangeReport) -> Any:
    return json.loads(to_json(report))


class TestAgainstR:
    """Values of R 4.2.2: scores are rowMeans() where ceiling(2 * k / 3) items are answered, NA otherwise."""

    @pytest.mark.parametrize(
        ("scale", "role", "n", "mean", "low", "high", "p"),
        [
            # t.test(x) of wave 2 minus wave 0 by role.
            ("safety", "mentor", 106, 0.0853773584906, -0.0436228655692, 0.2143775825503, 0.1922790385),
            ("safety", "mentee", 106, 0.527358490566, 0.385293096883, 0.669423884249, 4.273626133e-11),
            ("support", "mentor", 107, 0.160436137072, -0.00937346804801, 0.33024574219131, 0.06380151115),
            ("support", "mentee", 109, 0.321100917431, 0.170514509523, 0.471687325340, 4.977066822e-05),
        ],
    )
    def test_change_of_each_role(
        self, plain: Any, scale: str, role: str, n: int, mean: float, low: float, high: float, p: float
    ) -> None:
        change = plain["scales"][scale]["roles"][role]["change"]

        assert change["n_used"] == n
        assert [change["mean"], change["low"], change["high"]] == pytest.approx([mean, low, high], rel=1e-9)
        assert change["p_t"] == pytest.approx(p, rel=1e-8)

    def test_families(self, plain: Any) -> None:
        roles = plain["scales"]["safety"]["roles"]

        assert (roles["mentee"]["family"], roles["mentee"]["verdict"]) == ("primary", "moved")
        assert plain["scales"]["support"]["roles"]["mentor"]["family"] == "secondary"

    def test_words_of_complete_pairs_rest_on_their_t_tests(self) -> None:
        frame = dyads()
        score = frame[DYADS["safety"]].mean(axis=1).where(frame[DYADS["safety"]].notna().sum(axis=1) >= 4)
        counts = score.groupby(frame["pair"]).count()
        whole = frame[frame["pair"].isin(counts.index[counts == 6])]
        roles = change_report(whole, SCALES, OPTIONS).scales["safety"].roles

        # In R: t.test of the changes of the 92 pairs without a missing score, and p.adjust of the two p by Holm.
        assert roles["mentor"].change is not None
        assert roles["mentor"].change.n_used == 92
        assert [roles["mentor"].mean, *roles["mentor"].ends] == pytest.approx([0.101087, -0.03933738, 0.2415113], abs=5e-7)  # fmt: skip
        assert [roles["mentee"].mean, *roles["mentee"].ends] == pytest.approx([0.5005435, 0.3537964, 0.6472905], abs=5e-7)  # fmt: skip
        assert roles["mentor"].p_adjusted == pytest.approx(1.56161854057e-01, rel=1e-6)
        assert roles["mentee"].p_adjusted == pytest.approx(2.39825031466e-09, rel=1e-6)

    def test_words_rest_on_all_scores_where_some_are_missing(self, report: ChangeReport) -> None:
        found = report.scales["support"].roles

        # R's nlme::gls as below: the last of its means minus the first; those with both scores alone give .3211 and .1604.
        assert found["mentee"].mean == pytest.approx(3.353597481 - 3.0, abs=2e-5)
        assert found["mentor"].mean == pytest.approx(3.325101225 - 3.165, abs=2e-5)
        assert report.families.find("support mentee").claim.low == found["mentee"].ends[0]

    def test_common_change_and_gap_of_pairs(self, report: ChangeReport) -> None:
        change = report.scales["safety"].pairs.change

        assert change is not None
        # R's t.test of (dm + de) / 2 and of dm - de, the changes of both partners.
        common, gap = change.contrasts.loc["common"], change.contrasts.loc["gap"]
        assert [common["estimate"], common["low"], common["high"]] == pytest.approx([0.3135, 0.2037947, 0.4232053], rel=1e-6)  # fmt: skip
        assert [gap["estimate"], gap["low"], gap["high"]] == pytest.approx([-0.4310, -0.61214316719, -0.24985683281], rel=1e-9)  # fmt: skip
        assert common["p"] == pytest.approx(1.413e-07, rel=1e-3)

    def test_correlation_of_changes(self, report: ChangeReport) -> None:
        found = report.scales["safety"].resemblance

        assert found is not None
        assert found.change is not None
        # R's cor.test of the changes of both partners.
        assert found.change.r == pytest.approx(0.1905782059, rel=1e-8)
        assert [found.change.low, found.change.high] == pytest.approx([-0.006067018521, 0.373032590025], rel=1e-6)  # fmt: skip

    def test_mixed_model_uses_every_score(self, report: ChangeReport) -> None:
        model = report.scales["support"].model

        assert model is not None
        # R's nlme::gls with corSymm over the cells of a pair and varIdent by cell, on all 776 scores.
        assert model.means.loc["mentee"].tolist() == pytest.approx([3, 3.20627948, 3.353597481], abs=2e-5)
        assert model.means.loc["mentor"].tolist() == pytest.approx([3.165, 3.212938059, 3.325101225], abs=2e-5)  # fmt: skip

    def test_a_wrong_order_of_waves_would_be_noticed(self) -> None:
        turned = change_report(dyads(), SCALES, dataclasses.replace(OPTIONS, order=("2", "1", "0")))
        change = turned.scales["safety"].roles["mentee"].change

        assert change is not None
        assert change.mean == pytest.approx(-0.527358490566, rel=1e-9)

    def test_a_wrong_key_would_be_noticed(self) -> None:
        keyed = make_scale_set(
            {**DYADS, "safety": ["q01", "q02", "-q03", "q04", "q05"]}, minimum=1, maximum=5
        )
        change = change_report(dyads(), keyed, OPTIONS).scales["safety"].roles["mentee"].change

        assert change is not None
        assert abs((change.mean or 0) - 0.527358490566) > 0.1


class TestWhole:
    def test_every_section_is_there_in_the_order_of_reading(self, plain: Any) -> None:
        assert list(plain) == [
            "meta", "declared", "scales", "families", "cohorts", "skills", "scorecard", "missing", "selection", "persons",
            "wording", "notes",
        ]  # fmt: skip
        assert plain["wording"] == "changed during"
        assert plain["meta"]["waves"] == ["0", "1", "2"]
        assert plain["meta"]["roles"] == ["mentor", "mentee"]
        assert plain["cohorts"] is None
        assert set(plain["missing"]["imputed"]["safety"]) == {"mentor", "mentee"}

    def test_the_same_answers_give_the_same_bytes(self, report: ChangeReport) -> None:
        assert to_json(change_report(dyads(), SCALES, OPTIONS)) == to_json(report)

    def test_the_order_of_rows_changes_no_word(self, report: ChangeReport) -> None:
        shuffled = dyads().sample(frac=1.0, random_state=4).reset_index(drop=True)
        again = change_report(shuffled, SCALES, OPTIONS)

        for name, section in report.scales.items():
            for role, found in section.roles.items():
                other = again.scales[name].roles[role]
                assert other.verdict == found.verdict
                assert other.change is not None
                assert found.change is not None
                assert other.change.mean == pytest.approx(found.change.mean, abs=1e-12)
                assert other.change.p_sign_flip == pytest.approx(found.change.p_sign_flip, abs=0.02)

    def test_the_report_is_frozen_and_can_be_sent_to_another_process(self, report: ChangeReport) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            report.wording = "because of"  # type: ignore[misc]
        assert to_json(pickle.loads(pickle.dumps(report.families))) == to_json(report.families)

    def test_progress_names_every_step_once(self) -> None:
        seen: list[str] = []

        def progress(labels: Sequence[str]) -> Iterator[str]:
            for label in labels:
                seen.append(label)
                yield label

        change_report(complete(4), SCALES, OPTIONS, progress=progress)

        assert seen == [
            "scale safety", "scale support", "cohorts", "skills", "missing answers", "selection", "single persons",
        ]  # fmt: skip

    def test_no_value_is_missing_without_a_word(self, plain: Any) -> None:
        for section in plain["scales"].values():
            for role in section["roles"].values():
                assert role["verdict"] is not None
                assert role["power"]["detectable"] is not None
                assert role["equivalence"]["p"] is not None
                assert role["bounds"] is None  # Scores are imputed instead.


class TestGates:
    @pytest.mark.parametrize("n_pairs", [1, 2, 4])
    def test_below_five_counts_only(self, n_pairs: int) -> None:
        report = change_report(complete(n_pairs, shift=1.0), SCALES, OPTIONS)
        numbers = [
            value
            for section in json.loads(to_json(report))["scales"].values()
            for role in section["roles"].values()
            for value in (
                role["change"]["mean"],
                role["items"],
                role["equivalence"],
                role["power"],
                role["verdict"],
            )
        ]

        assert set(numbers) == {None}
        assert all(section.pairs.change is section.model is section.resemblance is None for section in report.scales.values())  # fmt: skip
        assert report.persons.reliable == {}
        assert change_figures(report) == {}
        assert "Counts only" in render_text(report)

    def test_from_five_to_nine_no_direction_and_no_test(self) -> None:
        report = change_report(complete(8, shift=1.5), SCALES, OPTIONS)

        for section in report.scales.values():
            for role in section.roles.values():
                change = role.change
                assert change is not None
                assert change.interval_kind == "reference"
                assert (change.direction, change.p_t, change.sd_change) == (None, None, None)
                assert role.verdict == "too few"
            assert section.pairs.change is None
        text = render_text(report)
        assert "too few to conclude" in text
        assert not {"moved, higher", "moved, lower"} & {line.strip() for line in text.splitlines()}
        assert "higher" not in text.replace("researchers", "")

    def test_from_ten_tests_and_from_twenty_models(self) -> None:
        ten, twenty = (change_report(complete(n, shift=1.0), SCALES, OPTIONS) for n in (12, 20))

        assert ten.scales["safety"].pairs.change is not None
        assert ten.scales["safety"].pairs.change.sign_flip_exact
        assert ten.scales["safety"].model is None
        assert ten.scales["safety"].resemblance is not None
        assert ten.scales["safety"].resemblance.influence is None
        assert twenty.scales["safety"].model is not None
        assert twenty.scales["safety"].model.method == "mixed model"
        assert twenty.scales["safety"].resemblance is not None
        assert twenty.scales["safety"].resemblance.influence is not None
        assert twenty.scales["safety"].resemblance.influence.standing == "exploratory"

    def test_with_complete_data_the_model_equals_the_contrasts_of_pairs(self) -> None:
        section = change_report(complete(30, shift=0.3), SCALES, OPTIONS).scales["safety"]

        assert section.model is not None
        assert section.pairs.change is not None
        for contrast in ("mentor", "mentee", "common", "gap"):
            model, pairs = (
                section.model.contrasts.loc[("1", contrast)],
                section.pairs.change.contrasts.loc[contrast],
            )
            assert model["estimate"] == pytest.approx(pairs["estimate"], abs=1e-9)
            assert model["p"] == pytest.approx(pairs["p"], rel=1e-4)

    def test_nobody_is_called_moved_where_nothing_moved(self) -> None:
        # A negative control: with a true change of a point both roles move, without any neither does.
        still, moved = (change_report(complete(40, 11, shift), SCALES, OPTIONS) for shift in (0.0, 1.0))
        words = [
            {role.verdict for section in report.scales.values() for role in section.roles.values()}
            for report in (still, moved)
        ]

        assert "moved" not in words[0]
        assert words[1] == {"moved"}


class TestPersons:
    def test_the_reference_is_flagged_and_nobody_labelled(self, report: ChangeReport) -> None:
        found = report.persons.reliable["safety mentee"]

        assert found.reliability.provenance == "synthetic"
        assert not found.labels_on
        assert any("provisional" in str(note) for note in found.notes)
        assert report.persons.labels is not None
        assert report.persons.labels.n_labelled == 0
        assert any("For researchers only" in str(note) for note in report.persons.notes)

    def test_single_persons_are_listed_only_when_asked_for(self, report: ChangeReport) -> None:
        opened = change_report(dyads(), SCALES, dataclasses.replace(OPTIONS, persons=True))

        assert len(report.persons.reliable["safety mentee"].people) == 0
        assert len(report.persons.shrunken["safety common"].table) == 0
        assert len(opened.persons.reliable["safety mentee"].people) == 106
        assert len(opened.persons.shrunken["safety common"].table) == 100
        assert report.scales["safety"].pairs.change is not None
        assert len(report.scales["safety"].pairs.change.pairs) == 0
        assert longest_table(json.loads(to_json(report))) < 30 < longest_table(json.loads(to_json(opened)))

    def test_one_pair(self) -> None:
        found = pair_report(dyads(), SCALES, OPTIONS, "3")
        text = render_pair(found)

        assert found.scales["safety"].scores.loc["mentor"].tolist() == pytest.approx([2.4, 2.4, 1.8])
        assert found.scales["safety"].common == pytest.approx(0.7)
        assert found.scales["safety"].gap == pytest.approx(-2.6)
        # sqrt((SEM^2 + SEM^2) / 2) with SEM = .75 sqrt(.3)
        assert found.scales["safety"].common_se == pytest.approx(0.75 * math.sqrt(0.3))
        assert abs(found.scales["safety"].shrunken or 9) < 0.7
        assert "never shown to either of them" in " ".join(text.split())


class TestMissing:
    def test_few_who_left_are_not_described(self) -> None:
        frame = complete(30)
        frame = frame[~((frame["pair"] <= 2) & (frame["wave"] == 1) & (frame["role"] == "mentor"))]
        found = change_report(frame, SCALES, OPTIONS).missing.dropout

        assert found is not None
        assert found.n_left == 2
        assert found.differences["mean_left"].isna().all()
        assert any(note.code == "missing.hidden" for note in found.notes)

    def test_the_tipping_point_is_against_the_finding(self) -> None:
        frame = complete(60, shift=-0.8)
        gone = (frame["pair"] % 4 == 0) & (frame["wave"] == 1) & (frame["role"] == "mentee")
        found = change_report(frame[~gone], SCALES, OPTIONS).missing.imputed["safety"]["mentee"]

        assert found.change.pooled.estimate < 0
        assert found.tipping.direction == "higher"
        assert found.tipping.tipping is not None
        assert found.tipping.tipping > 0

    def test_bounds_where_there_are_too_few_to_impute(self) -> None:
        frame = complete(14)
        frame = frame[~((frame["pair"] == 1) & (frame["wave"] == 1))]
        report = change_report(frame, SCALES, OPTIONS)
        bounds = report.scales["safety"].roles["mentor"].bounds

        assert report.missing.imputed == {}
        assert bounds is not None
        assert bounds.n_missing == 1
        assert bounds.worst is not None
        assert bounds.best is not None
        assert bounds.worst < bounds.best


def test_different_words_are_never_averaged_or_subtracted() -> None:
    mirrored = ScaleSet(tuple(ScaleKeys(s.name, s.keys, 1, 5, same_wording=False) for s in SCALES.scales))
    report = change_report(complete(30), mirrored, OPTIONS)

    for section in report.scales.values():
        assert section.pairs.change is None
        assert section.model is not None
        assert set(section.model.contrasts.index.get_level_values("contrast")) == {"mentor", "mentee"}
        assert section.resemblance is not None
        assert section.resemblance.agreement == {}
        assert section.resemblance.levels
    assert "roles" not in change_figures(report)
    assert not any(key.endswith("common") for key in report.persons.shrunken)


def test_anchors_beside_the_other_items() -> None:
    frame = complete(30)
    later = frame["wave"] == 1
    frame.loc[later, ["q03", "q04", "q05"]] = (frame.loc[later, ["q03", "q04", "q05"]] + 1).clip(upper=5)
    items = change_report(frame, SCALES, dataclasses.replace(OPTIONS, anchors=("q01", "q02"))).scales["safety"].roles["mentor"].items  # fmt: skip

    assert items is not None
    assert items.apart
    assert [item.anchor for item in items.items] == [True, True, False, False, False]


class TestText:
    def test_no_line_is_wider_than_a_page(self, report: ChangeReport) -> None:
        assert max(len(line) for line in render_text(report).splitlines()) <= WIDTH

    def test_the_words_are_there(self, report: ChangeReport) -> None:
        text = " ".join(render_text(report).split())

        assert "Changed during the programme by +0.50 points on average (95% interval +0.37 to +0.64): moved, higher." in text  # fmt: skip
        assert "Those with both scores alone: +0.53 [+0.39, +0.67]" in text
        assert "equivalent (too small to matter)" in text
        assert "degrees of freedom after Kenward and Roger" in text
        assert "Primary family, adjusted after Holm: safety." in text
        assert "nan" not in text.lower()

    def test_pictures_have_words(self, report: ChangeReport) -> None:
        pictures = change_figures(report)

        assert set(pictures) == {"slopes", "changes", "roles", "power"}
        assert all(words.title and words.description for _, words in pictures.values())
        assert "safety, mentee: +0.50" in pictures["changes"][1].description


def longest_table(value: Any) -> int:
    """The number of rows of the longest table in plain values."""
    if isinstance(value, dict):
        own = len(value["rows"]) if isinstance(value.get("rows"), list) else 0
        return max([own, *map(longest_table, value.values())])
    return max(map(longest_table, value), default=0) if isinstance(value, list) else 0
