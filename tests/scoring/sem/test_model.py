"""What a model says: lavaan's notation, defaults, labels, and the matrices made of them."""

from dataclasses import replace

import numpy as np
import pytest

from scoring.errors import ScoringError
from scoring.sem import ConfirmatoryModel, Parameter, Specification, fit_confirmatory, specify
from scoring.sem.matrices import compile_model, gather
from scoring.sem.model import as_model
from tests.scoring.sem.samples import ITEMS, TWO, central_gradient, draw


def free_names(specification: Specification) -> set[str]:
    return {parameter.name for parameter in specification.parameters if parameter.free}


def written(model: ConfirmatoryModel) -> str:
    """A model in lavaan's notation, with what `extra` says of its loadings and covariances."""
    said = {parameter.key: parameter for parameter in model.extra}

    def modifier(key: tuple[str, str, str, int]) -> str:
        parameter = said.pop(key, None)
        if parameter is None:
            return ""
        if parameter.label:
            return f"{parameter.label}*"
        return "NA*" if parameter.free else f"{parameter.value}*"

    lines = [
        f"{factor} =~ " + " + ".join(modifier((factor, "=~", item, 0)) + item for item in items)
        for factor, items in model.factors.items()
    ]
    lines += [f"{first} ~~ {second}" for first, second in model.residual_covariances]
    lines += [
        f"{p.left} ~~ {p.label + '*' if p.label else '' if p.free else f'{p.value}*'}{p.right}"
        for p in list(said.values())
    ]
    return "\n".join(lines)


def test_notation_is_read() -> None:
    model = ConfirmatoryModel.parse(
        """
        # two factors
        trust =~ NA*x1 + a*x2 +
                 a*x3   # one label
        voice =~ x4
               + 0.5*x5 + -1e-1*x6
        trust ~~ 1*trust; trust ~~ 0*voice
        x1 ~~ x4 + x5
        x2 ~~ c*x3
        """
    )
    assert model.factors == {"trust": ("x1", "x2", "x3"), "voice": ("x4", "x5", "x6")}
    assert model.residual_covariances == (("x1", "x4"), ("x1", "x5"))
    said = {p.name: (p.free, p.value, p.label) for p in model.extra}
    assert said == {
        "trust =~ x1": (True, None, ""),
        "trust =~ x2": (True, None, "a"),
        "trust =~ x3": (True, None, "a"),
        "voice =~ x5": (False, 0.5, ""),
        "voice =~ x6": (False, -0.1, ""),
        "trust ~~ trust": (False, 1.0, ""),
        "trust ~~ voice": (False, 0.0, ""),
        "x2 ~~ x3": (True, None, "c"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "f =~ a + b + c",
        "f =~ a + b + c\ng =~ d + e\na ~~ d\nb ~~ e",
        "f =~ NA*a + l*b + l*c\nf ~~ 1.0*f",
        "f =~ a + 0.5*b + c\na ~~ 0.25*a\nf ~~ v*f",
        "Führung =~ größe + ñandú + _x + .y\nf.1 =~ a.b + a_c + A1",
    ],
)
def test_what_is_written_again_reads_the_same(text: str) -> None:
    model = ConfirmatoryModel.parse(text)
    again = ConfirmatoryModel.parse(written(model))
    assert again.factors == model.factors
    assert again.residual_covariances == model.residual_covariances
    assert set(again.extra) == set(model.extra)
    assert specify(again) == specify(replace(model, extra=again.extra))


def test_statements_may_be_in_any_order_and_spacing() -> None:
    first = ConfirmatoryModel.parse("f=~a+b+c\na~~b")
    second = ConfirmatoryModel.parse("  a   ~~\n  b ;\n\n f =~\n a + b\n f =~ c")
    assert first == second


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("f =~ a + b\nno operator", "sem.syntax", "Statement 2"),
        ("f =~ a +", "sem.syntax", "no name"),
        ("f =~ ", "sem.syntax", "no name"),
        ("=~ a + b", "sem.syntax", "no name"),
        ("f =~ a + 2", "sem.syntax", "“2” is no name"),
        ("f =~ start(0.5)*a + b", "sem.syntax", "neither a number"),
        ("f =~ c(1,2)*a + b", "sem.syntax", "neither a number"),
        ("f =~ a*b*c", "sem.syntax", "neither a number"),
        ("f =~ a b", "sem.syntax", "no name"),
        ("f =~ a ~~ b", "sem.syntax", "no name"),
        ("f =~ a + b + c\nf ~ g", "sem.syntax", "only factors"),
        ("f =~ a + b + c\na ~ 1", "sem.syntax", "only factors"),
        ("f =~ a + b + c\na | t1", "sem.syntax", "=~ or ~~"),
        ("f =~ a + b + c\na ~~ z", "sem.covariance", "z"),
        ("f =~ a + b + c\nh ~~ 1*h", "sem.covariance", "h"),
        ("f =~ a + b + a", "sem.items", "f"),
        ("f =~ f + a", "sem.name", "f"),
        ("g =~ f + a\nf =~ b + c", "sem.name", "f"),
        ("", "sem.factors", "no factor"),
        ("# nothing", "sem.factors", "no factor"),
        ("a ~~ b", "sem.covariance", "a, b"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, code: str, words: str) -> None:
    with pytest.raises(ScoringError) as caught:
        ConfirmatoryModel.parse(text)
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("factors", "covariances", "code"),
    [
        ({}, (), "sem.factors"),
        ({"f": ()}, (), "sem.items"),
        ({"f": ("a", "a")}, (), "sem.items"),
        ({"a": ("a", "b")}, (), "sem.name"),
        ({"f": ("a", "b", "c")}, (("a", "z"),), "sem.covariance"),
        ({"f": ("a", "b", "c")}, (("a", "a"),), "sem.covariance"),
    ],
)
def test_impossible_models_are_named(factors, covariances, code) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ScoringError) as caught:
        ConfirmatoryModel(factors, covariances)
    assert caught.value.code == code


