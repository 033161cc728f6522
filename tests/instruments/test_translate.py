"""Merging trusts contexts only; a written file depends on nothing but its content."""

from dataclasses import replace

import pytest

from instruments.errors import DefinitionError
from instruments.loader import load_instrument, load_source
from instruments.po import PoEntry, PoFile, format_po, parse_po, read_po_file
from instruments.translate import coverage, make_template, merge_folder, merge_translations


def by_context(po: PoFile) -> dict[str, PoEntry]:
    return {entry.context: entry for entry in po.entries}


def test_the_template_holds_every_text_once_with_what_a_translator_must_know(toy):
    entries = by_context(make_template(toy))
    assert len(entries) == len(make_template(toy).entries) == 39
    assert all(entry.msgstr == "" and entry.auto_comments for entry in entries.values())
    a1 = " ".join(entries["A1#1/text@both"].auto_comments)
    assert "agreement" in a1
    assert "Stands below: Thinking about my meetings with {P}:" in a1
    assert "{P} is replaced by the partner's first name" in a1
    assert "Simple means: a question that may seem too easy." in a1
    assert "before the first meeting" in " ".join(entries["A2#1/text@both:T0"].auto_comments)
    assert "the mentee, who is the senior" in " ".join(entries["B1#1/text@mentee"].auto_comments)
    assert "Strongly disagree | Disagree | Neither" in " ".join(
        entries["format.agreement#1/option.3@both"].auto_comments
    )


@pytest.mark.parametrize(
    "context",
    [
        "A1#1/text@both",
        "A2#1/text@both:T0",
        "B1#1/text@mentor",
        "stem.meetings#1/text@both",
        "format.progress#1/option.-1@both",
        "scale.AA#1/title@both",
        "scale.AA#1/description@both",
        "missing.not_applicable#1/label@both",
        "instrument#1/title@both",
        "instrument#1/summary@both",
        "wave.T0#1/intro@both",
    ],
)
def test_contexts_have_the_agreed_form(toy, context):
    assert context in by_context(make_template(toy))


def test_merging_a_finished_locale_keeps_every_translation(toy, toy_folder):
    old = read_po_file(toy_folder / "ur.po")
    merge = merge_translations(make_template(toy), old, "ur")
    assert (len(merge.kept), merge.added, merge.reworded, merge.surplus) == (39, (), (), ())
    assert {c: e.msgstr for c, e in by_context(merge.po).items()} == {
        c: e.msgstr for c, e in by_context(old).items()
    }


def test_a_reworded_text_loses_its_translation_and_shows_it_in_a_comment(copy_toy):
    copy = copy_toy().define(("I plan to stay.", "I mean to stay."))
    merge_folder(copy.folder, ["de"])
    entry = by_context(read_po_file(copy.folder / "de.po"))["X4#1/text@both"]
    assert (entry.msgid, entry.msgstr, entry.fuzzy) == ("I mean to stay.", "", False)
    assert entry.user_comments == ("Former translation, of “I plan to stay.”: Ich habe vor zu bleiben.",)


def test_the_former_translation_stays_in_sight_until_there_is_a_new_one(copy_toy):
    copy = copy_toy().define(("I plan to stay.", "I mean to stay."))
    merge_folder(copy.folder, ["de"])
    merge_folder(copy.folder, ["de"])
    comment = "# Former translation, of “I plan to stay.”: Ich habe vor zu bleiben."
    assert (copy.folder / "de.po").read_text(encoding="utf-8").count(comment) == 1
    copy.edit(
        "de.po", ('msgid "I mean to stay."\nmsgstr ""', 'msgid "I mean to stay."\nmsgstr "Ich will bleiben."')
    )
    merge_folder(copy.folder, ["de"])
    assert comment not in (copy.folder / "de.po").read_text(encoding="utf-8")
    assert by_context(read_po_file(copy.folder / "de.po"))["X4#1/text@both"].msgstr == "Ich will bleiben."


