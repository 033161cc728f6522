"""What can be wrong with a definition, with a request for one, or with an answer; each says how to repair it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "mark now, translate later"
    """Mark an English sentence for translation and return it unchanged."""
    return message


@dataclass(frozen=True)
class DefinitionProblem:
    """One fault of a definition: where it stands, what is wrong, and the remedy, in finished English."""

    code: str
    file: str
    path: str
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.path}" if self.path else self.file
        return f"{place}: {self.message} — {self.remedy}"


class DefinitionError(Exception):
    """A definition cannot be used; `problems` lists every reason at once."""

    def __init__(self, problems: Sequence[DefinitionProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are copied by their `args`, which hold the finished text; the problems are what is wanted.
        return type(self), (self.problems,)


class InstrumentError(Exception):
    """A request that the instruments at hand cannot meet; carries a stable code, the place and the remedy."""

    def __init__(self, code: str, message: str, remedy: str, /, **params: str | int) -> None:
        self.code = code
        self.message = message
        self.remedy = remedy
        self.params: Mapping[str, str | int] = params
        super().__init__(f"{message} {remedy}" % params)

    def __reduce__(self) -> tuple[object, ...]:
        # As above: the parts are copied, not the finished sentence.
        return _rebuild_error, (type(self), self.code, self.message, self.remedy, dict(self.params))


def _rebuild_error(
    kind: type[InstrumentError], code: str, message: str, remedy: str, params: Mapping[str, str | int]
) -> InstrumentError:
    """Make the error again on the other side of a process boundary."""
    return kind(code, message, remedy, **params)


class UnknownInstrumentError(InstrumentError):
    """No folder at hand holds the instrument and version that were asked for."""


class PinnedVersionError(InstrumentError):
    """The folder of a pinned version has changed since it was pinned."""


class UnknownFormError(InstrumentError):
    """The instrument asks nothing of this role in this wave."""


class UnknownPartError(InstrumentError):
    """The instrument has no item, scale, format or option of this name, or no wording for this role and wave."""


class UnknownLocaleError(InstrumentError):
    """The instrument is not translated into this language."""


class PicksError(InstrumentError):
    """The choice of items from a pool breaks the pool's rules."""


@dataclass(frozen=True)
class AnswerProblem:
    """One answer that cannot be accepted: a message to translate and what fills it in."""

    item_id: str
    code: str
    message: str
    params: Mapping[str, str | int] = field(default_factory=dict)
