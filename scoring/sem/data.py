"""The data of confirmatory models: moments by group, and what all models on the same data share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.sem.fit import Test
from scoring.sem.likelihood import NormalProblem, invert_information, saturated_discrepancy
from scoring.sem.matrices import Array, CompiledModel, compile_model
from scoring.sem.model import Parameter, Specification
from scoring.sem.moments import (
    GroupMoments,
    align_labels,
    check_items,
    drop_rows,
    group_moments,
    split_groups,
)
from scoring.sem.optimize import minimise
from scoring.sem.ordinal import OrdinalProblem, misfit_traces, ordinal_statistics
from scoring.sem.robust import Correction, huber_white, satorra_bentler, saturated_trace, score_products

EstimatorName = Literal["ML", "MLM", "MLR", "GLS", "ULS", "WLSMV"]
ESTIMATORS: Final = ("ML", "MLM", "MLR", "GLS", "ULS", "WLSMV")
Problem = NormalProblem | OrdinalProblem
_SINGULAR: Final = 1e-10
# Beyond this size a fourth power leaves the range of numbers.
_LARGEST: Final = 1e60

_DROPPED = N_("%(n)d rows with a missing answer were left out (listwise).")
_EMPTY_ROWS = N_("%(n)d rows without any answer were left out.")
_EM = N_("The saturated model of the missing answers did not converge, so chi-square is not exact.")
_NO_GROUP = N_("%(n)d rows without a group were left out.")


@dataclass(eq=False)
class FittingData:
    """The data of one or more models: moments by group, and what all models on the same data share.

    Attributes
    ----------
    items : tuple of str
    labels : tuple of str
        The groups' names; one empty name without groups.
    groups : tuple of GroupMoments or OrdinalMoments
    estimator : EstimatorName
    incomplete : bool
        Whether full information is used.
    n_used, n_dropped : int
    notes : tuple of Note
    structured : bool
        Whether MLR's test takes the information of the saturated model at the model's moments instead of the observed one: as in
        R where clusters alone made maximum likelihood robust.
    """

    items: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[Any, ...]
    estimator: EstimatorName
    incomplete: bool
    n_used: int
    n_dropped: int
    notes: tuple[Note, ...]
    structured: bool = False

    @property
    def ordinal(self) -> bool:
        """Whether the items are taken as ordinal."""
        return self.estimator == "WLSMV"

    @property
    def group_sizes(self) -> tuple[int, ...]:
        """Rows used in each group."""
        return tuple(int(group.n_used if self.ordinal else group.n) for group in self.groups)

    @property
    def clustered(self) -> bool:
        """Whether rows belong to clusters."""
        return not self.ordinal and any(group.clusters is not None for group in self.groups)

    @cached_property
    def samples(self) -> list[tuple[Array, Array]]:
        """Covariances (correlations of the latent responses for ordinal items) and means of each group."""
        if self.ordinal:
            return [(group.correlations, np.zeros(len(self.items))) for group in self.groups]
        return [(group.covariance, group.mean) for group in self.groups]

    @cached_property
    def saturated_problem(self) -> tuple[NormalProblem, Array]:
        """The saturated model as a problem of its own, and its estimate."""
        specification = model_without_factors(self.items, len(self.groups), means=True, covariances=True)
        model = compile_model(specification)
        return NormalProblem(model, self.groups), point_of(model, self.samples)

    @cached_property
    def saturated_matrices(self) -> tuple[Array, Array, Array]:
        """Observed information of the saturated model at its estimate, its inverse, and the mean products of its scores.

        The products are zeros for normal-theory estimators, which do not need them.
        """
        problem, x = self.saturated_problem
        information = problem.hessian(x)
        products = score_products(problem, x) if self.estimator == "MLR" else np.zeros_like(information)
        return information, np.linalg.inv(information), products

    def baseline(self, *, means: bool) -> Test:
        """Return the test of the model in which no items covary (kept, since all models on these data need it)."""
        if means not in self._baselines:
            self._baselines[means] = (
                self._ordinal_baseline() if self.ordinal else self._normal_baseline(means)
            )
        return self._baselines[means]

    @cached_property
    def _baselines(self) -> dict[bool, Test]:
        """Baseline tests by whether means are modelled."""
        return {}

    @cached_property
    def robust_baselines(self) -> dict[str, tuple[float, float]]:
        """Statistic and correction of the baseline's robust indices, kept once computed."""
        return {}

    def _normal_baseline(self, means: bool) -> Test:
        """Variances (and means) only; closed form for each item alone."""
        specification = model_without_factors(self.items, len(self.groups), means=means, covariances=False)
        model = compile_model(specification)
        problem = NormalProblem(model, self.groups, discrepancy_of(self.estimator))
        x = point_of(model, [alone_moments(group) for group in self.groups])
        if problem.estimator != "ML":
            x = minimise(x, problem.objective, problem.gradient, problem.information).x
        k = len(self.items)
        df = len(self.groups) * k * (k - 1) // 2
        return self.test(problem, x, df)

    def _ordinal_baseline(self) -> Test:
        """Thresholds only: every correlation is 0."""
        chi_square, first, second, df = 0.0, 0.0, 0.0, 0
        for group in self.groups:
            k = len(group.items)
            pairs = k * (k - 1) // 2
            gamma = group.gamma[-pairs:, -pairs:]
            w = 1.0 / np.diagonal(gamma)
            r = ordinal_statistics(group)[-pairs:]
            chi_square += (group.n_used - 1) * float(w @ r**2)
            scaled = gamma * np.sqrt(np.outer(w, w))
            first, second, df = first + float(np.trace(scaled)), second + float((scaled**2).sum()), df + pairs
        return shifted_test(chi_square, df, first, second)

    def test(self, problem: Problem, x: Array, df: int) -> Test:
        """Return the chi-square of a model at its estimate with the correction that the estimator asks for."""
        chi_square = problem.chi_square(x)
        if isinstance(problem, OrdinalProblem):
            if df <= 0:
                return Test(chi_square, df)
            try:
                inverse = invert_information(problem.information(x))
            except np.linalg.LinAlgError:
                return Test(chi_square, df)
            return shifted_test(chi_square, df, *misfit_traces(problem, x, inverse))
        correction = self.correction(problem, x)
        # A negative factor scales nothing; R leaves it out too.
        if correction is None or df <= 0 or correction.trace <= 0.0:
            return Test(chi_square, df)
        factor = correction.trace / df
        return Test(chi_square, df, chi_square / factor, factor, trace=correction.trace)

    def correction(self, problem: NormalProblem, x: Array) -> Correction | None:
        """Return the robust correction of a model, None where the estimator has none or it cannot be computed.

        Test, standard errors and scaling factors of one fit ask for it in turn, so the last one is kept.
        """
        if self._last and self._last[0] is problem and np.array_equal(self._last[1], x):
            return self._last[2]
        found: Correction | None = None
        try:
            if self.estimator == "MLM":
                found = satorra_bentler(problem, x)
            elif self.estimator == "MLR":
                found = huber_white(problem, x, self.saturated_trace(problem), structured=self.structured)
        except np.linalg.LinAlgError:
            found = None
        self._last[:] = [problem, x, found]
        return found

    @cached_property
    def _last(self) -> list[Any]:
        """Problem, point and correction that were asked for last."""
        return []

    def saturated_trace(self, problem: NormalProblem) -> float:
        """Return tr(B1 A1^-1), computed once for models with and once for models without means."""
        means = problem.model.specification.mean_structure
        if means not in self._traces:
            if self.incomplete or self.clustered:
                _, inverse, products = self.saturated_matrices
                self._traces[means] = float(np.einsum("ij,ji->", products, inverse))
            else:
                self._traces[means] = saturated_trace(problem)
        return self._traces[means]

    def scaling_factors(self, problem: NormalProblem, x: Array) -> tuple[float | None, float | None]:
        """Return MLR's scaling factors of the saturated model and of this one, None for other estimators."""
        correction = self.correction(problem, x)
        if correction is None or correction.saturated is None or correction.model is None:
            return None, None
        k = len(self.items)
        moments = k * (k + 1) // 2 + (k if problem.model.specification.mean_structure else 0)
        saturated = correction.saturated / (moments * len(self.groups))
        return saturated, correction.model / problem.model.n_free if problem.model.n_free else None

    @cached_property
    def _traces(self) -> dict[bool, float]:
        """Traces of the saturated model by whether means are modelled."""
        return {}

    @cached_property
    def saturated_log_likelihood(self) -> float:
        """The largest log-likelihood that normal data of these moments can have."""
        total = 0.0
        for group in self.groups:
            seen = float((group.counts * group.observed.sum(axis=1)).sum())
            total += -0.5 * seen * math.log(2.0 * math.pi)
        # The discrepancy is measured from the saturated model, so its own is added back.
        return total - 0.5 * sum(group.n * saturated_discrepancy(group) for group in self.groups)


