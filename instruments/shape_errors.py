"""What pydantic finds in a definition, told to its author: place, fault and remedy in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from instruments.errors import DefinitionProblem

KnownKeys = Mapping[str, Sequence[str]]
"""The keys of a table by the name under which it stands in its part; "" for the part itself."""

# How pydantic's own findings are told to an author: code, message, remedy. `{key}` is the last part of the path.
_TOLD: Mapping[str, tuple[str, str, str]] = {
    "missing": ("missing-key", "“{key}” is missing", "Add {key} = … here."),
    "extra_forbidden": (
        "unknown-key",
        "“{key}” is not a key of this table",
        "Remove it or correct it; known keys: {known}.",
    ),
    "literal_error": ("unknown-value", "{value} is not one of the values allowed", "Write {expected}."),
    "string_type": ("wrong-type", "{value} is not a text", "Write a text in quotes."),
    "int_type": ("wrong-type", "{value} is not a whole number", "Write a whole number without quotes."),
    "bool_type": ("wrong-type", "{value} is not true or false", "Write true or false without quotes."),
    "list_type": ("wrong-type", "{value} is not a list", "Write a list in square brackets."),
    "dict_type": ("wrong-type", "{value} is not a table", "Write a table in curly brackets."),
    "model_type": ("wrong-type", "{value} is not a table", "Write a table of key = value lines."),
    "string_too_short": (
        "empty-text",
        "the text is empty",
        "Write the text, or remove the key if it is optional.",
    ),
    "string_too_long": ("text-too-long", "the text is longer than 2000 characters", "Shorten it."),
    "too_short": ("empty-list", "there is nothing in it", "Add at least one entry."),
}
_UNTOLD = ("wrong-value", "{value} does not fit: {finding}", "Correct the value.")
PROVENANCE_REMEDY = 'Say in one sentence where the wording comes from: provenance = "…".'


def tell_misfits(
    error: ValidationError, file: str, path: str, element: object, known: KnownKeys
) -> list[DefinitionProblem]:
    """One problem for each finding of pydantic in the element at this path."""
    return [_tell(details, file, path, element, known) for details in error.errors(include_url=False)]


def _tell(
    details: ErrorDetails, file: str, path: str, element: object, known: KnownKeys
) -> DefinitionProblem:
    """A finding of pydantic in the words of an author."""
    location = [part for part in details["loc"] if part != "[key]"]
    where = _join(path, location, element)
    context: dict[str, Any] = details.get("ctx", {})
    if "remedy" in context:
        return DefinitionProblem(details["type"], file, where, details["msg"], str(context["remedy"]))
    key = str(location[-1]) if location else ""
    table = str(location[0]) if len(location) > 1 else ""
    fill = {
        "key": key,
        "value": _shorten(details["input"]),
        "expected": str(context.get("expected", "")),
        "known": ", ".join(known.get(table, ())) or "none",
        "finding": details["msg"].lower(),
    }
    code, message, remedy = _TOLD.get(details["type"], _UNTOLD)
    remedy = PROVENANCE_REMEDY if (code, key) == ("missing-key", "provenance") else remedy
    return DefinitionProblem(code, file, where, message.format(**fill), remedy.format(**fill))


def _shorten(value: object) -> str:
    """A value as it may stand in a message."""
    text = f"“{value}”" if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _join(path: str, location: Sequence[str | int], element: object) -> str:
    """The path of a finding: keys after dots, pages by their id, other list entries by their number."""
    where, node = path, element
    for part in location:
        try:
            node = node[part]  # type: ignore[index]  # Walks whatever the author wrote; anything odd ends the walk.
        except (KeyError, IndexError, TypeError):
            node = None
        if isinstance(part, int):
            part_id = node.get("id") if isinstance(node, dict) else None
            where += f"[{part_id if isinstance(part_id, str) else f'#{part + 1}'}]"
        else:
            where += f".{part}" if where else part
    return where