@pytest.mark.parametrize("given", [None, 3, ["x1", "x2", "x3"]])
def test_other_things_are_no_model(given: object) -> None:
    with pytest.raises(ScoringError, match="no model"):
        as_model(given)  # type: ignore[arg-type]


def test_three_ways_to_say_one_model() -> None:
    text = "trust =~ x1 + x2 + x3\nvoice =~ x4 + x5 + x6"
    assert as_model(text) == as_model(TWO) == as_model(ConfirmatoryModel(TWO))  # type: ignore[arg-type]


def test_conventions_of_the_marker() -> None:
    found = specify(ConfirmatoryModel(TWO, (("x1", "x4"),)), mean_structure=True)  # type: ignore[arg-type]
    fixed = {p.name: p.value for p in found.parameters if not p.free}
    assert fixed == {"trust =~ x1": 1.0, "voice =~ x4": 1.0, "trust ~1": 0.0, "voice ~1": 0.0}
    assert "x1 ~~ x4" in free_names(found)
    assert "trust ~~ voice" in free_names(found)
    assert compile_model(found).n_free == 4 + 6 + 3 + 1 + 6


def test_conventions_of_unit_variance_thresholds_and_theta() -> None:
    model = ConfirmatoryModel(TWO, orthogonal=True)  # type: ignore[arg-type]
    steps = dict.fromkeys(ITEMS, 3)
    delta = specify(model, scaling="unit_variance", thresholds=steps)
    theta = specify(model, scaling="unit_variance", thresholds=steps, theta=True)
    assert {p.name for p in delta.parameters if p.free and p.operator == "|"} == {
        f"{item} | t{step}" for item in ITEMS for step in (1, 2, 3)
    }
    assert next(p for p in delta.parameters if p.name == "trust ~~ voice").value == 0.0
    assert {p.value for p in theta.parameters if p.operator == "~~" and p.left == p.right} == {1.0}
    assert compile_model(delta).n_free == compile_model(theta).n_free == 6 + 18


def test_unknown_scaling_is_named() -> None:
    with pytest.raises(ScoringError) as caught:
        fit_confirmatory(draw(50), TWO, scaling="wrong")  # type: ignore[arg-type]
    assert caught.value.code == "sem.scaling"


def test_labels_make_parameters_equal_within_and_between_groups() -> None:
    text = "trust =~ x1 + a*x2 + a*x3\nvoice =~ x4 + a*x5 + b*x6\nx1 ~~ v*x1\nx4 ~~ v*x4"
    found = compile_model(specify(ConfirmatoryModel.parse(text), n_groups=2))
    # In each group 4 residuals and 3 factor moments of its own; a, b and v are shared by both.
    assert found.n_free == 2 * (4 + 3) + 3
    x = np.arange(1.0, found.n_free + 1)
    first, second = found.matrices(x, 0), found.matrices(x, 1)
    assert first.loadings[1, 0] == first.loadings[2, 0] == first.loadings[4, 1] == second.loadings[1, 0]
    assert first.loadings[5, 1] == second.loadings[5, 1] != first.loadings[1, 0]
    assert first.residuals[0, 0] == first.residuals[3, 3] == second.residuals[0, 0]
    assert first.residuals[1, 1] != second.residuals[1, 1]


def test_a_label_of_the_marker_fixes_those_that_share_it() -> None:
    """As in R: an item that is to be equal to the marker has the marker's loading."""
    found = specify(ConfirmatoryModel.parse("trust =~ a*x1 + a*x2 + x3\nvoice =~ x4 + a*x5 + x6"))
    fixed = {p.name for p in found.parameters if not p.free}
    assert fixed == {"trust =~ x1", "trust =~ x2", "voice =~ x4", "voice =~ x5"}
    fit = fit_confirmatory(draw(), "trust =~ a*x1 + a*x2 + x3\nvoice =~ x4 + x5 + x6")
    same = fit_confirmatory(draw(), "trust =~ x1 + 1*x2 + x3\nvoice =~ x4 + x5 + x6")
    assert fit.measures.chi_square == pytest.approx(same.measures.chi_square, rel=1e-10)