def replace_groups(data: FittingData, groups: tuple[Any, ...]) -> FittingData:
    """Return data of the same shape with other moments, for simulated data sets."""
    return FittingData(
        data.items, data.labels, groups, data.estimator, data.incomplete, data.n_used, data.n_dropped, ()
    )


def prepare_data(
    items: pd.DataFrame,
    names: Sequence[str],
    *,
    estimator: EstimatorName = "ML",
    missing: Literal["listwise", "fiml"] = "listwise",
    groups: pd.Series | None = None,
    clusters: pd.Series | None = None,
) -> FittingData:
    """Reduce a table to the moments that models on these items need; see `fit_confirmatory` for arguments and errors."""
    _check_options(estimator, missing, clusters is not None)
    incomplete = missing == "fiml"
    checked = check_items(items, names)
    values = checked.to_numpy()
    labels, members = split_groups(checked, groups)
    used = drop_rows(values, listwise=not incomplete)
    notes = []
    dropped = int((~used).sum())
    if dropped:
        template = _EMPTY_ROWS if incomplete else _DROPPED
        notes.append(Note("sem.dropped", template, {"n": dropped}))
    ungrouped = len(values) - sum(len(rows) for rows in members)
    if ungrouped:
        notes.append(Note("sem.ungrouped", _NO_GROUP, {"n": ungrouped}))
    chosen = [rows[used[rows]] for rows in members]
    _check_sizes(labels, [values[rows] for rows in chosen], tuple(names))
    cluster_of = None if clusters is None else _read_clusters(checked, clusters, labels, chosen)
    structured = cluster_of is not None and estimator == "ML"
    if structured:
        estimator = "MLR"
    if estimator == "WLSMV":
        from scoring.polychoric import ordinal_moments

        moments: list[Any] = [
            ordinal_moments(
                checked.iloc[rows], clusters=None if cluster_of is None else cluster_of.iloc[rows]
            )
            for rows in chosen
        ]
        notes += [note for group in moments for note in group.notes]
        _check_weights(labels, moments)
    else:
        keep = estimator in {"MLM", "MLR"}
        moments = [
            group_moments(
                values[rows], None if cluster_of is None else cluster_of.to_numpy()[rows], keep_rows=keep
            )
            for rows in chosen
        ]
        _check_saturated(labels, moments, tuple(names))
        if estimator in {"GLS", "ULS"}:
            moments = [_unbiased(group) for group in moments]
        if incomplete and not all(group.saturated_converged for group in moments):
            notes.append(Note("sem.saturated", _EM))
    n_used = sum(len(rows) for rows in chosen)
    return FittingData(
        tuple(names),
        labels,
        tuple(moments),
        estimator,
        incomplete,
        n_used,
        len(values) - n_used,
        tuple(notes),
        structured,
    )


