"""Instruments are found, kept in memory, noticed when edited, and refused when a pinned version changed."""

import os
from pathlib import Path

import pytest

from instruments.catalog import SHIPPED, find_folders, get_instrument, list_instruments
from instruments.errors import DefinitionError, PinnedVersionError, UnknownInstrumentError
from instruments.release import release_instrument


def library_of(copy) -> Path:
    return copy.folder.parent.parent


def test_an_instrument_is_found_in_a_library_in_its_own_folder_and_by_its_folder_itself(copy_toy, toy):
    copy = copy_toy()
    for root in (library_of(copy), copy.folder.parent, copy.folder):
        assert get_instrument("toy", "0.1.0", folders=[root]) == toy
        assert find_folders(root) == [copy.folder]


def test_it_is_kept_in_memory_until_a_file_changes(copy_toy, toy):
    copy = copy_toy()
    folders = [library_of(copy)]
    first = get_instrument("toy", "0.1.0", folders=folders)
    assert get_instrument("toy", "0.1.0", folders=folders) is first
    copy.edit("de.po", ('msgstr "Ja"', 'msgstr "Jo"'))
    os.utime(copy.folder / "de.po", ns=(1, 1))
    changed = get_instrument("toy", "0.1.0", folders=folders)
    assert changed.option_label("yes-no", 1, "de") == "Jo"
    (copy.folder / "ur.po").unlink()
    assert "ur" not in get_instrument("toy", "0.1.0", folders=folders).locales


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("toy", "0.2.0"),
        ("toys", "0.1.0"),
        ("../library/toy", "0.1.0"),
        ("toy", "../0.1.0"),
        ("toy", "*"),
        ("", ""),
        ("toy/0.1.0", "0.1.0"),
        ("toy\x00", "0.1.0"),
    ],
)
def test_what_is_not_there_is_an_error_and_no_path_can_be_smuggled_in(copy_toy, name, version):
    # The definition is broken, so that merely opening it would show as another error.
    copy = copy_toy().define(("development = true", "development = 1"))
    with pytest.raises(UnknownInstrumentError) as caught:
        get_instrument(name, version, folders=[library_of(copy)])
    assert caught.value.code == "unknown-instrument"


def test_the_digest_of_a_wave_must_be_that_of_the_folder(copy_toy, toy):
    copy = copy_toy()
    folders = [library_of(copy)]
    assert get_instrument("toy", "0.1.0", folders=folders, digest=toy.digests.whole) == toy
    copy.edit("de.po", ('msgstr "Ja"', 'msgstr "Ja, etwas"'))
    with pytest.raises(PinnedVersionError) as caught:
        get_instrument("toy", "0.1.0", folders=folders, digest=toy.digests.whole)
    found = get_instrument("toy", "0.1.0", folders=folders).digests.whole
    assert toy.digests.whole[:12] in str(caught.value)
    assert found[:12] in str(caught.value)
    assert toy.digests.whole not in str(caught.value)
    assert "Restore the folder" in caught.value.remedy


@pytest.mark.parametrize("digest", ["", "0" * 64, "x"])
def test_a_digest_that_is_none_of_this_instrument_is_refused(copy_toy, digest):
    with pytest.raises(PinnedVersionError):
        get_instrument("toy", "0.1.0", folders=[library_of(copy_toy())], digest=digest)


def test_a_released_version_that_changed_is_refused_even_without_a_wave(copy_toy, toy):
    copy = copy_toy()
    folders = [library_of(copy)]
    release_instrument(copy.folder)
    assert get_instrument("toy", "0.1.0", folders=folders) == toy
    copy.edit("de.po", ('msgstr "Ja"', 'msgstr "Ja, etwas"'))
    with pytest.raises(PinnedVersionError):
        get_instrument("toy", "0.1.0", folders=folders)
    with pytest.raises(PinnedVersionError):
        list_instruments(folders)


def test_an_unreadable_file_of_releases_is_an_error_with_a_remedy(copy_toy):
    copy = copy_toy()
    (library_of(copy) / "released.toml").write_text("[", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"released\.toml"):
        get_instrument("toy", "0.1.0", folders=[library_of(copy)])


def test_a_broken_definition_is_not_served_half(copy_toy):
    copy = copy_toy().edit("de.po", ('msgstr "Ja"', 'msgstr ""'))
    with pytest.raises(DefinitionError):
        get_instrument("toy", "0.1.0", folders=[library_of(copy)])


def test_versions_are_listed_by_number(copy_toy):
    copy = copy_toy()
    for version in ("0.10.0", "0.9.0"):
        copy.next(version)
    listed = [i.version for i in list_instruments([library_of(copy)]) if i.id == "toy"]
    assert listed == ["0.1.0", "0.9.0", "0.10.0"]


def test_a_folder_named_twice_is_listed_once(copy_toy):
    copy = copy_toy()
    listed = list_instruments([library_of(copy), copy.folder, SHIPPED])
    assert [i.version for i in listed if i.id == "toy"] == ["0.1.0"]


def test_two_folders_with_the_same_version_are_named(copy_toy, toy_folder):
    with pytest.raises(DefinitionError, match=r"toy 0\.1\.0 is also in"):
        list_instruments([library_of(copy_toy()), toy_folder])


def test_every_broken_folder_of_a_library_is_named(copy_toy):
    copy = copy_toy().define(("development = true", "development = 1"))
    copy.folder.parent.joinpath("0.2.0").mkdir()
    (copy.folder.parent / "0.2.0" / "instrument.toml").write_text("x", encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        list_instruments([library_of(copy)])
    assert {p.code for p in caught.value.problems} == {"wrong-type", "unreadable-toml"}