def test_equal_labels_are_equal_estimates() -> None:
    text = "trust =~ NA*x1 + a*x2 + a*x3\nvoice =~ x4 + x5 + x6\ntrust ~~ 1*trust\nx4 ~~ v*x4\nx5 ~~ v*x5"
    fit = fit_confirmatory(draw(), text)
    table = fit.parameters
    assert fit.measures.n_parameters == 2 + 2 + 5 + 2
    for label in ("a", "v"):
        found = table[table["label"] == label]
        assert len(found) == 2
        assert found["estimate"].nunique() == found["se"].nunique() == 1


def test_names_do_not_matter_to_the_fit() -> None:
    table = draw()
    plain = fit_confirmatory(table, TWO)
    names = dict(
        zip(ITEMS, ["Frage 1 (%s)", "ünïcode ✓", "a~~b", "with, comma", "100%", "x|t1"], strict=True)
    )
    model = {"F %d": [names[item] for item in ITEMS[:3]], "=~": [names[item] for item in ITEMS[3:]]}
    strange = fit_confirmatory(table.rename(columns=names), model)
    assert strange.measures == plain.measures
    assert [str(note) for note in strange.notes] == [str(note) for note in plain.notes]
    assert strange.loadings().index.tolist() == list(names.values())


def test_numbers_may_be_names() -> None:
    table = draw().set_axis([1, 2, 3, 4, 5, 6], axis=1)
    fit = fit_confirmatory(table, {"f": [1, 2, 3], "g": [4, 5, 6]})  # type: ignore[dict-item]
    assert fit.measures.chi_square == pytest.approx(fit_confirmatory(draw(), TWO).measures.chi_square)


@pytest.mark.parametrize("name", ["z =~ x1", "trust =~ z", "x1 ~~ trust", "z ~~ z", "trust ~ x1", "z | t9"])
def test_parameters_of_unknown_names_are_refused(name: str) -> None:
    left, operator, right = name.split()
    specification = specify(ConfirmatoryModel(TWO))  # type: ignore[arg-type]
    strange = Parameter(left, operator, right)  # type: ignore[arg-type]
    with pytest.raises(ScoringError, match="no part of the model"):
        compile_model(replace(specification, parameters=(*specification.parameters, strange)))


def test_freeing_again() -> None:
    specification = specify(ConfirmatoryModel.parse("trust =~ x1 + a*x2 + a*x3 + 0.5*x4"))
    freed = specification.free_again([("trust", "=~", "x3", 0), ("trust", "=~", "x4", 0)])
    assert compile_model(freed).n_free == compile_model(specification).n_free + 2


def with_paths(n_groups: int = 2) -> Specification:
    """A model with every kind of parameter: cross-loading, residual covariance, means, path, labels, two groups."""
    text = "trust =~ x1 + x2 + a*x3 + x5\nvoice =~ x4 + a*x5 + x6\nx1 ~~ x4\nx2 ~~ v*x2\nx6 ~~ v*x6"
    base = specify(ConfirmatoryModel.parse(text), n_groups=n_groups, mean_structure=True)
    parameters = [
        replace(p, free=True) if p.operator == "~1" and p.left == "voice" and p.group == 1 else p
        for p in base.parameters
        if p.name != "trust ~~ voice"
    ]
    parameters += [Parameter("voice", "~", "trust", group=group) for group in range(n_groups)]
    return replace(base, parameters=tuple(parameters))


def test_derivatives_of_moments_are_the_central_differences() -> None:
    model = compile_model(with_paths())
    rng = np.random.default_rng(3)
    x = rng.uniform(0.3, 1.2, model.n_free)
    for group in (0, 1):
        factors = model.derivatives(x, group)
        k = len(ITEMS)
        by_element = factors.c[:, None, None] * (
            factors.U[:, :, None] * factors.V[:, None, :] + factors.V[:, :, None] * factors.U[:, None, :]
        )
        analytic = np.zeros((model.n_free, k, k))
        np.add.at(analytic, factors.index, by_element)
        numeric = central_gradient(lambda y, g=group: model.moments(y, g)[0], x)
        assert np.allclose(analytic, numeric, atol=1e-8)
        means = np.zeros((model.n_free, k))
        np.add.at(means, factors.index, factors.M)
        assert np.allclose(means, central_gradient(lambda y, g=group: model.moments(y, g)[1], x), atol=1e-8)


def test_gathering_adds_what_shares_a_parameter() -> None:
    index = np.array([0, 1, 1])
    assert gather(np.array([1.0, 2.0, 3.0]), index, 2).tolist() == [1.0, 5.0]
    square = np.arange(9.0).reshape(3, 3)
    assert gather(square, index, 2).tolist() == [[0.0, 3.0], [9.0, 24.0]]
