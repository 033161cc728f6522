"""What can be wrong with data handed to a statistic, and the remarks that a result carries; pure Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field


class ScoringError(Exception):
    """Input that no statistic can be computed from; carries a stable code, the place and the remedy.

    `message` and `remedy` are English templates with named `%(x)s` places that `params` fills.
    """

    def __init__(self, code: str, message: str, remedy: str, **params: str | int | float) -> None:
        self.code = code
        self.message = message
        self.remedy = remedy
        self.params: Mapping[str, str | int | float] = params
        super().__init__(f"{message} {remedy}" % params)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are pickled by their `args`, which here hold the finished sentence, so the parts are kept too.
        return _rebuild_error, (type(self), self.code, self.message, self.remedy, dict(self.params))


class FrameError(ScoringError):
    """A table that breaks the item frame's contract; `params` names the column and, where there is one, the row."""


def _rebuild_error(
    kind: type[ScoringError], code: str, message: str, remedy: str, params: Mapping[str, str | int | float]
) -> ScoringError:
    """Make the error again on the other side of a process boundary."""
    return kind(code, message, remedy, **params)


@dataclass(frozen=True)
class Note:
    """One remark on a result: a stable code, an English sentence to translate, and what fills it in.

    A value that is None is always explained by a note.
    """

    code: str
    message: str
    params: Mapping[str, str | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message % self.params
