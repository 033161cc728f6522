"""A folder becomes a frozen instrument with digests that tell meaning from remarks."""

import copy
import pickle
from dataclasses import FrozenInstanceError

import pytest

from instruments.digests import digest
from instruments.errors import DefinitionError, UnknownPartError
from instruments.loader import load_instrument, load_source
from instruments.model import Missing, Role, WaveKind


def test_the_parts_of_the_definition_are_there(toy):
    assert (toy.id, toy.version, toy.development, toy.source_locale) == ("toy", "0.1.0", True, "en")
    assert toy.waves == (WaveKind.T0, WaveKind.TC, WaveKind.T2)
    assert [item.id for item in toy.items][:5] == ["A1", "A2", "A3", "B1", "B2"]
    assert dict(toy.scale("AA").keys) == {"A1": 1, "A2": 1, "A3": -1}
    assert toy.scale("AA").roles == (Role.MENTOR, Role.MENTEE)
    assert (toy.format_of("A1").minimum, toy.format_of("A1").maximum) == (1, 5)
    assert (toy.format_of("S1").minimum, toy.format_of("S1").maximum) == (-1, 1)
    assert toy.format_of("R1").maximum_length == 300
    assert toy.missing_labels[Missing.PREFER_NOT] == "Prefer not to answer"


def test_each_locale_says_where_its_words_come_from(toy):
    assert list(toy.locales) == ["en", "de", "ur"]
    assert (toy.locales["en"].origin, toy.locales["en"].review_status) == ("source", "source")
    assert (toy.locales["ur"].origin, toy.locales["ur"].review_status) == ("machine", "not reviewed")
    assert toy.locales["ur"].digest == toy.digests.locales["ur"]
    assert toy.locales["en"].digest == toy.digests.source


def test_nothing_of_an_instrument_can_be_changed(toy):
    with pytest.raises(FrozenInstanceError):
        toy.version = "9.9.9"
    with pytest.raises(FrozenInstanceError):
        toy.items[0].anchor = False
    for mapping in (
        toy.locales,
        toy.wordings,
        toy.wordings["de"],
        toy.item("A1").texts,
        toy.scale("AA").keys,
        toy.digests.locales,
    ):
        with pytest.raises(TypeError):
            mapping["x"] = 1
        with pytest.raises((TypeError, AttributeError)):
            mapping.clear()


def test_an_instrument_survives_copying_and_pickling(toy):
    for twin in (pickle.loads(pickle.dumps(toy)), copy.deepcopy(toy)):
        assert twin == toy
        assert hash(twin) == hash(toy)
        assert twin.text("A1", "mentor", "T0", "ur") == toy.text("A1", "mentor", "T0", "ur")


def test_an_error_survives_pickling(copy_toy, toy):
    broken = copy_toy().define(("development = true", "development = 1"))
    with pytest.raises(DefinitionError) as caught:
        load_instrument(broken.folder)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
    with pytest.raises(UnknownPartError) as unknown:
        toy.item("Q")
    again = pickle.loads(pickle.dumps(unknown.value))
    assert (again.code, again.params, str(again)) == (
        unknown.value.code,
        unknown.value.params,
        str(unknown.value),
    )


def test_the_source_can_be_loaded_while_a_translation_is_unfinished(copy_toy):
    broken = copy_toy().edit("de.po", ('msgstr "Ja"', 'msgstr ""'))
    assert list(load_source(broken.folder).locales) == ["en"]
    with pytest.raises(DefinitionError):
        load_instrument(broken.folder)


def test_a_folder_without_locales_speaks_its_source_language(copy_toy):
    assert list(load_instrument(copy_toy().untranslated().folder).locales) == ["en"]


# Digests


def test_a_digest_is_sha256_over_canonical_json():
    # From coreutils: printf '{"a":["ü",null],"b":1}' | sha256sum
    expected = "4cc4e0a1ad9588d92e234998af4541c6cd0acb895df38f3526092a364d227e0d"
    assert digest({"b": 1, "a": ["ü", None]}) == digest({"a": ["ü", None], "b": 1}) == expected


def test_loading_twice_gives_the_same_digests(toy, toy_folder):
    assert load_instrument(toy_folder).digests == toy.digests


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("instrument.toml", "# A questionnaire for tests only", "# Another remark"),
        ("instrument.toml", "2026; reversed in its scale.", "2026; keyed downwards."),
        ("instrument.toml", "Simple means: a question that may seem too easy.", "Simple means simple."),
        ("de.po", 'msgctxt "X4#1/text@both"', '# A remark.\nmsgctxt "X4#1/text@both"'),
        (
            "de.po",
            'X-Review-Status: not reviewed\\n"\n"X-Reviewer: ',
            'X-Review-Status: approved\\n"\n"X-Reviewer: N. N.',
        ),
    ],
)
def test_remarks_provenance_and_review_do_not_touch_the_digests(copy_toy, toy, file, old, new):
    assert load_instrument(copy_toy().edit(file, (old, new)).folder).digests == toy.digests


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('version = "0.1.0"', 'version = "0.1.1"'),
        ("A3 = -1", "A3 = 1"),
        ("anchor = true\ntexts = { both", "anchor = false\ntexts = { both"),
        ("maximum_length = 300", "maximum_length = 301"),
        ('"A1", "A2", "A3", "B1"] }]', '"A2", "A1", "A3", "B1"] }]'),
        ("primary = true", "primary = false"),
        ("maximum = 3", "maximum = 4"),
    ],
)
def test_a_change_of_structure_touches_the_structure_digest_only(copy_toy, toy, old, new):
    changed = load_instrument(copy_toy().define((old, new)).folder).digests
    assert changed.structure != toy.digests.structure
    assert (changed.source, changed.locales) == (toy.digests.source, toy.digests.locales)
    assert changed.whole != toy.digests.whole


def test_a_change_of_words_touches_its_own_digest_only(copy_toy, toy):
    german = load_instrument(copy_toy().edit("de.po", ('msgstr "Ja"', 'msgstr "Ja!"')).folder).digests
    assert german.locales["de"] != toy.digests.locales["de"]
    assert (german.structure, german.source) == (toy.digests.structure, toy.digests.source)
    assert german.locales["ur"] == toy.digests.locales["ur"]
    assert german.whole != toy.digests.whole


def test_a_change_of_the_source_touches_the_source_digest(copy_toy, toy):
    copy = copy_toy().untranslated()
    before = load_instrument(copy.folder).digests
    after = load_instrument(copy.define(("I plan to stay.", "I mean to stay.")).folder).digests
    assert before.structure == after.structure == toy.digests.structure
    assert before.source != after.source


def test_a_locale_more_or_less_touches_the_whole(copy_toy, toy):
    copy = copy_toy()
    (copy.folder / "ur.po").unlink()
    fewer = load_instrument(copy.folder).digests
    assert fewer.locales["de"] == toy.digests.locales["de"]
    assert fewer.whole != toy.digests.whole
