"""No code path leads from an answer to what the coordinator or the partner reads: read from the source, not from a run.

Every function and class of `surveys` and `webapp` is a point; an arrow leads from one to another that it names. A point reads stream A if
it names one of A's models, and writes B or C if it makes, inserts or changes one of theirs. Neither may be reached from the other.
"""

import ast
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from surveys.models import Base

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("surveys", "webapp")


def models_of(*prefixes: str) -> frozenset[str]:
    """The models whose tables begin like this, so that a new one counts from its first day."""
    return frozenset(
        mapper.class_.__name__
        for mapper in Base.registry.mappers
        if str(mapper.local_table.name).startswith(prefixes)
    )


STREAM_A = models_of("confidential_")
STREAMS_B_AND_C = models_of("addressed_", "shared_")
LINK = models_of("pseudonym_") | {"Pseudonyms"}
NAMES = models_of("contact")

# Who holds answers and the way to their owner, and why it cannot be done without.
HOLD_ANSWERS_AND_LINK: Mapping[str, str] = {
    "surveys.pseudonyms": "makes the pseudonym under which answers are kept",
    "surveys.responses": "a person's own answers, behind their own link",
    "surveys.pulses": "a person's own pulses, behind any of their links",
    "surveys.withdrawal": "a person's own erasure",
    "surveys.retention": "deletes both, each at its time",
}
# Who holds answers and names: only what deletes both.
HOLD_ANSWERS_AND_NAMES: Mapping[str, str] = {
    "surveys.retention": "deletes both, each at its time",
}
# Who names models of A together with models of B or C; none of them may write B or C.
HOLD_A_AND_B_OR_C: Mapping[str, str] = {
    "surveys.retention": "deletes each kind of data at its time",
    "surveys.withdrawal": "deletes a person's wish to go on along with their answers",
}
# Points that reach both because a person's own page does both, with what keeps the two apart. A value of A must not get into B or C.
# The first eight open the link without answers: tests/webapp/test_addressed.py and test_pair_pages.py look at every statement they send.
REACH_BOTH: Mapping[str, str] = {
    "webapp.participate.addressed.send_message": "reads and writes what is addressed, and nothing of A",
    "webapp.participate.addressed.rate_mediation": "the same",
    "webapp.participate.addressed.decide_trial": "the same",
    "webapp.participate.addressed.wish_extension": "the same, and a wish of both is told",
    "webapp.participate.shared.take_key": "reads and writes what a pair shares, and nothing of A",
    "webapp.participate.shared.add_goal": "the same",
    "webapp.participate.meetings.log_meeting": "reads and writes facts of a meeting, and nothing of A",
    "webapp.participate.meetings.save_notes": "reads and writes what a pair shares, and nothing of A",
    "webapp.coordinate.messages.draw_talks": "could name the holder of the link key; the coordinator's role is refused A",
    "webapp.coordinate.views.<module>": "the list of addresses, which names every page",
    "surveys.demo.seed_demo": "simulated people",
    "webapp.demo._seed": "simulated people",
    "webapp.demo.prepare_demo": "simulated people",
    "webapp.cli.demo": "simulated people",
}

# The doors from one database role to another, and what is done behind each.
DOORS: Mapping[str, str] = {
    "surveys.comments.least_supporters -> RELEASES": "how many comments are surely of three people, as one number",
    "surveys.outbox.is_wanted -> PARTICIPANT": "whether a reminder is to be sent, yes or no, at the moment of sending",
    "webapp.access.current_user -> ACCOUNT": "who is signed in, asked by every page",
    "surveys.accounts.takes_part -> COORDINATOR": "whether a moderator's own address is in the roster, yes or no",
    "surveys.masking.holds_roster_word -> COORDINATOR": "whether a theme still holds a name of the roster, yes or no",
    "webapp.coordinate.waves._read_rates -> RELEASES": "how many have answered, in steps of ten",
    "webapp.coordinate.waves.close_wave -> RELEASES": "the frozen, audited results of a closed wave",
}
# Whoever uses the login itself, without a role, inside the service.
WITHOUT_ROLE: Mapping[str, str] = {
    "webapp.participate.views.overwrite_afterwards": "lets nothing of an erasure stay beside the database",
}

# What describes or keeps whole tables, and never handles a row's content.
TABLES_THEMSELVES = ("surveys.models", "surveys.migrations", "surveys.grants", "surveys.database")

# Calls that make or change rows when they are given a model, and those that only look at it or delete.
CHANGING = frozenset({"insert", "update", "merge", "bulk_insert_mappings", "bulk_save_objects"})


@dataclass
class Point:
    """A function or class: which names it holds, which other points it names, and what it writes."""

    models: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


@dataclass
class Module:
    """A module: what its names stand for, and its points."""

    name: str
    imported: dict[str, str] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)


