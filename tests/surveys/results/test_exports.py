"""The data package: complete above the floor, silent below it, free of names, and the source of every number shown."""

import csv
import hashlib
import io
import json
import stat
import zipfile
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from instruments.answers import AnswerValue
from instruments.model import Missing, Role, WaveKind
from scoring.reliability import cronbach_alpha
from surveys import exports, packages, responses, waves
from surveys.audit import list_events
from surveys.exports import write_data_package
from surveys.packages import ExportError
from surveys.releases import release_of
from surveys.reports import reliability_report

MENTOR, MENTEE = Role.MENTOR, Role.MENTEE
TC, T2 = WaveKind.TC, WaveKind.T2
FILES = {"answers_long.csv", "scores_long.csv", "wide.csv", "codebook.csv", "README.txt", "manifest.json"}


def draw(rng, n):
    return [tuple(map(int, row)) for row in rng.integers(1, 6, size=(n, 3))]


def write(study, target, **options):
    given = {"purpose": "Evaluation", "now": study.now, "folders": study.folders, **options}
    return write_data_package(study.session, study.program, target, **given)


def read(folder, name):
    return pd.read_csv(folder / name, dtype={"code": "Int64"}, keep_default_na=True)


@pytest.fixture
def written(study, ease, tmp_path):
    """Two cohorts with two closed waves each, one of which lacks a few people, and the package of them."""
    rng = np.random.default_rng(11)
    closed = {}
    for name, n in (("Finance and Legal", 14), ("Operations", 23)):
        cohort = study.cohort(name)
        for kind, n_kind in ((TC, n), (T2, n - 1)):
            wave = study.wave(cohort, kind)
            for role in Role:
                study.answer(wave, role, ease(*draw(rng, n_kind)))
            study.freeze(wave)
            closed[name, kind] = wave
    manifest = write(study, tmp_path / "package")
    return study, closed, tmp_path / "package", manifest


def test_the_manifest_describes_every_file(written):
    _study, _closed, folder, manifest = written
    assert {file.name for file in folder.iterdir()} == FILES
    stored = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert stored == manifest.as_json()
    assert set(manifest.files) == FILES - {"manifest.json"}
    for name, entry in manifest.files.items():
        content = (folder / name).read_bytes()
        assert entry.sha256 == hashlib.sha256(content).hexdigest()
        if name.endswith(".csv"):
            assert len(list(csv.reader(io.StringIO(content.decode(), newline="")))) == entry.rows + 1
    assert (stored["purpose"], stored["written_on"]) == ("Evaluation", "2026-03-02")
    assert stored["software"].startswith("viceversa ")
    instrument = stored["instruments"][0]
    assert (instrument["id"], instrument["version"]) == ("toy", "0.1.0")
    assert instrument["status"] == "development version, no norms"
    assert {(entry["locale"], entry["answered_by_ten_or_more"]) for entry in instrument["locales"]} == {
        ("en", True), ("de", False), ("ur", False),
    }  # fmt: skip
    assert [(wave["cohort"], wave["wave"], wave["week_opened"], wave["floor"]) for wave in stored["waves"]] == [
        ("C1", "TC", 3, 5), ("C1", "T2", 7, 5), ("C2", "TC", 2, 5), ("C2", "T2", 6, 5),
    ]  # fmt: skip
    assert stored["left_out"] == []


def test_files_read_back_give_the_change_that_was_released(written):
    study, closed, folder, _manifest = written
    wide = read(folder, "wide.csv")
    for code, name in (("C1", "Finance and Legal"), ("C2", "Operations")):
        released = release_of(study.session, closed[name, T2])
        for role in Role:
            rows = wide[(wide["cohort"] == code) & (wide["role"] == role.value)]
            change = (rows["AA.T2"] - rows["AA.TC"]).dropna()
            shown = released.scale(role, "AA").change
            assert shown.n == len(change)
            assert shown.mean == round(change.mean(), 2)


def test_files_read_back_give_the_reliability_that_is_reported(written):
    study, _closed, folder, _manifest = written
    wide, codebook = read(folder, "wide.csv"), read(folder, "codebook.csv")
    keys = codebook.loc[codebook["variable"] == "AA", "scales"].item()
    assert keys == "A1(+1) A2(+1) A3(-1)"
    for row in reliability_report(study.session, study.program, folders=study.folders).rows:
        if row.scale_id != "AA":
            continue
        rows = wide[wide["role"] == row.role.value]
        items = rows[[f"{item}.{row.wave.value}" for item in ("A1", "A2", "A3")]].copy()
        items[f"A3.{row.wave.value}"] = 6 - items[f"A3.{row.wave.value}"]
        items = items.dropna()
        within = items - items.groupby(rows.loc[items.index, "cohort"]).transform("mean")
        assert row.alpha == pytest.approx(cronbach_alpha(within).value, abs=1e-12)
        assert row.n_used == len(items)


