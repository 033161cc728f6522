"""Which of the languages on offer suits a reader best, by language and by script, from what the browser asks for.

Script counts because a language in another script may be as good as unreadable: whoever asks for Traditional Chinese is served
Simplified only after every other language that was asked for, and before a default that was not.
"""

from collections.abc import Iterable, Sequence

from babel.core import get_global

LONGEST_TAG = 35
MOST_WISHES = 50


def language_tag(locale: str) -> str:
    """Return the BCP 47 spelling of a locale, for HTML, HTTP and PDF: "zh-Hans" for "zh_Hans"."""
    return locale.replace("_", "-")


def find_locale(wish: str | None, offered: Sequence[str]) -> str | None:
    """Return the locale that is named by either of its spellings, or None."""
    folded = (wish or "").replace("-", "_").casefold()
    return next((locale for locale in offered if locale.casefold() == folded), None)


def best_locale(wishes: Iterable[tuple[str, float]], offered: Sequence[str]) -> str | None:
    """Return the locale on offer that suits the wishes, best first and each with its quality, or None.

    A language in another script than the one asked for is returned only if nothing else that was asked for is on offer.
    """
    speakers: dict[tuple[str, str], str] = {}
    for locale in offered:
        speakers.setdefault(_language_and_script(locale) or (locale, ""), locale)
    wanted, refused = _read_wishes(list(wishes)[:MOST_WISHES])
    for wish in wanted:
        if wish in speakers and wish not in refused:
            return speakers[wish]
    for language, _ in wanted:
        for speaker, locale in speakers.items():
            if speaker[0] == language and speaker not in refused:
                return locale
    return None


def _read_wishes(wishes: list[tuple[str, float]]) -> tuple[list[tuple[str, str]], set[tuple[str, str]]]:
    """Return language and script of what is wanted, in order, and of what is refused."""
    asked: dict[str, str] = {}
    wanted, refused = [], set()
    for tag, quality in wishes:
        found = _language_and_script(tag)
        if found is None:
            continue
        language, script = found
        # Browsers add the bare language by themselves: "zh-TW, zh;q=0.9" asks for Traditional Chinese twice.
        if tag.isalpha():
            script = asked.get(language, script)
        if quality > 0:
            asked.setdefault(language, script)
            wanted.append((language, script))
        else:
            refused.add((language, script))
    return wanted, refused


def _language_and_script(tag: str) -> tuple[str, str] | None:
    """Return language and script of a tag, the script filled in from Unicode's likely subtags; None for what is no tag."""
    language, *rest = tag.replace("-", "_").split("_")
    language = language.lower()
    if len(tag) > LONGEST_TAG or not (language.isascii() and language.isalpha() and 2 <= len(language) <= 3):
        return None
    # "cmn" and "arb" are other names of Chinese and Arabic.
    alias = str(get_global("language_aliases").get(language) or language)
    language = alias.partition("_")[0]
    script = next((part.title() for part in rest if len(part) == 4 and part.isalpha()), "")
    region = next(
        (part.upper() for part in rest if len(part) == 2 or (len(part) == 3 and part.isdigit())), ""
    )
    if script:
        return language, script
    likely = get_global("likely_subtags")
    full = str(likely.get(f"{language}_{region}") or likely.get(language) or "")
    return language, next((part for part in full.split("_") if len(part) == 4), "")