def _check_options(estimator: str, missing: str, clustered: bool) -> None:
    """The estimator is known and goes with what is asked of it."""
    if estimator not in ESTIMATORS:
        raise ScoringError(
            "sem.estimator",
            "There is no estimator “%(estimator)s”.",
            "Use one of: %(known)s.",
            estimator=str(estimator),
            known=", ".join(ESTIMATORS),
        )
    if missing not in {"listwise", "fiml"}:
        raise ScoringError(
            "sem.missing",
            "There is no treatment of missing answers “%(missing)s”.",
            "Use 'listwise' or 'fiml'.",
            missing=str(missing),
        )
    if missing == "fiml" and estimator not in {"ML", "MLR"}:
        raise ScoringError(
            "sem.missing",
            "Full information needs the estimator ML or MLR, not %(estimator)s.",
            "Use missing='listwise' or another estimator.",
            estimator=estimator,
        )
    if clustered and estimator not in {"ML", "MLR", "WLSMV"}:
        raise ScoringError(
            "sem.clusters",
            "The estimator %(estimator)s cannot allow for clusters.",
            "Use ML, MLR or WLSMV.",
            estimator=estimator,
        )


def _read_clusters(
    items: pd.DataFrame, clusters: pd.Series, labels: tuple[str, ...], chosen: list[Array]
) -> pd.Series:
    """The cluster of each row as a number; every row that is used has one, and every group has two clusters or more."""
    aligned = align_labels(items, clusters, "clusters")
    numbers = pd.Series(pd.factorize(aligned)[0], index=items.index)
    for label, rows in zip(labels, chosen, strict=True):
        own = numbers.to_numpy()[rows]
        if (own < 0).any():
            raise ScoringError(
                "sem.clusters",
                "Row %(row)s has no cluster.",
                "Give every row the label of its cluster.",
                row=str(items.index[rows[own < 0]][0]),
            )
        if len(np.unique(own)) < 2:
            raise ScoringError(
                "sem.clusters",
                "%(where)s has one cluster only, from which no sampling error can be estimated.",
                "Use more clusters, or leave them out.",
                where=f"Group {label}" if label else "The table",
            )
    return numbers