def test_scores_come_back_bit_for_bit(written):
    _study, _closed, folder, _manifest = written
    wide, scores = read(folder, "wide.csv"), read(folder, "scores_long.csv")
    long = scores[scores["wave"] == "TC"].set_index(["respondent", "pair"])["score"]
    expected = (wide["A1.TC"] + wide["A2.TC"] + 6 - wide["A3.TC"]) / 3
    assert (wide.set_index(["respondent", "pair"])["AA.TC"].loc[long.index] == long).all()
    assert wide["AA.TC"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-15)
    assert set(scores["n_valid"]) == {0, 3}
    assert set(scores.loc[scores["n_valid"] == 0, "score"].isna()) == {True}


def test_nothing_in_the_package_leads_back_to_the_database(written):
    study, closed, folder, _manifest = written
    secrets = {*study.keys.values(), *(wave.id for wave in closed.values())}
    secrets |= {wave.cohort_id for wave in closed.values()}
    secrets |= {"Finance and Legal", "Operations", "Example Works", "spring", "Spring"}
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not [secret for secret in secrets if secret in text], file.name
        if file.suffix == ".csv":
            assert "locale" not in text.splitlines()[0]


def test_two_packages_cannot_be_joined(written, tmp_path):
    study, _closed, folder, _manifest = written
    write(study, tmp_path / "second")
    first, second = (read(place, "wide.csv") for place in (folder, tmp_path / "second"))
    assert len(first) == len(second) == 74
    for column in ("respondent", "pair"):
        assert set(first[column]).isdisjoint(second[column])
    assert list(first["respondent"]) != sorted(first["respondent"])
    assert set(first["cohort"]) == {"C1", "C2"}


def test_partners_share_a_pair_and_each_answers_in_their_role(written):
    _study, _closed, folder, _manifest = written
    wide = read(folder, "wide.csv")
    roles = wide.groupby("pair")["role"].agg(sorted)
    assert all(of_pair == ["mentee", "mentor"] for of_pair in roles)


@pytest.mark.parametrize("n", [0, 4, 5])
def test_a_cell_below_the_floor_is_left_out_and_listed_whoever_answered(study, ease, tmp_path, n):
    rng = np.random.default_rng(3)
    wave = study.wave(study.cohort("Small"), TC)
    study.answer(wave, MENTEE, ease(*draw(rng, 8)))
    study.answer(wave, MENTOR, ease(*[(5, 5, 1)] * n))
    study.close(wave)
    manifest = write(study, tmp_path / "package")
    wide = read(tmp_path / "package", "wide.csv")
    stored = manifest.as_json()
    del stored["files"]
    assert set(wide["role"]) == ({"mentor", "mentee"} if n == 5 else {"mentee"})
    assert stored["left_out"] == ([] if n == 5 else [{"cohort": "C1", "wave": "TC", "role": "mentor"}])
    assert manifest.files["wide.csv"].rows == (13 if n == 5 else 8)
    assert not any("4" in note for note in manifest.notes)
    for name in ("answers_long.csv", "scores_long.csv"):
        assert set(read(tmp_path / "package", name)["role"]) == set(wide["role"])


SENSITIVE = {"cohort": "C1", "wave": "T2", "role": "mentor", "items": ["A3", "B1", "B2", "H1"], "scales": ["AA", "BB"]}  # fmt: skip


def write_sensitive(study, target, n):
    """A package of twelve mentees and n mentors who answered everything."""
    wave = study.wave(study.cohort(f"Mentors {n}"), T2)
    items = ("A1", "A2", "A3", "B1", "B2", "X1", "H1")
    for role, size in ((MENTOR, n), (MENTEE, 12)):
        study.answer(wave, role, {number: dict.fromkeys(items, 1) for number in range(size)})
    study.close(wave)
    return write(study, target)


@pytest.mark.parametrize("n", [5, 9, 10])
def test_sensitive_items_and_scales_need_ten_people(sensitive_study, tmp_path, n):
    write_sensitive(sensitive_study, tmp_path / "package", n)
    wide, answers, scores = (
        read(tmp_path / "package", name) for name in ("wide.csv", "answers_long.csv", "scores_long.csv")
    )
    hidden = {*SENSITIVE["items"], *SENSITIVE["scales"]}
    for role, size in (("mentor", n), ("mentee", 12)):
        told = size >= 10
        rows = wide[wide["role"] == role]
        assert len(rows) == size
        assert {name: bool(rows[f"{name}.T2"].notna().all()) for name in hidden} == dict.fromkeys(
            hidden, told
        )
        assert {name: bool(rows[f"{name}.T2"].isna().all()) for name in hidden} == dict.fromkeys(
            hidden, not told
        )
        assert rows[["A1.T2", "A2.T2", "X1.T2"]].notna().all(axis=None)
        asked = set(answers.loc[answers["role"] == role, "item"])
        assert asked & hidden == (set(SENSITIVE["items"]) if told else set())
        assert asked >= {"A1", "A2", "X1"}
        assert set(scores.loc[scores["role"] == role, "scale"]) == ({"AA", "BB"} if told else set())