def read_house(root: Path) -> dict[str, Module]:
    """Every module of the rooms but those that are, or only name, the tables themselves."""
    house = {}
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            if any(f"{name}.".startswith(f"{one}.") for one in TABLES_THEMSELVES):
                continue
            house[name] = read_module(name, ast.parse(path.read_text(encoding="utf-8")))
    return house


def read_module(name: str, tree: ast.Module) -> Module:
    """One module with its points; what stands outside functions and classes is a point of its own."""
    module = Module(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                module.imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                module.imported[alias.asname or alias.name] = alias.name
    for node in tree.body:
        place = node.name if isinstance(node, ast.FunctionDef | ast.ClassDef) else "<module>"
        if not isinstance(node, ast.Import | ast.ImportFrom):
            read_point(module, module.points.setdefault(place, Point()), node)
    module.models = {model for point in module.points.values() for model in point.models} | {
        target.rpartition(".")[2]
        for target in module.imported.values()
        if target.startswith(("surveys.models", "surveys.pseudonyms"))
    }
    return module


def read_point(module: Module, point: Point, tree: ast.AST) -> None:
    """What a function or class names, holds and writes."""
    everything = STREAM_A | STREAMS_B_AND_C | LINK | NAMES
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            named = dotted(node)
            point.names.add(named)
            # Flask has a Response too.
            if module.imported.get(named.partition(".")[0], "surveys").startswith("surveys"):
                point.models |= {named.rpartition(".")[2]} & everything
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A table named in a text, as in SQL written by hand.
            words = set(node.value.replace(".", " ").replace("(", " ").replace(",", " ").split())
            point.models |= {model for table, model in TABLES.items() if table in words} & everything
        if isinstance(node, ast.Call):
            called = dotted(node.func).rpartition(".")[2]
            given = {dotted(argument).rpartition(".")[2] for argument in node.args}
            point.writes |= ({called} | (given if called in CHANGING else set())) & STREAMS_B_AND_C


TABLES = {str(mapper.local_table.name): mapper.class_.__name__ for mapper in Base.registry.mappers}


def dotted(node: ast.AST) -> str:
    """A name with its attributes as text; what is no name is empty."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def arrows(house: Mapping[str, Module]) -> dict[str, set[str]]:
    """From each point to the points that it names."""
    return {
        f"{module.name}.{place}": {target for name in point.names for target in resolve(house, module, name)}
        for module in house.values()
        for place, point in module.points.items()
    }


def resolve(house: Mapping[str, Module], module: Module, name: str) -> Iterator[str]:
    """The points for which a dotted name may stand in a module."""
    first, *rest = name.split(".")
    if first in module.points and first not in module.imported:
        yield f"{module.name}.{first}"
        return
    full = ".".join([module.imported.get(first, ""), *rest])
    for other in house.values():
        place, _, _ = full.removeprefix(f"{other.name}.").partition(".")
        if full.startswith(f"{other.name}.") and place in other.points:
            yield f"{other.name}.{place}"


def reach(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """Every point to which arrows lead, the start included."""
    found, waiting = {start}, [start]
    while waiting:
        for target in graph.get(waiting.pop(), set()) - found:
            found.add(target)
            waiting.append(target)
    return found


def paths_between(house: Mapping[str, Module]) -> set[str]:
    """Every point from which both a reader of A and a writer of B or C can be reached."""
    graph = arrows(house)
    readers = {
        f"{module.name}.{place}"
        for module in house.values()
        for place, point in module.points.items()
        if point.models & STREAM_A
    }
    writers = {
        f"{module.name}.{place}"
        for module in house.values()
        for place, point in module.points.items()
        if point.writes
    }
    return {start for start in graph if (ends := reach(graph, start)) & readers and ends & writers}


def holding(house: Mapping[str, Module], one: frozenset[str], other: frozenset[str]) -> set[str]:
    """The modules that name models of both kinds."""
    return {name for name, module in house.items() if module.models & one and module.models & other}


def find_doors(root: Path) -> set[str]:
    """Every use of `acting_as`, by the function around it and the role that is taken."""
    found = set()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and dotted(call.func).rpartition(".")[2] == "acting_as":
                    found.add(f"{name}.{function.name} -> {dotted(call.args[1]).rpartition('.')[2]}")
    return found


@pytest.fixture(scope="module")
def house() -> dict[str, Module]:
    """The source as it stands."""
    return read_house(ROOT)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source in which something may be planted."""
    folder = tmp_path_factory.mktemp("source")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "static"))
    return folder


@pytest.fixture
def plant(copy: Path) -> Iterator[object]:
    """Adds code to a module of the copy for one test."""
    before: dict[Path, str] = {}

    def perform(file: str, code: str) -> dict[str, Module]:
        path = copy / file
        before[path] = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(before[path] + "\n\n" + code + "\n", encoding="utf-8")
        return read_house(copy)

    yield perform
    for path, text in before.items():
        path.write_text(text, encoding="utf-8")


