"""A note beside the database of the last step of a mail, so that a worker that is killed in the middle of it leaves no doubt.

A worker that has committed "handed over" writes the mail's key here and sends the final dot, one system call after the other. Who finds
such a mail later asks its worker's note: while the worker lives, the mail is still its own; if it is dead and the key is not there, the dot
was not sent; else it was. A note of another machine, or of before a restart, is not there to be asked, and the mail counts as sent.
"""

import fcntl
import os
import secrets
import tempfile
import time
from enum import StrEnum
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")
KEY_LENGTH = 32
DAY_SECONDS = 24 * 3600


class DotState(StrEnum):
    """What a worker's note says about a mail that was handed over."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    WORKER_LIVES = "worker_lives"


def notes_folder() -> Path:
    """A private folder of this machine and user; raises OSError where somebody else has made it."""
    folder = Path(tempfile.gettempdir()) / f"viceversa-work-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder


class LastStep:
    """The note of one worker, held open for as long as the worker lives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.worker = secrets.token_hex(16)
        self._boot = _read_boot()
        _sweep(folder)
        # Under another name until it is locked, so that nobody finds it without its owner.
        draft = folder / f".{self.worker}"
        self._file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.write(self._file, self._boot + b"-" * KEY_LENGTH)
        draft.rename(folder / self.worker)

    def mark(self, key: str) -> None:
        """Note that the dot of a mail is sent next."""
        os.pwrite(self._file, key.encode("ascii"), len(self._boot))

    def clear(self) -> None:
        """Forget which mail was the last one."""
        os.pwrite(self._file, b"-" * KEY_LENGTH, len(self._boot))

    def close(self) -> None:
        """Take the note away; nothing is in doubt any more."""
        (self.folder / self.worker).unlink(missing_ok=True)
        os.close(self._file)

    def ask(self, worker: str, key: str) -> DotState:
        """What the note of a worker says about a mail."""
        if not worker:
            return DotState.SENT
        try:
            file = os.open(self.folder / worker, os.O_RDONLY)
        except OSError:
            return DotState.SENT
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            written = os.read(file, len(self._boot) + KEY_LENGTH)
        except BlockingIOError:
            return DotState.WORKER_LIVES
        finally:
            os.close(file)
        whole = len(written) == len(self._boot) + KEY_LENGTH and written.startswith(self._boot)
        return DotState.SENT if not whole or written.endswith(key.encode("ascii")) else DotState.NOT_SENT


def _read_boot() -> bytes:
    """By what one run of the machine is told from another."""
    return BOOT.read_bytes().strip() if BOOT.exists() else b""


def _sweep(folder: Path) -> None:
    """Delete old notes of workers that are gone."""
    for path in folder.iterdir():
        try:
            if time.time() - path.stat().st_mtime < DAY_SECONDS:
                continue
            file = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            continue
        finally:
            os.close(file)
