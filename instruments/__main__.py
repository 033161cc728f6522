"""The authors' command: check, compare, translate and release instrument folders, without a server."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from instruments.catalog import SHIPPED, find_folders
from instruments.checks import check_instrument
from instruments.digests import ReleasedFileError, shorten
from instruments.errors import DefinitionError
from instruments.loader import load_instrument, load_source
from instruments.po import format_po
from instruments.release import release_instrument
from instruments.revision import diff_instruments, next_version
from instruments.translate import coverage, make_template, merge_folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives 0 if all is well, 1 if there are problems, which are printed one a line."""
    options = _make_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except DefinitionError as error:
        return _print_problems(error.problems)
    except (ReleasedFileError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _print_problems(problems: Sequence[object]) -> int:
    """Print each problem on its line."""
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def _check(options: argparse.Namespace) -> int:
    """Check the folders named, or every shipped instrument."""
    folders = _folders(options.folders)
    problems = []
    for folder in folders:
        found = check_instrument(folder)
        problems.extend(found)
        print(f"{folder}: {len(found)} problem{'' if len(found) == 1 else 's'}", file=sys.stderr)
    return _print_problems(problems)


def _folders(named: Sequence[Path]) -> list[Path]:
    """The instrument folders named or below the libraries named; every shipped one if none is named."""
    found = [folder for root in named or [SHIPPED] for folder in (find_folders(root) or [root])]
    return list(dict.fromkeys(found))


def _diff(options: argparse.Namespace) -> int:
    """Tell the difference of two versions and what it demands."""
    old, new = load_instrument(options.old), load_instrument(options.new)
    revision = diff_instruments(old, new)
    for change in revision.changes:
        print(f"{change.bump}: {change.path} {change.message}")
    print(
        f"smallest bump: {revision.bump}; next version: {next_version(old.version, revision.bump)} or higher"
    )
    print(f"comparable scales: {', '.join(revision.comparable_scales) or 'none'}")
    return 0


def _template(options: argparse.Namespace) -> int:
    """Write the template for translators."""
    text = format_po(make_template(load_source(options.folder)))
    if options.output is None:
        print(text, end="")
    else:
        options.output.write_text(text, encoding="utf-8")
    return 0


def _merge(options: argparse.Namespace) -> int:
    """Bring the PO files of a folder up to its texts."""
    for locale, merge in merge_folder(options.folder, options.locales).items():
        counts = (
            ("kept", merge.kept),
            ("new", merge.added),
            ("reworded", merge.reworded),
            ("retired", merge.surplus),
        )
        print(f"{locale}: {', '.join(f'{len(contexts)} {name}' for name, contexts in counts)}")
    return 0


def _status(options: argparse.Namespace) -> int:
    """Tell how far each locale is; 1 if one is incomplete."""
    complete = True
    for folder in _folders(options.folders):
        print(folder)
        for state in coverage(folder):
            complete = complete and state.complete
            print(
                f"  {state.locale}: {state.n_translated} of {state.n_texts} translated"
                f" ({state.n_missing} missing, {state.n_outdated} outdated, {state.n_fuzzy} fuzzy,"
                f" {state.n_surplus} surplus); {state.origin or 'origin unknown'},"
                f" {state.review_status or 'review unknown'}{f' ({state.reviewer})' if state.reviewer else ''}"
            )
    return 0 if complete else 1


def _release(options: argparse.Namespace) -> int:
    """Pin the versions in the folders."""
    for folder in options.folders:
        digests = release_instrument(folder)
        print(f"{folder}: pinned, digest {shorten(digests.whole)}…")
    return 0


def _make_parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    parser = argparse.ArgumentParser(prog="python -m instruments", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="report every problem of a definition")
    check.add_argument(
        "folders", nargs="*", type=Path, metavar="FOLDER", help="default: every shipped instrument"
    )
    check.set_defaults(run=_check)

    diff = commands.add_parser("diff", help="compare two versions and tell the smallest allowed bump")
    diff.add_argument("old", type=Path, metavar="OLD")
    diff.add_argument("new", type=Path, metavar="NEW")
    diff.set_defaults(run=_diff)

    release = commands.add_parser("release", help="pin a version by its digests")
    release.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    release.set_defaults(run=_release)

    translate = commands.add_parser("translate", help="work on translations")
    _add_translate_commands(translate.add_subparsers(required=True, metavar="COMMAND"))
    return parser


def _add_translate_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands below `translate`."""
    template = commands.add_parser("template", help="write the template for translators")
    template.add_argument("folder", type=Path, metavar="FOLDER")
    template.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    template.set_defaults(run=_template)

    merge = commands.add_parser("merge", help="bring PO files up to the texts, by context only")
    merge.add_argument("folder", type=Path, metavar="FOLDER")
    merge.add_argument(
        "locales", nargs="*", metavar="LOCALE", help="default: every locale there is; a new one is made"
    )
    merge.set_defaults(run=_merge)

    status = commands.add_parser("status", help="tell how far each locale is")
    status.add_argument(
        "folders", nargs="*", type=Path, metavar="FOLDER", help="default: every shipped instrument"
    )
    status.set_defaults(run=_status)


if __name__ == "__main__":
    sys.exit(main())
