"""Whatever a template calls exists, also in the branches that no other test reaches."""

from flask import Flask
from jinja2 import Environment, nodes

# Functions that a view hands to its template.
GIVEN = frozenset({"format_plain", "locale_of", "next_states", "person_of", "plain"})


def unknown_calls(environment: Environment, source: str) -> set[str]:
    """The names that a template calls and that are neither global, imported, a macro of its own, nor handed to it."""
    tree = environment.parse(source)
    called = {call.node.name for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name)}
    imported = {
        name if isinstance(name, str) else name[1]
        for found in tree.find_all(nodes.FromImport)
        for name in found.names
    }
    own = {macro.name for macro in tree.find_all(nodes.Macro)}
    return called - set(environment.globals) - imported - own - GIVEN - {"caller", "super"}


def test_every_function_that_a_template_calls_is_known(app: Flask) -> None:
    environment = app.jinja_env
    names = environment.list_templates(extensions=["html"])
    assert len(names) > 40
    assert environment.loader is not None
    found = {
        name: unknown
        for name in names
        if (unknown := unknown_calls(environment, environment.loader.get_source(environment, name)[0]))
    }
    assert found == {}


def test_an_unknown_function_is_found(app: Flask) -> None:
    source = '{% from "macros.html" import csrf_field as token %}{% if x %}{{ token() }}{{ format_share(1) }}{% endif %}'
    assert unknown_calls(app.jinja_env, source) == {"format_share"}