def _check_saturated(
    labels: tuple[str, ...], moments: Sequence[GroupMoments], names: tuple[str, ...]
) -> None:
    """Where answers are missing, every two items were answered together, and the saturated covariances are not singular."""
    for label, group in zip(labels, moments, strict=True):
        if group.complete:
            continue
        where = f"Group {label}" if label else "The table"
        together = (group.observed * group.counts[:, None]).T @ group.observed
        if not together.all():
            first, second = np.argwhere(together == 0)[0]
            raise ScoringError(
                "sem.coverage",
                "%(where)s: nobody answered both %(first)s and %(second)s, so their covariance is unknown.",
                "Leave one of the two items out.",
                where=where,
                first=names[first],
                second=names[second],
            )
        sd = np.sqrt(np.diagonal(group.covariance))
        smallest = np.linalg.eigvalsh(group.covariance / np.outer(sd, sd))[0]
        # On its way to a singular matrix EM gets slower and slower, and never arrives.
        if smallest < (_SINGULAR if group.saturated_converged else 1e3 * _SINGULAR):
            raise ScoringError(
                "sem.singular",
                "%(where)s: some items can be computed exactly from others in the rows where they were answered together.",
                "Leave out items that repeat one another or that hardly anybody answered.",
                where=where,
            )


def _check_weights(labels: tuple[str, ...], moments: Sequence[Any]) -> None:
    """Every threshold and correlation of ordinal items has a sampling variance, of which the weights are made."""
    for label, group in zip(labels, moments, strict=True):
        spread = np.diagonal(group.gamma)
        if not (np.isfinite(group.gamma).all() and (spread > 0).all()):
            raise ScoringError(
                "sem.weights",
                "%(where)s: the sampling errors of its polychoric correlations cannot be estimated from %(n)d rows.",
                "Collect more answers, or leave out items that repeat one another.",
                where=f"Group {label}" if label else "The table",
                n=group.n_used,
            )


def _unbiased(moments: GroupMoments) -> GroupMoments:
    """Moments whose covariances have the denominator n - 1, as least squares takes them, and count for n - 1 rows."""
    n = moments.n
    factor = n / (n - 1)
    return replace(
        moments,
        counts=np.array([n - 1]),
        covariances=moments.covariances * factor,
        covariance=moments.covariance * factor,
    )


