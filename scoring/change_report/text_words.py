"""Words and short sentences that every part of a change report as text shares."""

from typing import Any, Final

from scoring.report.text_tables import NOTHING, number

WORDS: Final = {
    "moved": "moved",
    "not shown": "not shown (which is no proof that nothing changed)",
    "equivalent": "equivalent (too small to matter)",
    "too few": "too few to conclude",
}
SHORT: Final = {"moved": "moved", "not shown": "not shown", "equivalent": "equivalent", "too few": "too few", None: NOTHING}  # fmt: skip


def verdict_words(verdict: str | None, direction: str | None) -> str:
    """A verdict as words, with its direction where something moved."""
    if verdict is None:
        return "counts only"
    return f"moved, {direction}" if verdict == "moved" and direction else WORDS[verdict]


def signed(value: Any, digits: int = 2) -> str:
    """A change with its sign; nought has none."""
    text = number(value, digits)
    return text if text == NOTHING or text.startswith("-") or float(text) == 0 else f"+{text}"


def ends(low: Any, high: Any) -> str:
    """Two ends as words."""
    return f"{signed(low)} to {signed(high)}"


def people(n: int, role: str) -> str:
    """So many people of a role; the label itself is not declined."""
    return f"{n} × {role}"