def test_what_is_sensitive_is_listed_the_same_for_nobody_and_for_nine(sensitive_study, tmp_path):
    # Each package holds the cohorts before it as well, so the last one shows all sizes side by side.
    for n in (0, 4, 9, 10):
        manifest = write_sensitive(sensitive_study, tmp_path / f"package{n}", n)
    whole = {"wave": "T2", "role": "mentor"}
    assert list(manifest.left_out) == [
        {"cohort": "C1", **whole}, {"cohort": "C2", **whole},
        *({**SENSITIVE, "cohort": cohort} for cohort in ("C1", "C2", "C3")),
    ]  # fmt: skip
    assert any("sensitive items and scales are left out" in note for note in manifest.notes)
    text = (tmp_path / "package10" / "README.txt").read_text(encoding="utf-8")
    assert "no sensitive item and no scale that is sensitive or contains one" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 132


def test_a_sensitive_subscale_of_nine_leaves_the_rest_of_its_form(core_study, tmp_path):
    study = core_study
    for n in (9, 10):
        wave = study.wave(study.cohort(f"Mentees {n}"), WaveKind.T0)
        items = [item for scale in ("OP", "OP_T") for item in study.instrument.scale(scale).keys]
        study.answer(wave, MENTEE, {number: dict.fromkeys(items, 2) for number in range(n)})
        study.close(wave)
    manifest = write(study, tmp_path / "package")
    scores = read(tmp_path / "package", "scores_long.csv").dropna(subset="score")
    counted = scores.groupby(["cohort", "scale"]).size()
    assert (counted["C1", "OP"], counted["C2", "OP"], counted["C2", "OP_T"]) == (9, 10, 10)
    assert ("C1", "OP_T") not in counted
    listed = [entry for entry in manifest.left_out if entry["role"] == "mentee" and "items" in entry]
    assert listed == [
        {"cohort": "C1", "wave": "T0", "role": "mentee", "items": ["PD1", "OPT1", "OPT2"], "scales": ["OP_T"]}
    ]


def test_five_rows_of_four_people_are_left_out(study, ease, tmp_path):
    wave = study.wave(study.cohort("Several mentees"), TC)
    study.answer(wave, MENTOR, ease(*[(5, 5, 1)] * 5), people={2: 1})
    study.close(wave)
    assert write(study, tmp_path / "package").files["wide.csv"].rows == 0


def test_somebody_in_two_pairs_has_a_row_for_each_under_one_code(study, ease, tmp_path):
    wave = study.wave(study.cohort("Several mentees"), TC)
    study.answer(wave, MENTOR, ease(*[(5, 5, 1)] * 6), people={2: 1})
    study.close(wave)
    write(study, tmp_path / "package")
    wide = read(tmp_path / "package", "wide.csv")
    assert (len(wide), wide["respondent"].nunique(), wide["pair"].nunique()) == (6, 5, 6)


def test_open_waves_and_their_answers_stay_where_they_are(study, ease, tmp_path):
    rng = np.random.default_rng(5)
    cohort = study.cohort("Half-way")
    first, second = study.wave(cohort, TC), study.wave(cohort, T2)
    for wave in (first, second):
        study.answer(wave, MENTOR, ease(*draw(rng, 9)))
    with pytest.raises(ExportError) as caught:
        write(study, tmp_path / "package")
    assert caught.value.code == "nothing_closed"
    study.close(first)
    manifest = write(study, tmp_path / "package")
    assert [wave["wave"] for wave in manifest.waves] == ["TC"]
    assert not [column for column in read(tmp_path / "package", "wide.csv") if column.endswith(".T2")]


