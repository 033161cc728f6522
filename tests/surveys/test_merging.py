"""Two places change one page: nothing that was saved is overwritten by somebody who never saw it, and nothing typed goes unnoticed."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from instruments.answers import AnswerValue
from instruments.model import Missing
from surveys import responses
from surveys.errors import AnswerError, ResponseError
from surveys.merging import mark_answers, merge_page, read_marks

PAGE = ("A1", "A2", "A3")
CLOSE = ("H1", "R1")


def codes(**given: int) -> dict[str, AnswerValue]:
    return {item: AnswerValue(code=code) for item, code in given.items()}


def marks(answers: dict[str, AnswerValue]) -> str:
    return mark_answers(answers, answers, ())


@pytest.fixture
def save(world: Any) -> Callable[..., responses.ResponseView]:
    """Saves a page of the first person's questionnaire."""

    def perform(page: str, answers: dict[str, Any], **options: Any) -> responses.ResponseView:
        how = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
        return responses.save_page(world.session, world.issued[0].invitation, page, answers, **how, **options)

    return perform


@pytest.fixture
def load(world: Any) -> Callable[[], responses.ResponseView]:
    """Reads what is stored of it."""

    def perform() -> responses.ResponseView:
        found = responses.load_response(world.session, world.issued[0].invitation, world.pseudonyms)
        assert found
        return found

    return perform


def test_every_case_of_one_question() -> None:
    """For all that may have been seen, sent and stored: the rule in its three parts, and nothing else."""
    values = (None, 1, 2, 3)
    for seen, sent, stored in product(values, repeat=3):
        as_marks = [marks(codes(A1=value) if value else {}) for value in (seen, sent, stored)]
        merged = merge_page(("A1",), as_marks[0], read_marks(as_marks[1]), read_marks(as_marks[2]))

        left_alone, untouched_since, agreed = sent == seen, stored == seen, sent == stored
        assert ("A1" in merged.write) == (untouched_since or agreed)
        assert ("A1" in merged.overlaps) == (not left_alone and not untouched_since and not agreed)


def test_kinds_of_answers_have_marks_of_their_own() -> None:
    answers = [
        AnswerValue(code=1),
        AnswerValue(text="1"),
        AnswerValue(missing=Missing.PREFER_NOT),
        AnswerValue(missing=Missing.NOT_APPLICABLE),
    ]
    found = {mark_answers(["A"], {"A": one}, quotable) for one in answers for quotable in ((), ("A",))}

    # The tick counts for written answers only.
    assert len(found) == 5


@pytest.mark.parametrize("text", ["", "  ", "A1", "A1:x:y", "::", "A1:\x00", "é" * 5000])
def test_marks_that_are_none_are_read_as_nothing_seen(text: str) -> None:
    assert merge_page(("A1",), text, read_marks(marks(codes(A1=1))), {}).overlaps in ({"A1"}, set())


def test_what_another_place_saved_on_the_same_page_stays(save: Any, load: Any) -> None:
    first = save("meetings", codes(A1=1, A2=2), seen="")
    phone = desk = first.marks(PAGE)
    save("meetings", codes(A1=5, A2=2), seen=phone)

    save("meetings", codes(A1=1, A2=2, A3=4), seen=desk)

    assert load().answers == codes(A1=5, A2=2, A3=4)


def test_a_question_changed_in_two_places_keeps_what_is_stored_and_is_named(save: Any, load: Any) -> None:
    shown = save("meetings", codes(A1=1, A2=2), seen="").marks(PAGE)
    save("meetings", codes(A1=5, A2=2), seen=shown)

    with pytest.raises(AnswerError) as caught:
        save("meetings", codes(A1=3, A2=4), seen=shown)

    assert (caught.value.overlaps, caught.value.problems) == ({"A1"}, ())
    assert load().answers == codes(A1=5, A2=4)
    # Having seen both, the person decides.
    save("meetings", codes(A1=3, A2=4), seen=load().marks(PAGE))
    assert load().answers == codes(A1=3, A2=4)


def test_a_save_that_comes_again_changes_nothing(save: Any, load: Any) -> None:
    """Its answer was lost on the way: it is sent again, also after another page was saved, and after all was sent."""
    save("meetings", codes(A1=1), seen="")
    save("meetings", codes(A1=4), seen=marks(codes(A1=1)))
    save("meetings", codes(A1=4), seen=marks(codes(A1=1)))

    assert load().answers == codes(A1=4)


def test_an_old_save_that_comes_late_never_overwrites(save: Any, load: Any) -> None:
    """Saved, unacknowledged, changed elsewhere, then sent again: the newer answer stays."""
    save("meetings", codes(A1=1), seen="")
    save("meetings", codes(A1=2), seen=marks(codes(A1=1)))

    with pytest.raises(AnswerError):
        save("meetings", codes(A1=1), seen="")

    assert load().answers == codes(A1=2)
    # Control: without marks, whoever comes last is right, and the newer answer is lost.
    save("meetings", codes(A1=1))
    assert load().answers == codes(A1=1)


def test_a_text_and_its_tick_go_together(save: Any, load: Any) -> None:
    text = {"R1": AnswerValue(text="All well.")}
    shown = save("close", text, seen="").marks(CLOSE)
    save("close", text, quotable=["R1"], seen=shown)

    # The other place leaves the text as it was shown, without the tick: the tick of the first stays.
    save("close", {**text, **codes(H1=0)}, seen=shown)

    assert load().quotable == {"R1"}
    assert load().answers == {**text, **codes(H1=0)}


def test_an_answer_that_cannot_be_kept_is_no_overlap(save: Any, load: Any) -> None:
    shown = save("meetings", codes(A1=1), seen="").marks(PAGE)
    save("meetings", codes(A1=2), seen=shown)

    with pytest.raises(AnswerError) as caught:
        save("meetings", codes(A1=99), seen=shown)

    assert not caught.value.overlaps
    assert [problem.item_id for problem in caught.value.problems] == ["A1"]
    assert load().answers == codes(A1=2)


def test_what_was_withdrawn_is_not_begun_anew_by_a_page_from_before(world: Any, save: Any, load: Any) -> None:
    shown = save("meetings", codes(A1=1), seen="").marks(PAGE)
    responses.withdraw_response(
        world.session, world.issued[0].invitation, pseudonyms=world.pseudonyms, now=world.now
    )

    for late in (shown, ""):
        with pytest.raises(ResponseError) as caught:
            save("meetings", codes(A1=4), seen=late)
        assert caught.value.code == "deleted_meanwhile"
    assert not load().answers
    # Whoever has seen that it was withdrawn may begin anew; so may a browser that never held what was withdrawn.
    save("meetings", codes(A1=4), seen=load().marks(PAGE))
    assert load().answers == codes(A1=4)


def test_a_browser_that_held_nothing_begins_anew_after_a_withdrawal(world: Any, save: Any, load: Any) -> None:
    save("meetings", codes(A1=1), seen="")
    responses.withdraw_response(
        world.session, world.issued[0].invitation, pseudonyms=world.pseudonyms, now=world.now
    )

    save("meetings", codes(A1=4), seen="", may_write=lambda _view: False)

    assert load().answers == codes(A1=4)
