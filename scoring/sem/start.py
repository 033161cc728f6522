"""Starting values that know the items' units: factors from the sample covariances, intercepts from the means."""

import numpy as np

from scoring.sem.matrices import Array, CompiledModel
from scoring.sem.model import Parameter


def start_values(
    model: CompiledModel, covariances: list[Array], means: list[Array], thresholds: list[Array]
) -> Array:
    """Return a starting point.

    Loadings are the items' covariances with the centroid of their factor; residuals what that leaves (at least a fifth of the
    variance); intercepts the sample means; thresholds the sample's. Parameters of one label get the mean of their starts.
    """
    total, count = np.zeros(model.n_free), np.zeros(model.n_free)
    for group in range(model.specification.n_groups):
        found = _group_starts(model, group, covariances[group], means[group], thresholds[group])
        for parameter, index in zip(_parameters(model, group), model.cells[group].index, strict=True):
            if index >= 0:
                value = found.get(parameter.key, 0.0) if parameter.value is None else parameter.value
                total[index] += value
                count[index] += 1
    return total / np.maximum(count, 1)


def _parameters(model: CompiledModel, group: int) -> list[Parameter]:
    """The parameters of a group in the order of its cells."""
    return [parameter for parameter in model.specification.parameters if parameter.group == group]


def _group_starts(
    model: CompiledModel, group: int, covariance: Array, mean: Array, thresholds: Array
) -> dict[tuple[str, str, str, int], float]:
    """A start for each parameter of one group."""
    specification = model.specification
    place = {name: number for number, name in enumerate(specification.items)}
    parameters = _parameters(model, group)
    starts: dict[tuple[str, str, str, int], float] = {}
    left = dict.fromkeys(specification.items, 0.0)
    for factor in specification.factors:
        shown = [p for p in parameters if p.operator == "=~" and p.left == factor]
        loadings = _centroid(
            covariance[np.ix_([place[p.right] for p in shown], [place[p.right] for p in shown])]
        )
        fixed = [(p, size) for p, size in zip(shown, loadings, strict=True) if not p.free and p.value]
        variance = next((p for p in parameters if p.key == (factor, "~~", factor, group)), None)
        scale = 1.0
        if fixed:
            ratio = float(fixed[0][1] / (fixed[0][0].value or 1.0)) or 1.0
            # The factor points where its fixed loading says, which need not be where its first item does.
            loadings, scale = loadings * np.sign(ratio), abs(ratio)
        elif variance is not None and not variance.free and variance.value:
            scale = float(np.sqrt(variance.value))
        for parameter, size in zip(shown, loadings, strict=True):
            starts[parameter.key] = float(size / scale)
            left[parameter.right] += float(size) ** 2
        starts[factor, "~~", factor, group] = scale**2
    for item, number in place.items():
        own = float(covariance[number, number])
        starts[item, "~~", item, group] = max(own - left[item], 0.2 * own)
        if not specification.ordinal:
            starts[item, "~1", "", group] = float(mean[number])
    taus = sorted(
        (p for p in parameters if p.operator == "|"), key=lambda p: (place[p.left], int(p.right[1:]))
    )
    for parameter, value in zip(taus, thresholds, strict=True):
        starts[parameter.key] = float(value)
    return starts


def _centroid(covariance: Array) -> Array:
    """Loadings of the items of one factor: the first principal axis of the correlations with communalities on the diagonal.

    The first item loads positively; reversed items get their negative sign.
    """
    sd = np.sqrt(np.diagonal(covariance))
    if len(sd) == 1:
        return sd * 0.9
    reduced = covariance / np.outer(sd, sd)
    np.fill_diagonal(reduced, 0.0)
    np.fill_diagonal(reduced, np.abs(reduced).max(axis=1))
    values, vectors = np.linalg.eigh(reduced)
    loadings = vectors[:, -1] * np.sqrt(max(values[-1], 0.1))
    loadings = loadings if loadings[0] >= 0 else -loadings
    weak = np.abs(loadings) < 0.1
    return sd * np.clip(np.where(weak, np.where(loadings < 0, -0.2, 0.2), loadings), -0.95, 0.95)
