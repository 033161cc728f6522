"""The two keys of a deployment that names none: made once, kept in a private file beside the data.

The link key joins pseudonyms to people. Whoever runs Viceversa for real keeps it apart from the database's backups, in
VICEVERSA_LINK_KEY; the file is what makes the first steps and the demo work without any setting.
"""

import json
import os
import secrets
from dataclasses import replace
from pathlib import Path

from webapp.config import Settings

KEY_BYTES = 32


def complete_settings(settings: Settings, folder: Path) -> Settings:
    """Return settings whose missing keys are filled from the key file of a folder, which is made if need be."""
    if settings.secret_key and settings.link_key:
        return settings
    keys = _read_or_make(folder / "keys.json")
    return replace(
        settings,
        secret_key=settings.secret_key or keys["secret_key"],
        link_key=settings.link_key or bytes.fromhex(keys["link_key"]),
    )


def _read_or_make(path: Path) -> dict[str, str]:
    """Return the keys in a file; of two processes that start together only one makes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        keys = {"secret_key": secrets.token_hex(KEY_BYTES), "link_key": secrets.token_hex(KEY_BYTES)}
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(keys, file)
        try:
            # A hard link fails where the file exists by now: unlike a rename it never replaces another's keys.
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    found: dict[str, str] = json.loads(path.read_text(encoding="ascii"))
    return found
