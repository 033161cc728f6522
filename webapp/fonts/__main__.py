"""Make the fonts that travel along, cut down to the letters of their script, and the table of their sources.

    python -m webapp.fonts FOLDER     FOLDER holds Noto's files, as in Debian's package fonts-noto-core

Needs the extra "fonts" (fontTools and Brotli), once; everybody else uses the files as they are. The same sources give the same bytes.
TTF is for PDF and charts and stays here, WOFF2 is for browsers and goes to static/fonts/.
"""

import hashlib
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
WEB = HERE.parent / "static" / "fonts"
TABLE = HERE / "FONTS.md"
LICENCE = "OFL.txt"
JOINING = "200C-200D 25CC"
URDU = "20 A0 600-603 60C-615 61B-61F 621-63A 640-658 660-66C 670-673 679-67E 681-689 691-69A 6A9-6AB 6AF-6B1 6BA-6C3 6CC-6D5 6F0-6F9 FDF2"


@dataclass(frozen=True)
class Cut:
    """One font: the source's name, the characters kept of it, and for what."""

    name: str
    characters: str
    web: bool
    print_too: bool = True


CUTS = (
    *(
        Cut(f"NotoSans-{weight}", "20-7E A0-52F 1E00-1EFF 2000-206F 2070-23FF 25A0-25FF 2713-2717", web=False)
        for weight in ("Regular", "Bold")
    ),
    *(
        Cut(f"NotoSansArabic-{weight}", f"20 A0 600-6FF 750-77F FD3E-FD3F FDF2 {JOINING}", web=True)
        for weight in ("Regular", "Bold")
    ),
    *(
        Cut(f"NotoSansDevanagari-{weight}", f"20 A0 900-97F 1CD0-1CF9 20B9 A8E0-A8FB {JOINING}", web=True)
        for weight in ("Regular", "Bold")
    ),
    Cut("NotoNastaliqUrdu-Regular", f"{URDU} {JOINING}", web=True),
    # In print a heading is told by its size; another 400 kB would buy little.
    Cut("NotoNastaliqUrdu-Bold", f"{URDU} {JOINING}", web=True, print_too=False),
)


def code_points(ranges: str) -> set[int]:
    """Return the numbers in a list of ranges such as "20 A0-FF"."""
    found: set[int] = set()
    for part in ranges.split():
        first, _, last = part.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return found


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cut_font(source: Path, cut: Cut, target: Path, flavor: str | None) -> str:
    """Write the font with the kept characters and all its rules of shaping; return the version it calls itself."""
    from fontTools import subset

    options = subset.Options(flavor=flavor, hinting=False, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14])
    font = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=code_points(cut.characters))
    cutter.subset(font)
    subset.save_font(font, str(target), options)
    return str(font["name"].getDebugName(5)).partition(";")[0].removeprefix("Version ")


def main(arguments: Sequence[str]) -> int:
    """Make every font and the table; return the exit status."""
    sources = Path(arguments[0]) if len(arguments) == 1 else Path()
    missing = [cut.name for cut in CUTS if not (sources / f"{cut.name}.ttf").is_file()]
    if len(arguments) != 1 or missing:
        sys.stderr.write(f"{__doc__}\n" + "".join(f"not found: {sources / name}.ttf\n" for name in missing))
        return 2
    WEB.mkdir(exist_ok=True)
    shutil.copyfile(HERE / LICENCE, WEB / LICENCE)
    lines = []
    for cut in CUTS:
        source = sources / f"{cut.name}.ttf"
        for flavor, target in ((None, HERE / f"{cut.name}.ttf"), ("woff2", WEB / f"{cut.name}.woff2")):
            if not (cut.web if flavor else cut.print_too):
                continue
            version = cut_font(source, cut, target, flavor)
            place = target.relative_to(HERE.parent).as_posix()
            size = f"{target.stat().st_size / 1000:.0f} kB"
            lines.append(f"| {place} | {size} | {version} | `{digest_of(source)}` | `{digest_of(target)}` |")
    head = TABLE.read_text(encoding="utf-8").partition("\n| file")[0]
    rows = [
        "| file | size | version | SHA-256 of the source | SHA-256 of the file |",
        "| --- | --- | --- | --- | --- |",
        *lines,
    ]
    TABLE.write_text(head + "\n" + "\n".join(rows) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(lines)} fonts\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