def _check_sizes(labels: tuple[str, ...], parts: list[Array], names: tuple[str, ...]) -> None:
    """Every group has enough rows, more than items, and items that vary and do not repeat one another."""
    if not labels:
        raise ScoringError("sem.groups", "No row has a group.", "Name a column with the groups' labels.")
    for label, part in zip(labels, parts, strict=True):
        where = f"Group {label}" if label else "The table"
        if len(part) < 3 or len(part) <= len(names):
            raise ScoringError(
                "sem.rows",
                "%(where)s has %(n)d usable rows for %(k)d items; there must be more rows than items.",
                "Leave the group out, use fewer items, or keep rows with missing answers (missing='fiml').",
                where=where,
                n=len(part),
                k=len(names),
            )
        for number, item in enumerate(names):
            values = part[:, number][~np.isnan(part[:, number])]
            largest = float(np.abs(values).max()) if len(values) else 0.0
            if largest > _LARGEST or 0.0 < largest < 1.0 / _LARGEST:
                raise ScoringError(
                    "sem.magnitude",
                    "%(where)s: the values of item %(item)s are too large or too small to be squared.",
                    "Express the item in another unit.",
                    where=where,
                    item=item,
                )
            if len(values) == 0 or np.ptp(values) <= 1e-12 * largest:
                raise ScoringError(
                    "sem.constant",
                    "%(where)s: item %(item)s has no answers, or the same answer from everybody.",
                    "Leave the item out of the model.",
                    where=where,
                    item=item,
                )
        complete = part[~np.isnan(part).any(axis=1)]
        if len(complete) > len(names):
            with np.errstate(invalid="ignore", divide="ignore"):
                smallest = np.linalg.eigvalsh(np.corrcoef(complete, rowvar=False))[0]
            if np.isfinite(smallest) and smallest < _SINGULAR:
                raise ScoringError(
                    "sem.singular",
                    "%(where)s: some items can be computed exactly from others.",
                    "Leave out items that repeat one another.",
                    where=where,
                )


def check_same_categories(data: FittingData) -> None:
    """In every group each item takes the same codes; otherwise thresholds cannot be compared."""
    first = data.groups[0]
    for label, group in zip(data.labels[1:], data.groups[1:], strict=True):
        for item, codes, other in zip(first.items, first.categories, group.categories, strict=True):
            if len(codes) != len(other) or (codes != other).any():
                raise ScoringError(
                    "sem.categories",
                    "Item %(item)s takes other codes in group %(group)s than in group %(first)s.",
                    "Merge the categories that are not used everywhere before comparing groups.",
                    item=item,
                    group=label,
                    first=data.labels[0],
                )


def model_without_factors(
    items: tuple[str, ...], n_groups: int, *, means: bool, covariances: bool
) -> Specification:
    """Return a model of variances, with or without all covariances and means: the saturated one and the baseline."""
    parameters = []
    for group in range(n_groups):
        for position, item in enumerate(items):
            parameters.append(Parameter(item, "~~", item, group=group))
            if covariances:
                parameters += [Parameter(item, "~~", other, group=group) for other in items[position + 1 :]]
        if means:
            parameters += [Parameter(item, "~1", "", group=group) for item in items]
    return Specification(items, (), tuple(parameters), n_groups)


def point_of(model: CompiledModel, samples: Sequence[tuple[Array, Array]]) -> Array:
    """Return the parameters of a model without factors at given covariances and means."""
    place = {name: number for number, name in enumerate(model.specification.items)}
    x = np.zeros(model.n_free)
    for group, (covariance, mean) in enumerate(samples):
        parameters = [p for p in model.specification.parameters if p.group == group]
        for parameter, index in zip(parameters, model.cells[group].index, strict=True):
            row = place[parameter.left]
            x[index] = mean[row] if parameter.operator == "~1" else covariance[row, place[parameter.right]]
    return x


def alone_moments(moments: GroupMoments) -> tuple[Array, Array]:
    """Return variance and mean of each item by itself, from whoever answered it."""
    weight = moments.counts[:, None] * moments.observed
    mean = (weight * moments.means).sum(axis=0) / weight.sum(axis=0)
    inner = (
        np.diagonal(moments.covariances, axis1=1, axis2=2)
        + np.where(moments.observed, moments.means - mean, 0.0) ** 2
    )
    return np.diag((weight * inner).sum(axis=0) / weight.sum(axis=0)), mean


def discrepancy_of(estimator: str) -> Literal["ML", "GLS", "ULS"]:
    """Return the discrepancy that an estimator minimises."""
    return "GLS" if estimator == "GLS" else "ULS" if estimator == "ULS" else "ML"


def shifted_test(chi_square: float, df: int, first: float, second: float) -> Test:
    """The scaled and shifted statistic of Asparouhov and Muthen: `a X + b`, with the mean and variance of a chi-square of df."""
    a = math.sqrt(df / second)
    shift = df - a * first
    return Test(chi_square, df, chi_square * a + shift, 1.0 / a, shift, first)
