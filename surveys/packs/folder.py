"""A pack on disk: Markdown, PDF and what they were made from, and whether it still says what the configuration says."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

from surveys.errors import PackError
from surveys.packages import PackedFile, check_target, pack_text, write_package
from surveys.packs.blocks import Document, as_markdown
from surveys.packs.council import council_document
from surveys.packs.dpia import dpia_document
from surveys.packs.facts import PackFacts

PackKind = Literal["dpia", "works-council"]
DOCUMENTS: Mapping[PackKind, Callable[[PackFacts], Document]] = {
    "dpia": dpia_document,
    "works-council": council_document,
}
CARD = "pack.json"


def write_pack(
    target: Path, kind: PackKind, facts: PackFacts, lay_out: Callable[[Document], bytes], *, today: date
) -> tuple[str, ...]:
    """Write a pack into a new folder, whole or not at all; `lay_out` makes the PDF. Returns the names of its files.

    Raises ExportError where something is there already, or nothing can be made.
    """
    check_target(target)
    document = DOCUMENTS[kind](facts)
    markdown = pack_text(as_markdown(document))
    pdf = PackedFile(lay_out(document), 0)
    files = {f"{kind}.md": markdown, f"{kind}.pdf": pdf}
    card = {
        "kind": kind,
        "program": facts.slug,
        "made_on": today.isoformat(),
        "digest": facts.digest,
        "facts": facts.as_json(),
        "files": {name: packed.sha256 for name, packed in files.items()},
    }
    files[CARD] = pack_text(json.dumps(card, ensure_ascii=False, indent=2) + "\n")
    write_package(target, files, today)
    return tuple(files)


def check_pack(folder: Path, kind: PackKind, facts: PackFacts) -> tuple[str, ...]:
    """What of a pack on disk no longer holds, in words; nothing if it says what would be said today. Raises PackError."""
    card = _read_card(folder)
    if (card["kind"], card["program"]) != (kind, facts.slug):
        raise PackError("other_pack", name=folder.name, kind=str(card["kind"]), program=str(card["program"]))
    # The facts as the card holds them: plain values, keys in quotes.
    current = json.loads(json.dumps(facts.as_json()))
    found = [f"changed since: {name}" for name in _differences(card["facts"], current)]
    for name, digest in card["files"].items():
        path = folder / Path(name).name
        if not path.is_file():
            found.append(f"missing: {name}")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            found.append(f"edited by hand, or damaged: {name}")
    if not found and card["files"].get(f"{kind}.md") != pack_text(as_markdown(DOCUMENTS[kind](facts))).sha256:
        found.append("this version of the software words it otherwise")
    return tuple(found)


def _read_card(folder: Path) -> dict[str, Any]:
    """What a pack says of itself; raises PackError."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        usable = isinstance(card["facts"], dict) and isinstance(card["files"], dict)
        if usable and isinstance(card["kind"], str) and isinstance(card["program"], str):
            return card
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackError("no_pack", name=folder.name) from error
    raise PackError("no_pack", name=folder.name)


def _differences(then: Any, now: Any, path: str = "") -> Iterator[str]:
    """The places at which two trees of plain values differ."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name in sorted({*then, *now}):
            yield from _differences(then.get(name), now.get(name), f"{path}.{name}" if path else name)
    elif then != now:
        yield path