def test_a_mentors_sentence_never_comes_to_the_mentees_item(copy_toy):
    # The mentee's text is made all but equal to the mentor's: a merge by similarity would now carry it over.
    copy = copy_toy().define(
        ('mentee = "I thank the person who corrects me."', 'mentee = "I correct a wrong figures."'),
        ("I like coming to work.", "I like coming to a work."),
        ('mentee = "With colleagues below me:"', 'mentee = "With colleagues above me!"'),
    )
    merge_folder(copy.folder, [])
    for locale in ("de", "ur"):
        entries = by_context(read_po_file(copy.folder / f"{locale}.po"))
        for context in ("B1#1/text@mentee", "X1#1/text@both", "stem.levels#1/text@mentee"):
            assert entries[context].msgstr == ""
            assert not entries[context].fuzzy
        mentors = entries["B1#1/text@mentor"].msgstr
        assert mentors
        assert all(
            entry.msgstr != mentors for context, entry in entries.items() if context != "B1#1/text@mentor"
        )


def test_the_same_source_under_two_contexts_has_two_translations(copy_toy):
    copy = copy_toy().define(
        ('mentee = "I thank the person who corrects me."', 'mentee = "I correct a wrong figure."')
    )
    merge_folder(copy.folder, ["de"])
    entries = by_context(read_po_file(copy.folder / "de.po"))
    assert entries["B1#1/text@mentor"].msgstr == "Ich berichtige eine falsche Zahl."
    assert entries["B1#1/text@mentee"].msgstr == ""


def test_swapped_texts_keep_no_translation(copy_toy):
    copy = copy_toy().define(
        (
            'mentor = "I say no to a bad idea.", mentee = "I drop an idea after a no."',
            'mentor = "I drop an idea after a no.", mentee = "I say no to a bad idea."',
        ),
    )
    merge_folder(copy.folder, ["de"])
    entries = by_context(read_po_file(copy.folder / "de.po"))
    assert entries["B2#1/text@mentor"].msgstr == entries["B2#1/text@mentee"].msgstr == ""


def test_a_fuzzy_translation_is_not_reused(copy_toy):
    copy = copy_toy().edit("de.po", ('msgctxt "X4#1/text@both"', '#, fuzzy\nmsgctxt "X4#1/text@both"'))
    merge_folder(copy.folder, ["de"])
    entry = by_context(read_po_file(copy.folder / "de.po"))["X4#1/text@both"]
    assert (entry.msgstr, entry.fuzzy) == ("", False)
    assert "Ich habe vor zu bleiben." in entry.user_comments[0]


def test_a_raised_revision_starts_empty_with_the_former_translation_in_sight(copy_toy):
    copy = copy_toy().define(
        ('id = "X4"\nformat = "agreement"\n', 'id = "X4"\nformat = "agreement"\nrevision = 2\n')
    )
    (merge,) = merge_folder(copy.folder, ["de"]).values()
    entry = by_context(read_po_file(copy.folder / "de.po"))["X4#2/text@both"]
    assert entry.msgstr == ""
    assert "Ich habe vor zu bleiben." in entry.user_comments[0]
    assert (merge.added, merge.surplus) == (("X4#2/text@both",), ("X4#1/text@both",))


def test_surplus_translations_are_retired_and_come_back_with_their_text(copy_toy):
    item = '[[items]]\nid = "X4"\nformat = "agreement"\ntexts = { both = "I plan to stay." }\nprovenance = "Written for the toy questionnaire, 2026."\n'
    names = 'items = ["X1", "X2", "X3", "X4"]'
    copy = copy_toy().define((item, ""), (names, 'items = ["X1", "X2", "X3"]'))
    merge_folder(copy.folder, [])
    text = (copy.folder / "de.po").read_text(encoding="utf-8")
    assert (
        '#~ msgctxt "X4#1/text@both"\n#~ msgid "I plan to stay."\n#~ msgstr "Ich habe vor zu bleiben."'
        in text
    )
    load_instrument(copy.folder)
    copy.define(('items = ["X1", "X2", "X3"]', names)).append("\n" + item)
    merge_folder(copy.folder, [])
    assert load_instrument(copy.folder).text("X4", "mentor", "T0", "de") == "Ich habe vor zu bleiben."
    assert "#~" not in (copy.folder / "de.po").read_text(encoding="utf-8")