def test_the_streams_have_models(house: Mapping[str, Module]) -> None:
    """Or everything below would hold for want of anything to look at."""
    assert {"Respondent", "Response", "Answer", "Comment", "PublishedGroup"} <= STREAM_A
    assert {"Message", "Goal", "Meeting", "MeetingNote", "PairKey"} <= STREAMS_B_AND_C
    assert {"PseudonymLink", "LinkKey", "Pseudonyms"} <= LINK
    assert {"Contact"} == NAMES
    assert len(house) > 60


def test_answers_and_the_link_are_held_together_by_the_modules_listed(house: Mapping[str, Module]) -> None:
    assert holding(house, STREAM_A, LINK) == set(HOLD_ANSWERS_AND_LINK)


def test_no_module_holds_answers_and_names(house: Mapping[str, Module]) -> None:
    assert holding(house, STREAM_A, NAMES) == set(HOLD_ANSWERS_AND_NAMES)


def test_answers_and_what_others_read_are_held_together_by_the_modules_listed(
    house: Mapping[str, Module],
) -> None:
    assert holding(house, STREAM_A, STREAMS_B_AND_C) == set(HOLD_A_AND_B_OR_C)


def test_none_of_those_writes_what_others_read(house: Mapping[str, Module]) -> None:
    written = {
        f"{name}.{place}": point.writes
        for name in HOLD_A_AND_B_OR_C
        for place, point in house[name].points.items()
        if point.writes
    }
    assert written == {}


def test_no_code_path_leads_from_an_answer_to_what_others_read(house: Mapping[str, Module]) -> None:
    assert paths_between(house) == set(REACH_BOTH)


def test_the_doors_between_database_roles_are_the_ones_listed() -> None:
    assert find_doors(ROOT) == set(DOORS)


def test_the_login_without_a_role_is_used_where_it_is_listed(house: Mapping[str, Module]) -> None:
    using = {
        start
        for start, ends in arrows(house).items()
        if "webapp.database.engine" in ends and not start.startswith("webapp.database.")
    }
    assert using == set(WITHOUT_ROLE)


# --- controls: what is planted is found ---------------------------------------------------------------------------

# (the module, the code, the point from which both ends are reached)
PLANTED = [
    (
        "surveys/responses.py",
        (
            "from surveys.models import Message\ndef warn(session, response: Response) -> None:\n"
            "    session.add(Message(body=str(response.key)))"
        ),
        "surveys.responses.warn",
    ),
    (
        "surveys/planted.py",
        (
            "from surveys.models import Message\nfrom surveys.waves import response_rates\n"
            "def alarm(session, wave, now):\n    if response_rates(session, wave, now=now):\n"
            "        session.add(Message(body='low'))"
        ),
        "surveys.planted.alarm",
    ),
    (
        "surveys/planted.py",
        (
            "import surveys.models as m\nfrom surveys import responses as r\ndef _tell(s):\n    s.execute(insert(m.Goal))\n"
            "def follow(s, i, p):\n    r.load_response(s, i, p)\n    _tell(s)"
        ),
        "surveys.planted.follow",
    ),
    (
        "surveys/planted.py",
        (
            "from sqlalchemy import text, update\nfrom surveys.models import Goal\nclass Watcher:\n"
            "    def look(self, s):\n        return s.scalar(text('SELECT code FROM confidential_answer'))\n"
            "    def act(self, s):\n        s.execute(update(Goal).values(text=self.look(s)))"
        ),
        "surveys.planted.Watcher",
    ),
]


@pytest.mark.parametrize(("file", "code", "point"), PLANTED)
def test_a_planted_path_from_an_answer_to_what_others_read_is_found(
    plant, file: str, code: str, point: str
) -> None:
    assert point in paths_between(plant(file, code))


def test_a_module_that_holds_two_streams_is_found(plant) -> None:
    changed = plant(
        "surveys/exports.py",
        "from surveys.models import Contact, Goal\nfrom surveys.pseudonyms import Pseudonyms\nfrom surveys.models import Answer",
    )

    assert "surveys.exports" in holding(changed, STREAM_A, STREAMS_B_AND_C)
    assert "surveys.exports" in holding(changed, STREAM_A, NAMES)
    assert "surveys.exports" in holding(changed, STREAM_A, LINK)


def test_a_new_door_is_found(copy: Path, plant) -> None:
    plant(
        "webapp/coordinate/links.py",
        "def peek(session):\n    with roles.acting_as(session, roles.DatabaseRole.PARTICIPANT):\n        return 1",
    )

    assert find_doors(copy) - set(DOORS) == {"webapp.coordinate.links.peek -> PARTICIPANT"}


def test_a_new_use_of_the_login_is_found(plant) -> None:
    changed = plant(
        "webapp/coordinate/links.py", "from webapp.database import engine\ndef peek():\n    return engine()"
    )

    assert "webapp.database.engine" in arrows(changed)["webapp.coordinate.links.peek"]
