"""Traps around a partner's name are found in each language, and sentences in which any name fits are not."""

import re
from pathlib import Path

import pytest

from instruments.catalog import SHIPPED
from instruments.checks import check_instrument
from instruments.errors import DefinitionError
from instruments.loader import load_instrument
from instruments.names import name_faults
from instruments.release import release_instrument

TRAPS = (
    ("en", "I trust {P}'s judgement."),
    ("en", "I trust {P}’ judgement."),
    ("en", "When {P} speaks, he listens too."),
    ("de", "Ich vertraue {P}s Urteil."),
    ("de", "Ich gehe zum {P}."),
    ("fr", "J’apprends d’{P}."),
    ("fr", "J'apprends qu'{P} écoute."),
    ("fr", "J’apprends de {P}."),
    ("fr", "Je crois que {P} écoute."),
    ("fr", "Je parle au {P}."),
    ("es", "Confío en el {P}."),
    ("es", "Hablamos del {P}."),
    ("es", "Yo y {P} hablamos."),
    ("pt", "Confio no {P}."),
    ("pt", "O {P} ouve."),
    ("pt", "Falo à {P}."),
    ("pt", "A opinião da {P} conta."),
    ("ar", "أتحدث ل{P} بصراحة."),
    ("ar", "أنا و{P} نتحدث."),
    ("ar", "أثق ب{P}."),
    ("ar", "كتاب{P}"),
    ("ur", "میں {P}سے بات کرتا ہوں"),
    ("hi", "मैं {P}से बात करूँगा"),
    ("hi", "के{P} बारे में"),
    ("zh_Hans", "我问{P}时，他会回答。"),
    ("zh_Hans", "{P}说她明白。"),
)
GOOD = (
    ("en", "I tell {P} what I think, and there is a theme for others."),
    ("de", "Ich sage {P} offen, was ich denke; die Tipps, die {P} mir gibt, helfen."),
    ("fr", "Avec {P}, je parle de tout; j’explique à {P} ce que je sais."),
    ("es", "Con {P} hablo de todo, y a {P} le digo lo que pienso. {P} y yo hablamos."),
    ("pt", "Com {P} falo de tudo, e digo a {P} o que penso."),
    ("ar", "أتحدث مع {P} بصراحة، {P} وأنا."),
    ("ur", "میں {P} سے بات کر سکتا ہوں، {P} کے ساتھ۔"),
    ("hi", "मैं {P} से बात करता हूँ, {P} के साथ।"),
    ("zh_Hans", "我会告诉{P}我的想法，也会告诉其他人，不告诉他人。"),
)


@pytest.mark.parametrize(("locale", "text"), TRAPS)
def test_a_trap_is_found_and_told_with_its_place(locale: str, text: str) -> None:
    (code, message, remedy), *_ = name_faults(text, locale)

    assert code == "name-grammar"
    assert "“" in message
    assert remedy
    # Without a name there is nothing that a name could change.
    assert list(name_faults(text.replace("{P}", "Ada"), locale)) == []


@pytest.mark.parametrize(("locale", "text"), GOOD)
def test_a_sentence_that_fits_every_name_is_left_alone(locale: str, text: str) -> None:
    assert list(name_faults(text, locale)) == []


@pytest.mark.parametrize(
    "folder", sorted((SHIPPED / "core-battery").iterdir()), ids=lambda folder: folder.name
)
def test_no_text_of_the_shipped_questions_has_one(folder: Path) -> None:
    instrument = load_instrument(folder)
    texts = [(locale, text) for locale, of in instrument.wordings.items() for text in of.values()]

    assert [(locale, text) for locale, text in texts if [*name_faults(text, locale)]] == []
    assert sum("{P}" in text for _, text in texts) > 200


def test_the_check_names_file_and_text_before_a_version_is_released_and_not_after(copy_toy) -> None:
    folder = copy_toy().folder
    po = folder / "de.po"
    text = po.read_text("utf-8")
    po.write_text(re.sub(r'^(msgstr ".*?)\{P\}', r"\1zum {P}", text, flags=re.MULTILINE), "utf-8")

    problems = [problem for problem in check_instrument(folder) if problem.code == "name-grammar"]

    assert problems
    assert {Path(problem.file).name for problem in problems} == {"de.po"}
    assert all("zum {P}" in problem.message for problem in problems)
    with pytest.raises(DefinitionError):
        release_instrument(folder)
    changed = po.read_text("utf-8")
    po.write_text(text, "utf-8")
    release_instrument(folder)
    po.write_text(changed, "utf-8")
    assert {problem.code for problem in check_instrument(folder)} == {"pinned-version-changed"}
