"""Wording, pages, pools, order and comparability of an instrument."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.errors import (
    DefinitionError,
    InstrumentError,
    PicksError,
    UnknownFormError,
    UnknownLocaleError,
    UnknownPartError,
)
from instruments.forms import cut_page
from instruments.loader import load_instrument
from instruments.model import (
    FormPage,
    FrozenMap,
    Item,
    Missing,
    Role,
    WaveKind,
    picks_problems,
    shuffled_items,
)
from instruments.parts import find_text_key

# Wording


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("both", "mentor", "both:T0", "mentor:T0"), "mentor:T0"),
        (("both", "mentor", "both:T0"), "both:T0"),
        (("both", "mentor", "mentee:T0", "both:TC"), "mentor"),
        (("both", "mentee"), "both"),
        (("both",), "both"),
        (("mentee", "both:TC"), None),
        ((), None),
    ],
)
def test_the_most_specific_wording_wins(keys, expected):
    assert find_text_key(dict.fromkeys(keys, "text"), Role.MENTOR, WaveKind.T0) == expected


def test_roles_and_waves_read_their_own_words_in_each_language(toy):
    assert toy.text("A2", "mentor", "T0", "en") == "I expect that I can be wrong in front of {P}."
    assert toy.text("A2", Role.MENTOR, WaveKind.T2, "en") == "I can be wrong in front of {P}."
    assert toy.text("B1", "mentor", "T0", "de") == "Ich berichtige eine falsche Zahl."
    assert toy.text("B1", "mentee", "T0", "de") == "Ich danke der Person, die mich berichtigt."
    assert toy.stem_text("B1", "mentee", "T0", "ur") == "مجھ سے نیچے کے ساتھیوں کے ساتھ:"
    assert toy.stem_text("X1", "mentee", "T0", "ur") == ""
    assert toy.option_label("progress", -1, "de") == "Rückschritt"
    assert toy.missing_label(Missing.PREFER_NOT, "de") == "Möchte ich nicht beantworten"
    assert toy.scale_title("AA", "en") == "Ease with the partner"
    assert toy.scale_description("AA", "en") == "How easy it is to be oneself in the meetings."
    assert toy.title_in("de") == "Spielfragebogen"
    assert toy.summary_in("de").startswith("Einige Fragen")
    assert toy.intro("TC", "de") == "Sagen Sie uns, wie die ersten Treffen verlaufen sind."
    assert toy.intro("T4", "de") == ""


def test_every_text_of_every_form_is_there_in_every_language(toy):
    for form in toy.forms:
        for item_id in toy.form(form.wave, form.role).item_ids:
            for locale in toy.locales:
                assert toy.text(item_id, form.role, form.wave, locale)


@pytest.mark.parametrize(
    "ask",
    [
        lambda toy: toy.item("Q1"),
        lambda toy: toy.item(None),
        lambda toy: toy.item([]),
        lambda toy: toy.scale("A1"),
        lambda toy: toy.pool("AA"),
        lambda toy: toy.response_format("A1"),
        lambda toy: toy.format_of("Q1"),
        lambda toy: toy.text("B1", "boss", "T0", "en"),
        lambda toy: toy.text("A1", "mentor", "T9", "en"),
        lambda toy: toy.option_label("agreement", 6, "en"),
        lambda toy: toy.option_label("agreement", True, "en"),
        lambda toy: toy.option_label("agreement", 10**5000, "en"),
        lambda toy: toy.option_label("agreement", "1", "en"),
        lambda toy: toy.missing_label("later", "en"),
        lambda toy: toy.scale_title("ZZ", "en"),
    ],
)
def test_a_part_that_is_not_there_is_named(toy, ask):
    with pytest.raises(UnknownPartError) as caught:
        ask(toy)
    assert caught.value.code.startswith("unknown-")
    assert caught.value.remedy


def test_no_language_stands_in_for_another(toy):
    with pytest.raises(UnknownLocaleError, match="Choose one of: en, de, ur"):
        toy.text("A1", "mentor", "T0", "de_AT")
    with pytest.raises(UnknownLocaleError):
        toy.intro("T0", "fr")


def test_same_wording_compares_what_is_read(toy):
    assert toy.same_wording("A1", "mentor", "T0", "T2")
    assert not toy.same_wording("A2", "mentor", "T0", "T2")
    assert toy.same_wording("A2", "mentor", "TC", "T2")


def test_a_stem_that_differs_makes_the_wording_differ(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(
            (
                '{ both = "Thinking about my meetings with {P}:" }',
                '{ both = "Thinking about my meetings with {P}:", "both:T2" = "Looking back at {P}:" }',
            )
        )
    )
    assert not load_instrument(copy.folder).same_wording("A1", "mentor", "TC", "T2")


# Forms


def test_a_form_asks_its_role_its_items_with_the_default_picks(toy):
    assert toy.form("T0", "mentor").item_ids == ("A1", "A2", "A3", "B1", "B2", "X1", "X2")
    assert toy.form("T0", "mentee").item_ids == ("A1", "A2", "A3", "B1", "B2", "X1", "X3")
    assert [page.id for page in toy.form("T2", "mentor").pages] == ["meetings", "levels", "extras", "close"]
    assert toy.form("T2", "mentor").page("close") == FormPage("close", ("S1", "H1", "R1"))
    assert toy.form("T2", "mentor").page("nowhere") is None


def test_picks_replace_the_defaults_for_both_roles_and_keep_their_order(toy):
    for role in Role:
        assert toy.form("T0", role, {"extras": ["X4", "X1"]}).page("extras").items == ("X4", "X1")


@pytest.mark.parametrize(
    ("picks", "code"),
    [
        ({"extras": []}, "wrong-number-of-picks"),
        ({"extras": ["X1", "X2", "X3", "X4"]}, "wrong-number-of-picks"),
        ({"extras": ["X1", "X1"]}, "picked-twice"),
        ({"extras": ["A1"]}, "unknown-pick"),
        ({"extra": ["X1"]}, "unknown-pool"),
        ({"extras": "X1"}, "bad-picks"),
        ({"extras": None}, "bad-picks"),
        ({"extras": [["X1"]]}, "bad-picks"),
    ],
)
def test_picks_that_break_a_rule_are_refused(toy, picks, code):
    with pytest.raises(PicksError) as caught:
        toy.form("T0", "mentor", picks)
    assert caught.value.code == code
    assert code in {error.code for error in picks_problems(toy, picks)}
    assert str(caught.value)


def test_good_picks_have_no_problem(toy):
    assert picks_problems(toy, {"extras": ["X1"]}) == []
    assert picks_problems(toy, {}) == []


@pytest.mark.parametrize(("wave", "role"), [("T4", "mentor"), ("T0", "boss"), ("", ""), ("TC ", "mentor")])
def test_a_form_that_is_not_there_is_an_error_with_a_code(toy, wave, role):
    assert not toy.has_form(wave, role)
    with pytest.raises(UnknownFormError) as caught:
        toy.form(wave, role)
    assert isinstance(caught.value, InstrumentError)
    assert caught.value.code == "unknown-form"
    assert toy.scales_scored(wave, role) == ()


BANK = "".join(
    f'[[items]]\nid = "Y{n}"\nformat = "agreement"\ntexts = {{ both = "Question {n}." }}\nprovenance = "Toy."\n\n'
    for n in range(1, 21)
)
MINDS = "\n".join(
    f'[[items]]\nid = "Z{n}"\nformat = "agreement"\ntexts = {{ {role} = "Matter {n}." }}\nprovenance = "Toy."\n'
    for n, role in ((1, "both"), (2, "mentor"), (3, "mentee"))
)


def with_bank(copy, maximum=20):
    names = ", ".join(f'"Y{n}"' for n in range(1, 21))
    copy.untranslated().define(
        (
            'pages = [{ id = "meetings", items = ["A1", "A2", "A3", "B1"] }]',
            'pages = [{ id = "meetings", items = ["A1", "A2", "A3", "B1"] }, { id = "bank", items = ["@bank"] }]',
        ),
    ).append(
        f'\n[[pools]]\nid = "bank"\nminimum = 0\nmaximum = {maximum}\nitems = [{names}]\ndefault = {{ both = ["Y1"] }}\n\n{BANK}'
    )
    return load_instrument(copy.folder)


@pytest.mark.parametrize(
    ("n_picked", "lengths"),
    [(0, []), (1, [1]), (8, [8]), (9, [5, 4]), (16, [8, 8]), (17, [6, 6, 5]), (20, [7, 7, 6])],
)
def test_a_long_pool_is_cut_evenly_into_pages_of_at_most_eight(copy_toy, n_picked, lengths):
    bank = with_bank(copy_toy())
    picked = [f"Y{n}" for n in range(1, n_picked + 1)]
    form = bank.form("TC", "mentor", {"bank": picked})
    pages = [page for page in form.pages if page.id.startswith("bank")]
    assert [len(page.items) for page in pages] == lengths
    assert [item for page in pages for item in page.items] == picked
    expected = ["bank"] if len(lengths) == 1 else [f"bank-{n}" for n in range(1, len(lengths) + 1)]
    assert [page.id for page in pages] == expected


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=100))
def test_cutting_a_page_loses_nothing_and_stays_even(n_items):
    page = FormPage("p", tuple(f"I{n}" for n in range(n_items)))
    pages = cut_page(page)
    assert tuple(item for part in pages for item in part.items) == page.items
    lengths = [len(part.items) for part in pages]
    assert all(0 < length <= 8 for length in lengths)
    assert not lengths or max(lengths) - min(lengths) <= 1
    assert len({part.id for part in pages}) == len(pages)


def test_an_item_of_a_pool_without_words_for_a_role_is_not_asked_of_it(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(
            ('items = ["X1", "X2", "X3", "X4"]', 'items = ["X1", "X2", "X3", "X4", "Z1", "Z2", "Z3"]'),
        )
        .append("\n" + MINDS)
    )
    minds = load_instrument(copy.folder)
    picks = {"extras": ["Z1", "Z2", "Z3"]}
    assert minds.form("T0", "mentor", picks).page("extras").items == ("Z1", "Z2")
    assert minds.form("T0", "mentee", picks).page("extras").items == ("Z1", "Z3")


def test_a_default_pick_without_words_for_its_role_is_refused(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(
            ('items = ["X1", "X2", "X3", "X4"]', 'items = ["X1", "X2", "X3", "X4", "Z1", "Z2", "Z3"]'),
            ('mentee = ["X1", "X3"]', 'mentee = ["X1", "Z2"]'),
        )
        .append("\n" + MINDS)
    )
    with pytest.raises(DefinitionError, match="“Z2” has no wording for the mentee"):
        load_instrument(copy.folder)


def mirrored(copy):
    copy.untranslated().define(
        (
            'pages = [{ id = "meetings", items = ["A1", "A2", "A3", "B1"] }]',
            'pages = [{ id = "meetings", items = ["A1", "A2", "A3", "B1"] }, { id = "then", items = ["@then"] }]',
        ),
    ).append(
        '\n[[pools]]\nid = "then"\nitems = ["Y1", "Y2", "Y3", "Y4"]\nmirrors = "extras"\n\n'
        + BANK.split('[[items]]\nid = "Y5"')[0]
    )
    return load_instrument(copy.folder)


def test_a_mirroring_pool_follows_item_for_item_in_order(copy_toy):
    instrument = mirrored(copy_toy())
    assert instrument.form("TC", "mentor").page("then").items == ("Y1", "Y2")
    assert instrument.form("TC", "mentee").page("then").items == ("Y1", "Y3")
    assert instrument.form("TC", "mentee", {"extras": ["X4", "X2"]}).page("then").items == ("Y4", "Y2")
    assert (instrument.pool("then").minimum, instrument.pool("then").maximum) == (1, 3)
    assert instrument.pool("then").default[Role.MENTEE] == ("Y1", "Y3")


def test_nothing_is_picked_from_a_mirroring_pool(copy_toy):
    with pytest.raises(PicksError) as caught:
        mirrored(copy_toy()).form("TC", "mentor", {"then": ["Y1"]})
    assert caught.value.code == "unknown-pool"


# Scales


def test_a_scale_is_scored_where_all_of_its_items_are_asked(toy):
    assert [scale.id for scale in toy.scales_scored("T0", "mentor")] == ["AA", "BB"]
    assert [scale.id for scale in toy.scales_scored("TC", "mentor")] == ["AA"]


def test_a_scale_of_one_role_is_scored_for_that_role(copy_toy):
    copy = (
        copy_toy().untranslated().define(('wording = "same"', 'wording = "single role"\nroles = ["mentee"]'))
    )
    instrument = load_instrument(copy.folder)
    assert [scale.id for scale in instrument.scales_scored("TC", "mentor")] == []
    assert [scale.id for scale in instrument.scales_scored("TC", "mentee")] == ["AA"]


def test_a_scale_over_a_pool_is_scored_when_its_items_are_picked(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(
            ("keys = { B1 = 1, B2 = 1 }", 'keys = { X3 = 1, X4 = 1 }\npool = "extras"'),
            ('wording = "mirrored"', 'wording = "same"'),
        )
    )
    instrument = load_instrument(copy.folder)
    assert [s.id for s in instrument.scales_scored("T0", "mentor")] == ["AA"]
    assert [s.id for s in instrument.scales_scored("T0", "mentor", {"extras": ["X4", "X3"]})] == ["AA", "BB"]
    assert instrument.comparable_waves("BB", "mentor") == ()
    assert instrument.comparable_waves("BB", "mentor", {"extras": ["X4", "X3"]}) == (WaveKind.T0, WaveKind.T2)


def test_waves_are_comparable_where_the_words_are_the_same(toy):
    assert toy.comparable_waves("AA", "mentor") == (WaveKind.TC, WaveKind.T2)
    assert toy.comparable_waves("BB", "mentee") == (WaveKind.T0, WaveKind.T2)


def test_of_equally_large_groups_of_waves_the_later_one_is_given(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(('"both:T0" = "I expect', '"both:TC" = "I know", "both:T0" = "I expect'))
    )
    assert load_instrument(copy.folder).comparable_waves("AA", "mentor") == (WaveKind.T2,)


# Order inside a page


def big_page(copy):
    return with_bank(copy).form("TC", "mentor", {"bank": [f"Y{n}" for n in range(1, 9)]}).page("bank")


@settings(deadline=None)
@given(st.text(), st.integers(min_value=0, max_value=6))
def test_shuffling_permutes_keeps_anchors_and_repeats_itself(toy, seed, shape):
    pages = [page for form in toy.forms for page in toy.form(form.wave, form.role).pages]
    page = pages[shape % len(pages)]
    order = shuffled_items(page, toy, seed)
    assert Counter(order) == Counter(page.items)
    assert order == shuffled_items(page, toy, seed)
    for position, item_id in enumerate(page.items):
        if toy.item(item_id).anchor or toy.format_of(item_id).kind == "text":
            assert order[position] == item_id
        assert toy.item(order[position]).stem == toy.item(item_id).stem


def test_shuffling_reaches_many_orders_and_depends_on_the_page(copy_toy):
    instrument = with_bank(copy_toy())
    items = tuple(f"Y{n}" for n in range(1, 9))
    orders = {shuffled_items(FormPage("bank", items), instrument, str(seed)) for seed in range(500)}
    assert len(orders) > 480
    assert shuffled_items(FormPage("a", items), instrument, "s") != shuffled_items(
        FormPage("b", items), instrument, "s"
    )


def test_every_place_is_reached_about_equally_often(copy_toy):
    # Uniform permutations put an item at each of 8 places in 1/8 of 4,000 trials: 500 with a standard deviation of
    # sqrt(4000 * 1/8 * 7/8) = 21; five of them are a bound that a fair order all but never breaks.
    instrument = with_bank(copy_toy())
    page = FormPage("bank", tuple(f"Y{n}" for n in range(1, 9)))
    places = Counter(shuffled_items(page, instrument, f"seed {n}").index("Y1") for n in range(4000))
    assert all(abs(places[place] - 500) < 105 for place in range(8))


def test_seed_and_page_are_kept_apart(copy_toy):
    # A seed that ends like the page begins must not give the order of its neighbour.
    instrument = with_bank(copy_toy())
    items = tuple(f"Y{n}" for n in range(1, 9))
    one = shuffled_items(FormPage("bc", items), instrument, "a")
    other = shuffled_items(FormPage("c", items), instrument, "ab")
    assert one != other


def test_items_change_places_only_below_their_own_stem_and_format(toy):
    page = FormPage("mixed", ("A2", "X1", "A3", "B2", "X2", "S1"))
    orders = {shuffled_items(page, toy, str(seed)) for seed in range(60)}
    assert orders == {
        (first, one, second, "B2", other, "S1")
        for first, second in (("A2", "A3"), ("A3", "A2"))
        for one, other in (("X1", "X2"), ("X2", "X1"))
    }


def test_anchors_keep_their_place_among_items_that_move(toy):
    page = toy.form("TC", "mentor").pages[0]
    orders = {shuffled_items(page, toy, str(seed)) for seed in range(50)}
    assert orders == {("A1", "A2", "A3", "B1"), ("A1", "A3", "A2", "B1")}


# Small things


def test_a_frozen_map_is_a_mapping_of_its_own():
    entries = {"a": 1}
    frozen = FrozenMap(entries)
    entries["b"] = 2
    assert dict(frozen) == {"a": 1}
    assert frozen == {"a": 1}
    assert hash(frozen) == hash(FrozenMap({"a": 1}))
    assert repr(frozen) == "FrozenMap({'a': 1})"
    assert FrozenMap() == {}


def test_instruments_compare_by_what_they_hold(toy, toy_folder):
    assert toy == load_instrument(toy_folder)
    assert toy != "toy"
    assert isinstance(toy.items[0], Item)
