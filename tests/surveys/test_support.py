"""When one's own answers open the support card: harm, or a low mean of safety, trust or relationship on enough questions."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.model import Instrument, Missing, Role, WaveKind
from surveys import support

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def core() -> Instrument:
    """The core battery."""
    return get_instrument("core-battery", "0.1.0")


def given(**codes: int | Missing) -> Mapping[str, AnswerValue]:
    return {
        item: AnswerValue(missing=code) if isinstance(code, Missing) else AnswerValue(code=code)
        for item, code in codes.items()
    }


def items(prefix: str, *codes: int) -> dict[str, int]:
    return {f"{prefix}{number}": code for number, code in enumerate(codes, start=1)}


@pytest.mark.parametrize(
    ("wave", "answers", "needed"),
    [
        # Harm: yes alone is enough; no, and not wanting to say, are not.
        ("T2", given(HM1=1), True),
        ("T2", given(HM1=0), False),
        ("T2", given(HM1=Missing.PREFER_NOT), False),
        # Safety has six questions: a mean of 2 is low, anything above is not.
        ("T2", given(**items("PS", 2, 2, 2, 2, 2, 2)), True),
        ("T2", given(**items("PS", 1, 3, 1, 3, 2, 2)), True),
        ("T2", given(**items("PS", 2, 2, 2, 2, 2, 3)), False),
        ("T2", given(**items("PS", 4, 5, 4, 4, 5, 4)), False),
        # Two thirds of six are four: three answers, however low, are too few.
        ("T2", given(**items("PS", 1, 1, 1)), False),
        ("T2", given(**items("PS", 1, 1, 3, 3)), True),
        ("T2", given(**items("PS", 1, 1, 1), PS4=Missing.NOT_APPLICABLE), False),
        # Trust: six at mid-programme, the two of the short form after the trial.
        ("T2", given(TR1=1, TR4=1), False),
        ("TC", given(TR1=1, TR4=1), True),
        ("TC", given(TR1=2, TR4=3), False),
        ("TC", given(TR1=1), False),
        # Relationship: four at the end, three are enough.
        ("T3a", given(**items("RQ", 1, 2, 3)), True),
        ("T3a", given(**items("RQ", 3, 3, 3, 3)), False),
        # Other scales open nothing, and neither does an empty questionnaire.
        ("T2", given(**items("PWG", 5, 5, 5), FR1=1), False),
        ("T0", given(**items("PSX", 1, 1, 1), **items("PSG", 1, 1, 1)), False),
        ("T2", {}, False),
    ],
)
@pytest.mark.parametrize("role", list(Role))
def test_the_card_opens_at_the_documented_threshold(
    core: Instrument, role: Role, wave: str, answers: Mapping[str, AnswerValue], needed: bool
) -> None:
    assert support.needs_support(core, WaveKind(wave), role, answers) is needed


def test_every_item_and_scale_that_is_named_exists_in_the_core_battery(core: Instrument) -> None:
    for item, code in support.HARM.items():
        assert code in core.format_of(item).codes
    for name in (name for family in support.FAMILIES for name in family):
        assert core.scale(name).direction == "benefit"


def test_it_needs_neither_numpy_nor_the_database() -> None:
    """What is found is kept nowhere: the module cannot even reach a place where it could be."""
    tree = ast.parse((ROOT / "surveys" / "support.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}

    assert imported == {"collections.abc", "math", "instruments.answers", "instruments.model"}
