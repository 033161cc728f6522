"""A data package as files: tables after RFC 4180, digests, and a folder or zip that appears whole or not at all."""

import csv
import datetime as dt
import hashlib
import io
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from instruments.errors import N_
from surveys.errors import CodedError

# Only the wording of questionnaires under one of these may leave the house in a file.
OPEN_LICENCES = ("CC-BY", "CC0")

README = """\
Data package of a reverse-mentoring programme, written by Viceversa {version}.

These are confidential answers of people at work. Keep them where only the people named in your data-use agreement can read them,
use them for the purpose in manifest.json, and do not try to find out who somebody is.

Files (CSV after RFC 4180: comma, double quotes, CRLF; UTF-8 without byte order mark; the first line holds the names)

  wide.csv          one row for each respondent in each pair; ITEM.WAVE holds raw codes, SCALE.WAVE scores
  answers_long.csv  one row for each question asked: `code`, or why there is none in `missing`
  scores_long.csv   one row for each scale asked: `score`, and how many of its items were answered
  pulses_long.csv   the same for pulses, where there are any: `occasion` counts the pulses of one person in one pair, as far as
                    as many people as the floor gave that many; without dates, and no scores are computed from them
  codebook.csv      every item and scale: wording, codes, keys, waves
  manifest.json     versions, digests, waves, what was left out, and a SHA-256 for each file

Codes. `respondent`, `pair` and `cohort` were drawn for this package and stand nowhere else; another package has others, only the
numbers of the cohorts follow their start. The two partners of a pair share `pair`. A mentor with several mentees has one row for
each pair.

Left out. Where fewer people or pairs than the floor answered in a cohort, role and wave nothing of them is here, and where fewer
than ten did (or the floor, if that is higher) no sensitive item and no scale that is sensitive or contains one; manifest.json lists
both under `left_out`, whether nobody answered or only a few did. People who had their answers erased before this package was
written are not in it; `withdrawn` in manifest.json says whether they are fewer than the floor or more, never how many.

Missing answers. An empty field is a missing answer, a question that was not asked, or one that was left out. answers_long.csv tells
the first apart: a question that was not asked, or was left out, has no row; `missing` is not_applicable ("does not apply (yet)"),
prefer_not ("prefer not to answer") or skipped (left alone).

Scores. A score is the mean of the keyed values of the items that were answered, if at least two thirds of the scale's items were;
a key of -1 turns a code round: minimum + maximum - code. The codebook gives the keys.

The same numbers as the service shows. The mean change of a scale in a cohort and role is the mean of SCALE.LATER - SCALE.EARLIER
over the rows that have both. (A release is frozen, so answers that were erased later are in it but not here.) Alpha of a scale,
role and wave: take the keyed items of the rows that miss none of them, subtract from each item the mean of its cohort, and compute
Cronbach's alpha over all cohorts together.

What changed, cohort by cohort (the questionnaire's id is in manifest.json, C1 is the first cohort):

  viceversa analyse change answers_long.csv --instrument core-battery --pair pair --role role --wave wave --only cohort=C1
"""


class ExportError(CodedError):
    """A data package that cannot be written like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "purpose": (
            N_("The purpose of the data is missing."),
            N_("Say in a sentence what the data are for; it is kept in the package."),
        ),
        "purpose_long": (
            N_("The purpose has %(length)d characters; at most %(maximum)d are kept."),
            N_("Say it in fewer words."),
        ),
        "nothing_closed": (
            N_("No wave of this programme is closed yet, so there is nothing to export."),
            N_("Close a wave first. Answers can be read only after that."),
        ),
        "target_exists": (
            N_("“%(name)s” is already there."),
            N_("Choose another name; a package is never written over another."),
        ),
        "no_folder": (
            N_("The folder for “%(name)s” does not exist."),
            N_("Make the folder first, or choose another one."),
        ),
    }


@dataclass(frozen=True)
class PackedFile:
    """One file of a package: its bytes, and its rows without the header (for a text, its lines)."""

    content: bytes
    rows: int

    @property
    def sha256(self) -> str:
        """The digest by which the file can be checked."""
        return hashlib.sha256(self.content).hexdigest()


def pack_table(lines: Iterable[Sequence[object]]) -> PackedFile:
    """A table, its header first, as CSV in UTF-8."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    rows = -1
    for line in lines:
        writer.writerow(line)
        rows += 1
    return PackedFile(buffer.getvalue().encode(), rows)


def pack_text(text: str) -> PackedFile:
    """A text in UTF-8."""
    return PackedFile(text.encode(), text.count("\n"))


def check_target(target: Path) -> None:
    """The package can be written there; raises ExportError."""
    if target.exists() or target.is_symlink():
        raise ExportError("target_exists", name=target.name)
    if not target.absolute().parent.is_dir():
        raise ExportError("no_folder", name=target.name)


def write_package(target: Path, files: Mapping[str, PackedFile], day: dt.date) -> None:
    """Write everything beside the target first and put it in place in one step; what fails leaves nothing behind."""
    parent = target.absolute().parent
    # A temporary folder belongs to its owner alone, and so does what is in it.
    with tempfile.TemporaryDirectory(dir=parent, prefix=".package-") as scratch:
        folder = Path(scratch) / "package"
        folder.mkdir(mode=0o700)
        for name, packed in files.items():
            (folder / name).write_bytes(packed.content)
        if target.suffix.lower() != ".zip":
            folder.rename(target)
            return
        archive = Path(scratch) / "package.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as archived:
            for name, packed in files.items():
                entry = zipfile.ZipInfo(name, date_time=(day.year, day.month, day.day, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o600 << 16
                archived.writestr(entry, packed.content)
        archive.chmod(0o600)
        archive.rename(target)
