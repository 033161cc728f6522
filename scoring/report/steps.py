"""What every report does alike: run its steps one by one, and say which versions its numbers come from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

Progress = Callable[[Sequence[str]], Iterable[str]]
Step = Callable[[Mapping[str, Any]], Any]


def scale_step(name: str) -> str:
    """The step that analyses a scale."""
    return f"scale {name}"


def run_steps(steps: Mapping[str, Step], progress: Progress | None = None) -> dict[str, Any]:
    """Run each step and return what it found by its name; a step sees what the steps before it found."""
    from threadpoolctl import threadpool_limits

    found: dict[str, Any] = {}
    # The matrices of a report are small: threads of the linear algebra wait for one another several times as long as they work.
    with threadpool_limits(limits=1, user_api="blas"):
        for label in (progress or iter)(list(steps)):
            found[label] = steps[label](found)
    return found


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of those packages that are installed."""
    versions = {"python": python_version()}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
