"""Whatever leaves the house says which languages were offered as drafts, and never whether anybody answered in them."""

import csv
import io

from instruments.model import Role, WaveKind
from surveys.exports import write_data_package
from surveys.languages import acknowledge_draft
from surveys.models import Response
from surveys.packs.blocks import as_markdown
from surveys.packs.council import council_document
from surveys.packs.facts import pack_facts
from surveys.published import as_text
from surveys.releases import release_of
from surveys.retention import RetentionPolicy


def languages_in(package):
    """What the codebook says of each language."""
    lines = csv.DictReader(io.StringIO((package / "codebook.csv").read_text(encoding="utf-8")))
    return {line["variable"]: line["provenance"] for line in lines if line["kind"] == "language"}


def test_results_and_packages_name_what_was_offered_and_not_what_was_answered(study, ease, tmp_path):
    told = {}
    for name, locales, answered in (
        ("Drafts", ["en", "ur"], "en"),
        ("Answered", ["en", "ur"], "ur"),
        ("Source only", ["en"], "en"),
    ):
        wave = study.wave(study.cohort(name), WaveKind.T2)
        wave.locales = locales
        for role in Role:
            study.answer(wave, role, ease(*[(3, 3, 3), (4, 3, 2)] * 4))
        study.session.query(Response).filter(Response.wave_id == wave.id).update({"locale": answered})
        study.freeze(wave)
        told[name] = release_of(study.session, wave)

    assert {name: view.drafts for name, view in told.items()} == {
        "Drafts": ("ur",),
        "Answered": ("ur",),
        "Source only": (),
    }
    # The same whether or not anybody answered in the draft: nothing of it leads to a person.
    assert told["Drafts"].body["drafts"] == told["Answered"].body["drafts"]
    assert "drafts that nobody had approved: ur." in as_text(told["Drafts"])
    assert "drafts" not in as_text(told["Source only"])

    package = tmp_path / "package"
    manifest = write_data_package(
        study.session, study.program, package, purpose="P", now=study.now, folders=study.folders
    )
    (note,) = [note for note in manifest.notes if "drafts" in note]
    assert "ur (toy 0.1.0: machine, not reviewed)" in note
    assert "de" not in [entry["locale"] for entry in manifest.instruments[0]["locales"] if entry["offered"]]
    assert languages_in(package) == {"en": "source", "ur": "machine, not reviewed"}


def test_a_package_of_the_source_language_alone_needs_no_note(study, ease, tmp_path):
    wave = study.wave(study.cohort("Source only"), WaveKind.T2)
    wave.locales = ["en"]
    study.answer(wave, Role.MENTOR, ease(*[(3, 3, 3)] * 6))
    study.freeze(wave)
    manifest = write_data_package(
        study.session, study.program, tmp_path / "package", purpose="P", now=study.now, folders=study.folders
    )

    assert not [note for note in manifest.notes if "drafts" in note]
    assert languages_in(tmp_path / "package") == {"en": "source"}


def test_the_works_council_reads_which_drafts_are_offered(study):
    def read():
        facts = pack_facts(study.session, study.program, RetentionPolicy(), folders=study.folders)
        return as_markdown(council_document(facts)).replace("\\", ""), facts.digest

    before, first = read()
    acknowledge_draft(
        study.session, study.program, study.instrument, "de",
        digest=study.instrument.locales["de"].digest, now=study.now,
    )  # fmt: skip
    after, second = read()

    assert "| de | a machine | not reviewed | not offered |" in before
    assert "| de | a machine | not reviewed | offered as a draft, acknowledged |" in after
    assert "| ur | a machine | not reviewed | not offered |" in after
    # The digest of the configuration is another one, as what the file says is.
    assert first != second
