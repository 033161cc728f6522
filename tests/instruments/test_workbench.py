"""Translations go out and come back by their contexts; what is approved are these words and no others."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po

from instruments.catalog import get_instrument
from instruments.errors import DefinitionError, UnknownInstrumentError
from instruments.loader import load_instrument
from instruments.po import PoEntry, PoFile, format_po, parse_po, read_po_file
from instruments.release import release_instrument
from instruments.review import (
    METHODS,
    ReviewError,
    comments_with,
    lower_status,
    make_review,
    other_comments,
    review_of,
    state_of,
    summarize,
)
from instruments.translate import coverage, merge_folder
from instruments.workbench import LARGEST_FILE, export_locale, find_version, read_incoming, take_back
from instruments.xliff import XliffError, read_xliff, write_xliff

DAY = date(2026, 11, 20)
APPROVED = make_review("approved", "committee", "Anne-Marie Dupont", DAY)
READ = make_review("reviewed", "reading", "Omar Haddad", DAY)
QUESTION = "X4#1/text@both"


def entry_of(folder: Path, context: str = QUESTION, locale: str = "de") -> PoEntry:
    return next(e for e in read_po_file(folder / f"{locale}.po").entries if e.context == context)


def hand_in(folder: Path, form: str = "po", change: Callable[[str], str] = str, locale: str = "de") -> Path:
    """A file as it went out, changed as text and put beside the library."""
    path = folder.parents[1] / f"in.{form}"
    path.write_text(change(export_locale(folder, locale, form).decode()), encoding="utf-8", newline="")
    return path


def approve(folder: Path) -> None:
    for locale in ("de", "ur"):
        take_back(folder, locale, read_incoming(hand_in(folder, locale=locale)), review=APPROVED)


def codes(folder: Path, path: Path, **how: object) -> set[str]:
    """What is wrong with a file; nothing in the folder may have changed."""
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(DefinitionError) as caught:
        take_back(folder, "de", read_incoming(path), **how)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert all(problem.file == str(path) and problem.remedy for problem in caught.value.problems)
    return {problem.code for problem in caught.value.problems}


# --- states -----------------------------------------------------------------------------------------------------------


def test_a_state_holds_for_its_words_and_for_no_others() -> None:
    entry = PoEntry("A1#1/text@both", "I stay.", "Ich bleibe.", 1, user_comments=("A note.",))
    signed = replace(entry, user_comments=comments_with(entry, APPROVED))
    changed = [
        replace(signed, msgstr="Ich gehe."),
        replace(signed, msgid="I go."),
        replace(signed, context="A2#1/text@both"),
        replace(signed, fuzzy=True),
        replace(signed, user_comments=(signed.user_comments[1].replace("committee", "back-translation"),)),
        replace(signed, user_comments=(signed.user_comments[1].replace("11-20", "13-20"),)),
    ]

    assert (review_of(signed), other_comments(signed)) == (APPROVED, ("A note.",))
    assert [state_of(one) for one in (entry, *changed)] == ["draft"] * 7
    assert comments_with(signed, READ)[:1] == ("A note.",)
    assert state_of(replace(signed, user_comments=comments_with(signed, READ))) == "reviewed"


@pytest.mark.parametrize(
    ("state", "method", "reviewer"),
    [
        ("approved", "back-translation", "A"), ("approved", "reading", "A"), ("approved", None, "A"),
        ("approved", "prayer", "A"), ("reviewed", "reading", " "), ("reviewed", "reading", "A; B"),
        ("reviewed", "reading", "A\u202eB"), ("reviewed", "reading", "A" * 121),
    ],
)  # fmt: skip
def test_no_review_without_a_name_and_a_method_that_bears_it(
    state: str, method: str | None, reviewer: str
) -> None:
    with pytest.raises(ReviewError):
        make_review(state, method, reviewer, DAY)


def test_back_translation_can_be_noted_but_approves_nothing() -> None:
    allowed = {method: [s for s in ("reviewed", "approved") if _is_allowed(s, method)] for method in METHODS}
    assert allowed.pop("back-translation") == allowed.pop("reading") == ["reviewed"]
    assert set(map(tuple, allowed.values())) == {("reviewed", "approved")}
    assert make_review("draft", None, None, DAY) is None


def _is_allowed(state: str, method: str) -> bool:
    try:
        return make_review(state, method, "A", DAY) is not None
    except ReviewError:
        return False


def test_the_status_of_a_file_is_its_lowest_and_a_header_proves_nothing(copy_toy) -> None:
    copy = copy_toy().edit(
        "de.po", ("not reviewed", "approved"), ('"X-Reviewer: \\n"', '"X-Reviewer: N. N.\\n"')
    )
    info = load_instrument(copy.folder).locales["de"]

    assert (info.review_status, info.is_draft, info.reviewer) == ("not reviewed", True, "")
    assert summarize([None]).status == summarize([]).status == "not reviewed"
    assert lower_status("not reviewed", "approved") == "not reviewed"
    assert lower_status("approved", "reviewed") == lower_status("rubbish", "reviewed") == "reviewed"


def rewrite_like_an_editor(text: str, *, width: int, newline: str) -> str:
    """Reads and writes a file with Babel, which wraps comments, drops header lines it does not know, and adds its own."""
    out = io.BytesIO()
    write_po(out, read_po(io.StringIO(text), locale="de"), width=width)
    return out.getvalue().decode().replace("\n", newline)


@pytest.mark.parametrize(("width", "newline"), [(76, "\n"), (30, "\r\n"), (20, "\n")])
def test_states_survive_an_editor_that_wraps_comments(copy_toy, width: int, newline: str) -> None:
    folder = copy_toy().folder
    take_back(folder, "de", read_incoming(hand_in(folder)), review=APPROVED)
    before = (folder / "de.po").read_bytes()
    path = hand_in(folder, change=lambda text: rewrite_like_an_editor(text, width=width, newline=newline))
    assert b"by: Anne-Marie Dupont" not in path.read_bytes() or width == 76

    done = take_back(folder, "de", read_incoming(path))

    assert (done.changed, done.reviewed, done.dropped) == ((), (), ())
    assert (folder / "de.po").read_bytes() == before


# --- out and in ---------------------------------------------------------------------------------------------------------


def test_po_to_xliff_to_po_is_the_same_file(copy_toy) -> None:
    folder = copy_toy().folder
    take_back(folder, "ur", read_incoming(hand_in(folder, locale="ur")), review=READ)
    entries = list(read_po_file(folder / "ur.po").entries)
    entries[0] = replace(entries[0], user_comments=("Eine Notiz & <mehr>", *entries[0].user_comments))
    entries[1] = replace(entries[1], user_comments=comments_with(entries[1], APPROVED))
    entries[2] = replace(entries[2], msgstr="", user_comments=())
    entries[3] = replace(entries[3], fuzzy=True)
    po = replace(read_po_file(folder / "ur.po"), header_comments=("Toy",), entries=tuple(entries))

    data = write_xliff(po, name="toy 0.1.0", source_locale="en", locale="ur")
    reading = read_xliff(data)

    assert format_po(reading.po) == format_po(po)
    assert (write_xliff(reading.po, name="toy 0.1.0", source_locale="en", locale="ur"), reading.unproved) == (
        data,
        (),
    )
    states = re.findall(rb'<target state="([a-z-]+)"', data)
    assert states[:3] == [b"signed-off", b"final", b"needs-translation"]
    assert data.count(b'approved="yes"') == 1


def test_a_translators_file_changes_only_what_they_changed(copy_toy) -> None:
    folder = copy_toy().folder
    approve(folder)
    path = hand_in(
        folder, "xliff", lambda text: text.replace("Ich habe vor zu bleiben.", "Ich will bleiben.")
    )

    done = take_back(folder, "de", read_incoming(path))

    # The tool still says “final”, but nobody has looked at the new words.
    assert (done.changed, done.dropped, done.unproved, done.reviewed) == ((QUESTION,),) * 3 + ((),)
    assert entry_of(folder).msgstr == "Ich will bleiben."
    state = next(one for one in coverage(folder) if one.locale == "de")
    assert (state.review.counts["approved"], state.review.counts["draft"], state.review_status) == (
        38,
        1,
        "not reviewed",
    )
    assert read_po_file(folder / "de.po").header_value("X-Review-Status") == "not reviewed"

    take_back(folder, "de", read_incoming(hand_in(folder)), review=READ)
    header = read_po_file(folder / "de.po")
    assert (header.header_value("X-Review-Status"), header.header_value("X-Reviewer")) == (
        "reviewed",
        "Omar Haddad",
    )
    take_back(folder, "de", read_incoming(hand_in(folder)), withdraw=True)
    assert load_instrument(folder).locales["de"].n_reviewed == 0


def test_a_part_of_a_file_leaves_the_rest_as_it_is(copy_toy) -> None:
    folder = copy_toy().folder
    approve(folder)
    whole = read_po_file(folder / "de.po")
    part = PoFile(
        whole.header,
        (),
        tuple(replace(e, msgstr="" if at else "Neuer Titel") for at, e in enumerate(whole.entries[:2])),
    )
    path = folder.parent / "part.po"
    path.write_text(format_po(part), encoding="utf-8")

    done = take_back(folder, "de", read_incoming(path))

    assert (done.changed, done.empty) == ((whole.entries[0].context,), (whole.entries[1].context,))
    assert read_po_file(folder / "de.po").entries[1:] == tuple(
        replace(e, line=new.line)
        for e, new in zip(whole.entries[1:], read_po_file(folder / "de.po").entries[1:], strict=True)
    )


def test_a_new_language_is_handed_out_empty_and_must_say_who_translated(copy_toy) -> None:
    folder = copy_toy().folder
    po = parse_po(export_locale(folder, "fr", "po").decode())
    assert {entry.msgstr for entry in po.entries} == {""}
    po = replace(po, header=tuple(h for h in po.header if h[0] != "X-Translation-Origin"))
    po = replace(po, entries=tuple(replace(e, msgstr=f"fr {e.msgid}") for e in po.entries))
    path = folder.parents[1] / "fr.po"
    path.write_text(format_po(po), encoding="utf-8")

    with pytest.raises(DefinitionError, match="--origin"):
        take_back(folder, "fr", read_incoming(path))
    assert not (folder / "fr.po").exists()
    take_back(folder, "fr", read_incoming(path), origin="machine")
    info = load_instrument(folder).locales["fr"]
    assert (info.origin, info.n_texts) == ("machine", 39)


def test_rewording_the_source_makes_drafts_and_other_states_stay(copy_toy) -> None:
    copy = copy_toy()
    approve(copy.folder)
    copy.define(("I plan to stay.", "I mean to stay."))
    merge_folder(copy.folder, ["de"])

    entry = entry_of(copy.folder)
    assert (entry.msgstr, state_of(entry)) == ("", "draft")
    assert not any("Review:" in line for line in entry.user_comments)
    assert summarize(read_po_file(copy.folder / "de.po").entries).counts["approved"] == 38


# --- released versions ----------------------------------------------------------------------------------------------------


def test_a_released_version_takes_states_and_no_words(copy_toy) -> None:
    folder = copy_toy().folder
    library = (folder.parents[1],)
    pinned = release_instrument(folder)
    assert get_instrument("toy", "0.1.0", folders=library).locales["de"].is_draft

    changed = hand_in(
        folder, change=lambda text: text.replace("Ich habe vor zu bleiben.", "Ich will bleiben.")
    )
    fuzzy = hand_in(
        folder, "xliff", lambda text: text.replace("needs-review-translation", "needs-translation", 1)
    )
    assert codes(folder, changed, review=APPROVED) == {"released-version"}
    assert codes(folder, fuzzy) == {"released-version"}
    french = folder.parents[1] / "fr.po"
    french.write_bytes(export_locale(folder, "fr", "po"))
    with pytest.raises(DefinitionError, match="released without fr"):
        take_back(folder, "fr", read_incoming(french))

    done = take_back(folder, "de", read_incoming(hand_in(folder, "xliff")), review=APPROVED)

    assert len(done.reviewed) == 39
    found = get_instrument("toy", "0.1.0", folders=library)
    assert found.digests == pinned
    assert (found.locales["de"].is_draft, found.locales["ur"].is_draft) == (False, True)
    assert found.locales["de"].reviewer == "Anne-Marie Dupont"


def test_versions_are_found_even_where_a_translation_is_not_finished(copy_toy) -> None:
    copy = copy_toy()
    newer = copy.next("0.2.0")
    newer.edit("de.po", ("Ich habe vor zu bleiben.", ""))
    library = (copy.folder.parents[1],)

    assert find_version("toy", None, library) == newer.folder
    assert find_version("toy", "0.1.0", library) == copy.folder
    for wanted in (("toy", "9.9.9"), ("../toy", None), ("other", None)):
        with pytest.raises(UnknownInstrumentError):
            find_version(*wanted, library)


# --- files that are wrong or hostile ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (r"X4#1/text", "X9#1/text", "surplus-translation"),
        (r"X4#1/text@both", "A1#1/text@both", "duplicate-entry"),
        ("I plan to stay.", "I plan to go.", "outdated-translation"),
        ("Ich habe vor zu bleiben.", "Ich habe mit {P} vor zu bleiben.", "placeholder-mismatch"),
        ("Ich habe vor zu bleiben.", "I plan to stay.", "two-languages"),
        ("Ich habe vor zu bleiben.", "میں رہنا چاہتا ہوں۔", "two-languages"),
        ("Ich habe vor zu bleiben.", "Ich <b>bleibe</b>.", "markup"),
        ("Ich habe vor zu bleiben.", "Ich \u202ebleibe.", "bidi-control"),
        ('"Language: de', '"Language: fr', "wrong-language"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_nothing_is_written(
    copy_toy, old: str, new: str, code: str
) -> None:
    folder = copy_toy().folder
    path = hand_in(folder, change=lambda text: text.replace(old, new, 1))
    assert code in codes(folder, path, review=APPROVED)


def test_every_fault_is_told_at_once_and_a_good_file_is_taken(copy_toy) -> None:
    folder = copy_toy().folder
    twice = hand_in(
        folder,
        change=lambda text: text.replace("X4#1/text", "X9#1/text").replace("{P}", "{Q}"),
    )
    assert len(codes(folder, twice)) == 2
    # In the wrong language every text would be a fault, so nothing else is said.
    foreign = hand_in(
        folder,
        change=lambda text: text.replace("X4#1/text", "X9#1/text").replace("Language: de", "Language: ur"),
    )
    assert codes(folder, foreign) == {"wrong-language"}
    assert take_back(folder, "de", read_incoming(hand_in(folder))).changed == ()


SECRET = "the secret of another file"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, p: t.replace("<xliff ", f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{p}">]><xliff ', 1).replace("Ich habe vor", "&e;"), "document type"),
        (lambda t, p: t.replace("<xliff ", '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "' + "&a;" * 99 + '"><!ENTITY c "' + "&b;" * 99 + '">]><xliff ', 1).replace("Ich habe vor", "&c;"), "document type|no XML"),
        (lambda t, p: t.replace('<?xml version="1.0" encoding="UTF-8"?>', f'<!DOCTYPE xliff SYSTEM "file://{p}">'), "document type"),
        (lambda t, p: t.replace("Ich habe", "<x id='1'/>Ich habe"), "markup inside"),
        (lambda t, p: t.replace("xliff:document:1.2", "xliff:document:2.0").replace('version="1.2"', 'version="2.0"'), "not XLIFF"),
        (lambda t, p: t[: len(t) // 2], "no XML"),
        (lambda t, p: "<html><body>no</body></html>", "not XLIFF"),
        (lambda t, p: '<xliff xmlns="urn:oasis:names:tc:xliff:document:1.2" version="1.2"/>', "not XLIFF"),
        (lambda t, p: t.replace("UTF-8", "UTF-16"), "no XML|not XLIFF"),
        (lambda t, p: t.replace("UTF-8", "x-made-up"), "no XML|not XLIFF"),
    ],
)  # fmt: skip
def test_hostile_xliff_reads_no_other_file_and_ends_in_a_sentence(
    copy_toy, tmp_path: Path, change: Callable[[str, Path], str], message: str
) -> None:
    folder = copy_toy().folder
    secret = tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    path = hand_in(folder, "xliff", lambda text: change(text, secret))

    with pytest.raises(DefinitionError, match=message) as caught:
        take_back(folder, "de", read_incoming(path))

    assert SECRET not in str(caught.value)
    assert SECRET not in (folder / "de.po").read_text(encoding="utf-8")


def test_large_binary_and_missing_files_end_in_a_sentence(copy_toy, tmp_path: Path) -> None:
    large = tmp_path / "large.po"
    with large.open("wb") as file:
        file.truncate(50_000_000)
    for name, data, message in (
        ("latin.po", 'msgid ""\nmsgstr "Grüße"\n'.encode("latin-1"), "line 2.*not in UTF-8"),
        ("binary.po", bytes(range(256)), "UTF-8"),
        ("empty.po", b"", "header"),
        ("prose.po", b"Dear all,\n", "line 1"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(DefinitionError, match=message):
            read_incoming(path)
    for path, message in (
        (large, f"{LARGEST_FILE // 1_000_000} megabytes"),
        (tmp_path / "none.po", "cannot be opened"),
    ):
        with pytest.raises(DefinitionError, match=message):
            read_incoming(path)
    with pytest.raises(XliffError):
        read_xliff(b"<")


def test_a_file_with_a_byte_order_mark_and_crlf_is_read(copy_toy) -> None:
    folder = copy_toy().folder
    for form in ("po", "xliff"):
        path = hand_in(folder, form, lambda text: "\ufeff" + text.replace("\n", "\r\n"))
        assert take_back(folder, "de", read_incoming(path)).changed == ()


@pytest.mark.parametrize(
    ("locale", "message"), [("en", "source language"), ("../de", "not a known"), ("xx", "not a known")]
)
def test_only_a_language_can_be_handed_out(copy_toy, locale: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        export_locale(copy_toy().folder, locale, "po")