def test_new_texts_undo_a_review_and_unchanged_ones_do_not(copy_toy):
    copy = copy_toy().edit(
        "de.po",
        ("X-Review-Status: not reviewed", "X-Review-Status: approved"),
        ("X-Reviewer: ", "X-Reviewer: N. N."),
    )
    merge_folder(copy.folder, ["de"])
    assert read_po_file(copy.folder / "de.po").header_value("x-review-status") == "approved"
    copy.define(("I plan to stay.", "I mean to stay."))
    merge_folder(copy.folder, ["de"])
    po = read_po_file(copy.folder / "de.po")
    assert (po.header_value("X-Review-Status"), po.header_value("X-Reviewer")) == ("not reviewed", "")


def test_a_new_locale_is_made_empty(copy_toy):
    copy = copy_toy()
    merge_folder(copy.folder, ["fr"])
    po = read_po_file(copy.folder / "fr.po")
    assert po.header_value("Language") == "fr"
    assert [entry.context for entry in po.entries] == [
        entry.context for entry in make_template(load_source(copy.folder)).entries
    ]
    with pytest.raises(DefinitionError):
        load_instrument(copy.folder)


def test_nothing_is_written_when_a_file_cannot_be_read(copy_toy):
    copy = (
        copy_toy().define(("I plan to stay.", "I mean to stay.")).edit("ur.po", ('msgid "Yes"', "msgid Yes"))
    )
    before = (copy.folder / "de.po").read_bytes()
    with pytest.raises(DefinitionError):
        merge_folder(copy.folder, [])
    assert (copy.folder / "de.po").read_bytes() == before


def test_a_merge_of_a_merge_gives_the_same_bytes(copy_toy):
    copy = copy_toy().define(("I plan to stay.", "I mean to stay."))
    merge_folder(copy.folder, [])
    before = {path.name: path.read_bytes() for path in copy.folder.glob("*.po")}
    merge_folder(copy.folder, [])
    assert {path.name: path.read_bytes() for path in copy.folder.glob("*.po")} == before


def test_entries_are_written_in_the_order_of_the_definition(toy, toy_folder):
    template = make_template(toy)
    old = read_po_file(toy_folder / "de.po")
    shuffled = replace(old, entries=tuple(reversed(old.entries)))
    assert format_po(merge_translations(template, shuffled, "de").po) == format_po(
        merge_translations(template, old, "de").po
    )


def test_a_written_file_is_read_back_as_it_was():
    po = PoFile(
        header=(("Language", "ur"), ("X-Reviewer", "N. N.")),
        header_comments=("A file.",),
        entries=(
            PoEntry(
                "a#1/text@both",
                'Say "x" \\ or\ttab',
                "کہو " * 60 + "end",
                0,
                user_comments=("seen",),
                auto_comments=("note",),
            ),
            PoEntry("b#1/text@both", "b", "", 0, fuzzy=True),
        ),
        obsolete=(PoEntry("c#1/text@both", "c", "C", 0),),
    )
    text = format_po(po)
    again = parse_po(text)
    assert [replace(entry, line=0) for entry in again.entries] == list(po.entries)
    assert [replace(entry, line=0) for entry in again.obsolete] == list(po.obsolete)
    assert (again.header, again.header_comments) == (po.header, po.header_comments)
    assert format_po(again) == text


# Coverage


def test_coverage_counts_each_text_once_by_what_stands_in_its_way(copy_toy):
    copy = copy_toy().edit(
        "de.po",
        ('msgstr "Ja"', 'msgstr ""'),
        ('msgid "I plan to stay."', 'msgid "I intend to stay."'),
        ('msgctxt "X3#1/text@both"', '#, fuzzy\nmsgctxt "X3#1/text@both"'),
        ('msgctxt "R1#1/text@both"', 'msgctxt "R9#1/text@both"'),
    )
    german, urdu = coverage(copy.folder)
    assert (german.n_texts, german.n_translated) == (39, 35)
    assert (german.n_missing, german.n_outdated, german.n_fuzzy, german.n_surplus) == (2, 1, 1, 1)
    assert not german.complete
    assert (urdu.locale, urdu.n_translated, urdu.complete) == ("ur", 39, True)
    assert (urdu.origin, urdu.review_status, urdu.reviewer) == ("machine", "not reviewed", "")