def test_withdrawn_answers_comments_and_drafts_are_not_in_the_next_package(scene, tmp_path):
    pairs = scene.add_pairs(6)
    wave = scene.add_wave(T2)
    links = {(i.pair_id, i.participant_id): i.invitation for i in scene.invite(wave)}
    answers = {
        "A1": AnswerValue(code=4),
        "A2": AnswerValue(missing=Missing.NOT_APPLICABLE),
        "A3": AnswerValue(missing=Missing.PREFER_NOT),
        "R1": AnswerValue(text="A sentence in my own words."),
    }
    for pair in pairs:
        responses.submit_response(
            scene.session, links[pair.id, pair.mentor_id], answers,
            pseudonyms=scene.pseudonyms, locale="ur", now=scene.now, folders=scene.folders,
        )  # fmt: skip
    responses.withdraw_response(
        scene.session, links[pairs[0].id, pairs[0].mentor_id], pseudonyms=scene.pseudonyms, now=scene.now
    )
    waves.close_wave(scene.session, wave, now=scene.now + timedelta(hours=1))
    write_data_package(
        scene.session, scene.cohort.program, tmp_path / "package",
        purpose="Evaluation", now=scene.now, folders=scene.folders,
    )  # fmt: skip
    long = read(tmp_path / "package", "answers_long.csv")
    assert long["respondent"].nunique() == 5
    # H1 is sensitive, and five are fewer than ten.
    of_item = long.groupby("item")["missing"].agg(lambda column: set(column.fillna("")))
    assert of_item.to_dict() == {
        "A1": {""}, "A2": {"not_applicable"}, "A3": {"prefer_not"},
        **{item: {"skipped"} for item in ("B1", "B2", "X1", "X2", "S1")},
    }  # fmt: skip
    assert set(long.loc[long["item"] == "A1", "code"]) == {4}
    everything = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "package").iterdir())
    assert "A sentence" not in everything
    assert "Junior" not in everything
    assert "example.org" not in everything


def test_a_scale_asked_but_hardly_answered_has_an_empty_score(study, tmp_path):
    wave = study.wave(study.cohort("Hardly"), TC)
    study.answer(wave, MENTOR, {n: {"A1": 2, "A2": 3 if n else None} for n in range(6)})
    study.close(wave)
    write(study, tmp_path / "package")
    scores = read(tmp_path / "package", "scores_long.csv").sort_values("n_valid")
    assert scores["n_valid"].tolist() == [1, 2, 2, 2, 2, 2]
    assert scores["score"].isna().tolist() == [True] + [False] * 5
    assert set(scores["score"].dropna()) == {2.5}


def test_tables_follow_rfc_4180_in_plain_utf_8(written):
    _study, _closed, folder, _manifest = written
    content = (folder / "codebook.csv").read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n")
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert {(row["variable"], row["label"]) for row in rows} >= {("A1", "I can ask {P} a simple question.")}


def test_the_wording_of_a_private_questionnaire_stays_out(written):
    study, _closed, _folder, _manifest = written
    data = exports._collect(
        study.session, study.program, exports.closed_waves(study.session, study.program), study.folders
    )
    private = [
        replace(g, instrument=replace(g.instrument, license="by permission of its owner"))
        for g in data.groups
    ]
    header, *lines = exports._codebook_lines(replace(data, groups=private))
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    items = [row for row in rows if row["kind"] != "scale"]
    assert {row["label"] + row["stem"] + row["codes"] for row in items} == {""}
    assert {row["variable"] for row in items} >= {"A1", "B2"}
    assert "may not be passed on" in exports._notes(replace(data, groups=private))[-1]


def test_a_zip_holds_the_same_files_for_its_owner_alone(written, tmp_path):
    study, _closed, folder, _manifest = written
    manifest = write(study, tmp_path / "package.zip")
    with zipfile.ZipFile(tmp_path / "package.zip") as packed:
        assert set(packed.namelist()) == FILES
        assert {entry.date_time for entry in packed.infolist()} == {(2026, 3, 2, 0, 0, 0)}
        content = packed.read("wide.csv")
    assert hashlib.sha256(content).hexdigest() == manifest.files["wide.csv"].sha256
    assert stat.S_IMODE((tmp_path / "package.zip").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_package_appears_whole_or_not_at_all(written, tmp_path, monkeypatch):
    study, _closed, _folder, _manifest = written
    before = set(tmp_path.iterdir())

    def fail(*_args, **_options):
        raise OSError("no space left on device")

    monkeypatch.setattr(packages.zipfile.ZipFile, "writestr", fail)
    with pytest.raises(OSError, match="no space"):
        write(study, tmp_path / "late.zip")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("target", "purpose", "code"),
    [
        ("package", "Evaluation", "target_exists"),
        ("nowhere/package", "Evaluation", "no_folder"),
        ("new", " \n ", "purpose"),
        ("new", "x" * 1001, "purpose_long"),
    ],
)
def test_a_package_needs_a_purpose_and_a_free_place(written, tmp_path, target, purpose, code):
    study, _closed, _folder, _manifest = written
    exported = len([event for event in list_events(study.session) if event.action == "data.exported"])
    with pytest.raises(ExportError) as caught:
        write(study, tmp_path / target, purpose=purpose)
    assert caught.value.code == code
    assert caught.value.message
    assert caught.value.remedy
    # Only the package that was written is in the log.
    assert len([e for e in list_events(study.session) if e.action == "data.exported"]) == exported == 1
