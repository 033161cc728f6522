"""Do items mean the same in all groups, waves and roles? The steps, their rules, and what may be compared."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.sem.blocks import Block, Constraint, Layout, Step, widen
from scoring.sem.categories import share_categories
from scoring.sem.data import EstimatorName, FittingData, prepare_data
from scoring.sem.difference import Difference, compare_nested
from scoring.sem.estimate import fit_specification
from scoring.sem.impact import ItemImpact, category_covariances, item_impacts, latent_means
from scoring.sem.model import ConfirmatoryModel, Scaling, as_model
from scoring.sem.moments import align_labels
from scoring.sem.null_reference import NullReference, simulate_reference
from scoring.sem.result import ConfirmatoryFit
from scoring.sem.score_tests import held_equal, release_tests

# Section 4.3 of the measurement plan.
VERDICT_FLOOR: Final = 150
REFERENCE_UP_TO: Final = 400
STRICT_UP_TO: Final = 300
# In small groups half a standard deviation is missed too often for a verdict.
GROUP_FLOOR: Final = 100
# With groups of unlike size the strict limits deny too often for longer.
REFERENCE_UNEQUAL: Final = 1000
# Two steps of .02 keep false denials over both at 3 to 5 % (simulated).
FALSE_DENIALS: Final = 0.04
MINIMUM_DRAWS: Final = 99
# A score test that is no surprise is no reason to free an item.
RELEASE_LEVEL: Final = 0.01
ANCHORS: Final = 2
NEGLIGIBLE: Final = 0.10
# By convention; below it the configural model itself is in doubt.
POOR_CFI: Final = 0.90
Verdict = Literal["holds", "partial", "broken", "locked", "undetermined"]
Sight = Literal["groups", "waves", "roles"]

_LOCKED: Final = N_(
    "With %(n)d respondents (below %(minimum)d) no verdict on invariance is given: compare the anchor items only."
)
_LOCKED_GROUP: Final = N_(
    "The smallest group has %(n)d respondents (below %(minimum)d), so no verdict on invariance is given: compare the anchor "
    "items only."
)
_POOR_BASE: Final = N_(
    "With nothing held equal the model fits poorly (CFI %(cfi).3f): the steps say what may be held equal, not that the "
    "model is right."
)
_FAILED: Final = N_("The step “%(step)s” could not be estimated: %(problem)s")
_UNSOLVED: Final = N_("The step “%(step)s” did not converge, so nothing is said about it.")
_UNEQUAL: Final = N_(
    "The groups differ in size (%(smallest)d to %(largest)d), so the stricter limits are used."
)
_FREED: Final = N_("%(item)s was freed at the step “%(step)s” (chi-square %(chi_square).1f on %(df)d).")
_FEW_ANCHORS: Final = N_(
    "Fewer than %(minimum)d items of %(factor)s stay equal; its scores must not be compared."
)
_REFERENCE: Final = N_(
    "With %(n)d respondents the fixed limits have no known error, so each step is judged by %(draws)d simulated data sets, at "
    "a level that keeps false denials over all steps at 5 %%."
)
_BINARY: Final = N_(
    "Items with two categories cannot show unequal residual variances; their steps are tested together."
)


@dataclass(frozen=True)
class InvarianceStep:
    """One step and how it differs from the step before.

    Attributes
    ----------
    step : "configural", "thresholds", "metric", "scalar" or "strict"
    fit : ConfirmatoryFit or None
        None when the model could not be estimated; a note of the report says why.
    difference : Difference or None
        Chi-square difference from the step before.
    d_cfi, d_rmsea, d_srmr : float or None
        Change from the step before (negative d_cfi is worse); from scaled indices where the estimator has them.
    reference : NullReference or None
        What d_cfi is when the equalities hold, simulated for this model and size.
    holds : bool or None
        By the rule of section 4.3; None where it is locked.
    freed : tuple of str
        Items that this step's partial version frees.
    """

    step: Step
    fit: ConfirmatoryFit | None
    difference: Difference | None
    d_cfi: float | None
    d_rmsea: float | None
    d_srmr: float | None
    reference: NullReference | None
    holds: bool | None
    freed: tuple[str, ...] = ()


@dataclass(frozen=True)
class InvarianceReport:
    """Everything about invariance over one set of groups, waves or roles.

    Attributes
    ----------
    sight : "groups", "waves" or "roles"
    labels : tuple of str
    ordinal : bool
    steps : tuple of InvarianceStep
        Full equality at each step, whatever came before.
    partial : tuple of InvarianceStep
        The steps again with the freed items, up to scalar; empty when nothing had to be freed.
    reached : step or None
        The last step that holds in full.
    verdict : "holds" (scalar), "partial", "broken", "locked" or "undetermined"
    anchors : mapping factor -> items that stay equal
    impacts : tuple of ItemImpact
        From the model in which only the anchors are equal.
    latent_means : mapping (factor, label) -> standard deviations from the first block
        Under the final model; empty when nothing may be compared.
    latent_shift : mapping (factor, label) -> by how much freeing the items moves that mean
    observed_shift : mapping (factor, label) -> points that unequal items add to the mean of the factor's items
    observed_means_comparable : bool or None
        Scalar invariance holds, or the shift is below .10 standard deviations (with a footnote).
    n_used, n_dropped : int
    notes : tuple of Note
    """

    sight: Sight
    labels: tuple[str, ...]
    ordinal: bool
    steps: tuple[InvarianceStep, ...]
    partial: tuple[InvarianceStep, ...]
    reached: Step | None
    verdict: Verdict
    anchors: Mapping[str, tuple[str, ...]]
    impacts: tuple[ItemImpact, ...]
    latent_means: Mapping[tuple[str, str], float]
    latent_shift: Mapping[tuple[str, str], float]
    observed_shift: Mapping[tuple[str, str], float]
    observed_means_comparable: bool | None
    n_used: int
    n_dropped: int
    notes: tuple[Note, ...]

    def table(self) -> pd.DataFrame:
        """Return one row per step with its fit and the changes."""
        return _step_table(self.steps)


def group_invariance(
    items: pd.DataFrame,
    model: ConfirmatoryModel | Mapping[str, Sequence[str]] | str,
    groups: pd.Series,
    *,
    ordinal: bool = False,
    missing: Literal["listwise", "fiml"] = "listwise",
    estimator: EstimatorName | None = None,
    clusters: pd.Series | None = None,
    scaling: Scaling = "unit_variance",
    n_draws: int = 200,
    seed: int = 1,
    judge: bool = True,
) -> InvarianceReport:
    """Test whether a model holds alike in several groups, for example languages or cohorts.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values; whole codes for ordinal items.
    model : ConfirmatoryModel, mapping, or lavaan's notation
        The measurement model.
    groups : Series
        A label per row; rows without one are left out.
    ordinal : bool
        Thresholds and polychoric correlations with WLSMV, instead of ML.
    missing : "listwise" or "fiml"
        For continuous items.
    estimator : str, optional
        "MLR" in the place of ML; WLSMV is implied by `ordinal`.
    clusters : Series, optional
        Pairs, when both partners may be in the data.
    scaling : "unit_variance" or "marker"
        What sets the scale in the first group; fit does not depend on it.
    n_draws, seed : int
        Simulated data sets below 300 respondents, and where they start.
    judge : bool
        False leaves out simulated references and partial invariance.

    Returns
    -------
    InvarianceReport

    Notes
    -----
    Rule (section 4.3; Cheung & Rensvold 2002, https://doi.org/10.1207/S15328007SEM0902_5; Chen 2007,
    https://doi.org/10.1080/10705510701301834): with more than 300 respondents and groups of like size a step is rejected when
    CFI falls by more than .010 and (RMSEA rises by more than .015, or p of the difference < .01, or SRMR rises by more than .030 at
    metric, .010 at scalar); with groups of unlike size by more than .005 and .010. Those strict limits deny what holds in 14 to
    18 % of small samples, so up to 400 respondents (1,000 with unlike groups) a step is rejected instead when CFI falls by more than
    .005 and the chi-square difference is larger than in all but 2 % (ordinal items 1.3 %) of data sets simulated from the constrained
    model, which keeps false denials over all steps at 3 to 5 %. Below 150, or with a group below 100, nothing is judged ("locked").

    Partial invariance: the item with the largest score test is freed, one at a time, down to two anchors per factor.

    R: `lavaan::cfa(group.equal = ...)`, `semTools::measEq.syntax` for ordinal items; the rules and the reference are ours.

    Raises
    ------
    ScoringError
        What `fit_confirmatory` raises for the configural model; `sem.groups` for fewer than two groups.
    """
    read = as_model(model)
    _require_plain(read)
    chosen: EstimatorName = "WLSMV" if ordinal else (estimator or "ML")
    labels = align_labels(items, groups, "groups").reset_index(drop=True)
    if clusters is not None:
        clusters = align_labels(items, clusters, "clusters").reset_index(drop=True)
    table = items.reset_index(drop=True)
    notes: tuple[Note, ...] = ()
    known = [label for label in dict.fromkeys(labels) if not pd.isna(label)]
    if len(known) < 2:
        raise ScoringError(
            "sem.groups",
            "There are %(n)d groups; a comparison needs at least two.",
            "Pass a column with two or more labels.",
            n=len(known),
        )
    _require_columns(table, read.items)
    table = table[list(read.items)]
    if ordinal:
        complete = table.notna().all(axis=1)
        parts, notes = share_categories([table[(labels == label) & complete] for label in known])
        table = pd.concat(parts).reindex(table.index)
    data = prepare_data(
        table,
        read.items,
        estimator=chosen,
        missing=missing,
        groups=labels,
        clusters=clusters,
    )
    blocks = tuple(Block(label, number) for number, label in enumerate(data.labels))
    layout = Layout(read, blocks, _thresholds(data, read.items), "unit_variance" if ordinal else scaling)
    return _run(data, layout, "groups", notes, n_draws=n_draws, seed=seed, judge=judge)


def wave_invariance(
    frame: pd.DataFrame,
    model: ConfirmatoryModel | Mapping[str, Sequence[str]] | str,
    *,
    person: str = "respondent",
    wave: str = "wave",
    order: Sequence[str] | None = None,
    pair: str | None = None,
    ordinal: bool = False,
    missing: Literal["listwise", "fiml"] = "fiml",
    estimator: EstimatorName | None = None,
    lag: int | None = None,
    n_draws: int = 200,
    seed: int = 1,
    judge: bool = True,
) -> InvarianceReport:
    """Test whether a model holds alike over waves, as one longitudinal model with correlated residuals of the same item.

    Parameters
    ----------
    frame : DataFrame
        Long: one row per person and wave, with the items' columns.
    model : ConfirmatoryModel, mapping, or lavaan's notation
        The measurement model of one wave.
    person, wave : str
        Columns that name the person and the wave.
    order : sequence, optional
        The waves in their order; sorted otherwise.
    pair : str, optional
        Column that names the pair, when both partners are in the table; errors and tests allow for it (continuous items).
    lag : int, optional
        Residuals covary between waves at most so far apart; by default between all.
    ordinal, missing, estimator, n_draws, seed, judge
        As in `group_invariance`; full information is the default here, since people miss waves.

    Returns
    -------
    InvarianceReport

    Notes
    -----
    R: `semTools::measEq.syntax(longFacNames = ..., long.equal = ..., auto = "all")`. Rules as in `group_invariance`.

    Raises
    ------
    ScoringError
        As `group_invariance`; `sem.doubled` for two rows of one person and wave.
    """
    read = as_model(model)
    _require_plain(read)
    wide, blocks = widen(frame, read.items, unit=person, occasion=wave, order=order)
    clusters = None
    if pair is not None:
        _require_columns(frame, [person, pair])
        clusters = frame.drop_duplicates(person).set_index(person)[pair].reindex(wide.index)
    return _run_joint(
        wide, blocks, read, "waves", clusters, ordinal, missing, estimator, lag, n_draws, seed, judge
    )


def role_invariance(
    frame: pd.DataFrame,
    model: ConfirmatoryModel | Mapping[str, Sequence[str]] | str,
    *,
    pair: str = "pair",
    role: str = "role",
    ordinal: bool = False,
    missing: Literal["listwise", "fiml"] = "fiml",
    estimator: EstimatorName | None = None,
    n_draws: int = 200,
    seed: int = 1,
    judge: bool = True,
) -> InvarianceReport:
    """Test whether a model holds alike for mentors and mentees, as one dyadic model: partners are not independent groups.

    Parameters
    ----------
    frame : DataFrame
        Long: one row per pair and role (of one wave), with the items' columns; scales worded the same for both roles only.
    model : ConfirmatoryModel, mapping, or lavaan's notation
        The measurement model of one role.
    pair, role : str
        Columns that name the pair and the role.
    ordinal, missing, estimator, n_draws, seed, judge
        As in `wave_invariance`.

    Returns
    -------
    InvarianceReport

    Notes
    -----
    One row per pair, a factor per role, factors and the residuals of the same item free to covary across partners. Rules as in
    `group_invariance`. R: `semTools::measEq.syntax` with roles in the place of occasions.

    Raises
    ------
    ScoringError
        As `wave_invariance`.
    """
    read = as_model(model)
    _require_plain(read)
    wide, blocks = widen(frame, read.items, unit=pair, occasion=role)
    return _run_joint(
        wide, blocks, read, "roles", None, ordinal, missing, estimator, None, n_draws, seed, judge
    )


def _run_joint(
    wide: pd.DataFrame,
    blocks: tuple[Block, ...],
    model: ConfirmatoryModel,
    sight: Sight,
    clusters: pd.Series | None,
    ordinal: bool,
    missing: Literal["listwise", "fiml"],
    estimator: EstimatorName | None,
    lag: int | None,
    n_draws: int,
    seed: int,
    judge: bool,
) -> InvarianceReport:
    """Invariance of blocks that stand in one group."""
    notes: tuple[Note, ...] = ()
    columns = [[block.name(item) for item in model.items] for block in blocks]
    if ordinal:
        complete = wide.notna().all(axis=1)
        parts = [wide.loc[complete, names].set_axis(list(model.items), axis=1) for names in columns]
        shared, notes = share_categories(parts)
        recoded = [part.set_axis(names, axis=1) for part, names in zip(shared, columns, strict=True)]
        wide = pd.concat(recoded, axis=1).reindex(wide.index)
    names = [name for block in columns for name in block]
    data = prepare_data(
        wide.reset_index(drop=True),
        names,
        estimator="WLSMV" if ordinal else (estimator or "ML"),
        missing="listwise" if ordinal else missing,
        clusters=None if clusters is None else clusters.reset_index(drop=True),
    )
    layout = Layout(model, blocks, _thresholds(data, model.items), lag=lag)
    return _run(data, layout, sight, notes, n_draws=n_draws, seed=seed, judge=judge)


def _require_plain(model: ConfirmatoryModel) -> None:
    """Steps of equality are laid out for loadings and residual covariances, not for what else lavaan's notation can say."""
    told = [
        p for p in model.extra if p.operator != "~~" or p.left not in model.factors or not p.free or p.label
    ]
    if told:
        raise ScoringError(
            "sem.extra",
            "%(parameter)s is more than loadings and residual covariances, which invariance cannot be tested with.",
            "Leave fixed values, labels and single factor covariances out of the model.",
            parameter=told[0].name,
        )


def _require_columns(table: pd.DataFrame, items: Sequence[str]) -> None:
    """Every item is one column."""
    for item in items:
        if int((table.columns == item).sum()) != 1:
            raise ScoringError(
                "sem.column",
                "Item %(item)s of the model stands in %(count)d columns of the data.",
                "Give the data one column for every item of the model.",
                item=item,
                count=int((table.columns == item).sum()),
            )


def _thresholds(data: FittingData, items: Sequence[str]) -> dict[str, int] | None:
    """Number of thresholds of each item, from the first block."""
    if not data.ordinal:
        return None
    return {item: len(data.groups[0].thresholds[number]) for number, item in enumerate(items)}


def _run(
    data: FittingData,
    layout: Layout,
    sight: Sight,
    notes: tuple[Note, ...],
    *,
    n_draws: int,
    seed: int,
    judge: bool,
) -> InvarianceReport:
    """All steps, their verdicts, partial invariance and impact."""
    remarks = [*data.notes, *notes]
    n = data.n_used
    runner = _Runner(data, layout, n_draws if judge else 0, seed)
    locked = runner.locked
    if layout.thresholds is not None and 1 in layout.thresholds.values():
        remarks.append(Note("invariance.binary", _BINARY))
    if locked:
        smallest = min(data.group_sizes)
        few = Note("invariance.locked", _LOCKED, {"n": n, "minimum": VERDICT_FLOOR})
        small = Note("invariance.locked", _LOCKED_GROUP, {"n": smallest, "minimum": GROUP_FLOOR})
        remarks.append(few if n < VERDICT_FLOOR else small)
    steps = runner.sequence({}, tuple(layout.steps), remarks)
    if runner.referenced:
        remarks.append(Note("invariance.reference", _REFERENCE, {"n": n, "draws": runner.n_draws}))
    if runner.unequal:
        sizes = data.group_sizes
        remarks.append(Note("invariance.unequal", _UNEQUAL, {"smallest": min(sizes), "largest": max(sizes)}))
    base = None if steps[0].fit is None else _indices(steps[0].fit)[0]
    if base is not None and base < POOR_CFI:
        remarks.append(Note("invariance.base", _POOR_BASE, {"cfi": base}))
    reached = _reached(steps)
    freed: dict[str, frozenset[Constraint]] = {}
    partial: tuple[InvarianceStep, ...] = ()
    if judge and not locked and reached is not None and reached not in {"scalar", "strict"}:
        freed, partial = runner.release(steps, remarks)
    anchors = {
        factor: tuple(item for item in items if item not in freed)
        for factor, items in layout.model.factors.items()
    }
    verdict = _verdict(locked, reached, partial, anchors, remarks)
    final = _final(steps, partial, verdict)
    impacts, means, shift, observed, comparable = _consequences(runner, steps, final, verdict, freed)
    return InvarianceReport(
        sight, tuple(b.label for b in layout.blocks), layout.thresholds is not None, steps, partial, reached, verdict,
        anchors, impacts, means, shift, observed, comparable, n, data.n_dropped, tuple(remarks),
    )  # fmt: skip


class _Runner:
    """Fits steps of one layout to one set of data."""

    def __init__(self, data: FittingData, layout: Layout, n_draws: int, seed: int) -> None:
        self.data, self.layout, self.seed = data, layout, seed
        sizes = data.group_sizes
        # "Unequal" is where the largest group is more than half as large again as the smallest.
        self.unequal = len(sizes) > 1 and max(sizes) > 1.5 * min(sizes)
        n = data.n_used
        self.strict_limits = n <= STRICT_UP_TO or self.unequal
        small = n <= REFERENCE_UP_TO or (self.unequal and n < REFERENCE_UNEQUAL)
        self.locked = n < VERDICT_FLOOR or (len(sizes) > 1 and min(sizes) < GROUP_FLOOR)
        self.referenced = bool(n_draws) and not self.locked and small
        self.n_draws = max(n_draws, MINIMUM_DRAWS) if n_draws else 0
        # Each of the steps up to scalar is a chance to deny what holds.
        self.level = FALSE_DENIALS / (len(layout.steps) - 2)

    def fit(
        self,
        step: Step,
        freed: Mapping[str, frozenset[Constraint]],
        remarks: list[Note],
        *,
        thorough: bool = True,
    ) -> ConfirmatoryFit | None:
        """One step's model, None with a note when it cannot be estimated (the configural one raises)."""
        specification = self.layout.specify(self.layout.steps[step], freed)
        if step == "configural":
            return fit_specification(self.data, specification)
        try:
            fit = fit_specification(self.data, specification, thorough=thorough)
        except ScoringError as problem:
            remarks.append(Note("invariance.failed", _FAILED, {"step": step, "problem": str(problem)}))
            return None
        if not fit.converged:
            remarks.append(Note("invariance.unsolved", _UNSOLVED, {"step": step}))
        return fit

    def sequence(
        self, freed: Mapping[str, frozenset[Constraint]], steps: Sequence[Step], remarks: list[Note]
    ) -> tuple[InvarianceStep, ...]:
        """The steps one after the other, each compared with the one before."""
        found: list[InvarianceStep] = []
        before: ConfirmatoryFit | None = None
        for step in steps:
            fit = self.fit(step, freed, remarks)
            found.append(self.judge(step, fit, before, tuple(freed)))
            before = fit
        return tuple(found)

    def judge(
        self, step: Step, fit: ConfirmatoryFit | None, before: ConfirmatoryFit | None, freed: tuple[str, ...]
    ) -> InvarianceStep:
        """One step held against the step before."""
        if fit is None or not fit.converged:
            return InvarianceStep(step, fit, None, None, None, None, None, None, freed)
        locked = self.locked
        if before is None:
            holds = None if locked or step != "configural" else True
            return InvarianceStep(step, fit, None, None, None, None, None, holds, freed)
        cfi, rmsea = _indices(fit), _indices(before)
        d_cfi, d_rmsea = _minus(cfi[0], rmsea[0]), _minus(cfi[1], rmsea[1])
        d_srmr = _minus(fit.measures.srmr, before.measures.srmr)
        if fit.measures.df <= before.measures.df:
            # Nothing was added, for example thresholds of items with two categories.
            return InvarianceStep(
                step, fit, None, d_cfi, d_rmsea, d_srmr, None, None if locked else True, freed
            )
        difference = compare_nested(fit, before)
        reference = None
        if self.referenced and d_cfi is not None:
            robust = difference.method == "satorra-bentler 2001" and difference.chi_square is not None
            plain = fit.measures.chi_square - before.measures.chi_square
            reference = simulate_reference(
                fit,
                before,
                d_cfi,
                chi_square=difference.chi_square if robust else plain,
                n_draws=self.n_draws,
                seed=self.seed,
            )
        holds = None
        if not locked and d_cfi is not None:
            holds = not self._rejected(step, d_cfi, d_rmsea, d_srmr, difference, reference)
        return InvarianceStep(step, fit, difference, d_cfi, d_rmsea, d_srmr, reference, holds, freed)

    def _rejected(
        self,
        step: Step,
        d_cfi: float,
        d_rmsea: float | None,
        d_srmr: float | None,
        difference: Difference,
        reference: NullReference | None,
    ) -> bool:
        """The rule of section 4.3."""
        if reference is not None and reference.p_chi_square is not None:
            return reference.p_chi_square < self.level and d_cfi < -0.005
        worst_cfi, worst_rmsea = (-0.005, 0.010) if self.strict_limits else (-0.010, 0.015)
        if d_cfi >= worst_cfi:
            return False
        worst_srmr = 0.030 if step == "metric" else 0.010
        return (
            (d_rmsea is not None and d_rmsea > worst_rmsea)
            or (difference.p is not None and difference.p < 0.01)
            or (d_srmr is not None and d_srmr > worst_srmr)
        )

    def release(
        self, steps: tuple[InvarianceStep, ...], remarks: list[Note]
    ) -> tuple[dict[str, frozenset[Constraint]], tuple[InvarianceStep, ...]]:
        """Free one item after the other until the steps up to scalar hold or two anchors are left."""
        freed: dict[str, frozenset[Constraint]] = {}
        order = [step for step in self.layout.steps if step != "strict"]
        found = [steps[0]]
        for step in order[1:]:
            while True:
                fit = self.fit(step, freed, remarks, thorough=False)
                judged = self.judge(step, fit, found[-1].fit, tuple(freed))
                if judged.holds is not False or fit is None:
                    break
                worst = self._worst(fit, freed, step)
                if worst is None:
                    return freed, (*found[1:], judged)
                item, value, df = worst
                freed[item] = self.layout.steps["strict"] - (
                    frozenset() if step != "scalar" else frozenset({"loadings", "thresholds"})
                )
                remarks.append(
                    Note(
                        "invariance.freed",
                        _FREED,
                        {"item": item, "step": step, "chi_square": value, "df": df},
                    )
                )
            found.append(judged)
        return freed, tuple(found[1:])

    def _worst(
        self, fit: ConfirmatoryFit, freed: Mapping[str, frozenset[Constraint]], step: Step
    ) -> tuple[str, float, int] | None:
        """The item whose release promises most, by the smallest p of its joint score test, as long as anchors are left."""
        from scipy.stats import chi2

        kind = {"thresholds": "|", "metric": "=~", "scalar": "~1"}[step]
        equal = held_equal(fit.specification)
        candidates, sets, last = [], [], set()
        for items in self.layout.model.factors.values():
            left = [item for item in items if item not in freed]
            if len(left) <= ANCHORS:
                last |= set(left)
            for item in left:
                names = {block.name(item) for block in self.layout.blocks}
                part = [
                    p for p in equal if p.operator == kind and (p.right if kind == "=~" else p.left) in names
                ]
                if not part and kind == "~1":
                    # Ordinal intercepts are fixed to 0 rather than labelled.
                    part = [
                        p
                        for p in fit.specification.parameters
                        if p.operator == "~1"
                        and p.left in names
                        and not p.free
                        and self._later(p.left, p.group)
                    ]
                if part:
                    candidates.append(item)
                    sets.append(part)
        if not candidates:
            return None
        tests = release_tests(fit, sets)
        ranks = [(-chi2.logsf(value, df) if df else -math.inf) for value, df in tests]
        best = int(np.argmax(ranks))
        # What an anchor is to blame for must not be laid at the door of items of another factor.
        if candidates[best] in last or ranks[best] < -math.log(RELEASE_LEVEL):
            return None
        return candidates[best], tests[best][0], tests[best][1]

    def _later(self, name: str, group: int) -> bool:
        """Whether a name belongs to a block after the first."""
        return any(
            block.group == group and name.endswith(block.suffix) and (block.suffix or group > 0)
            for block in self.layout.blocks[1:]
        )


def _indices(fit: ConfirmatoryFit) -> tuple[float | None, float | None]:
    """CFI and RMSEA as differences are taken of: the scaled ones where the items are ordinal, the plain ones otherwise."""
    measures = fit.measures
    if fit.specification.ordinal:
        return measures.cfi_scaled, measures.rmsea_scaled
    return measures.cfi, measures.rmsea


def _minus(first: float | None, second: float | None) -> float | None:
    """A difference, None where a part is missing."""
    return None if first is None or second is None else first - second


def _reached(steps: tuple[InvarianceStep, ...]) -> Step | None:
    """The last step up to which all hold."""
    reached: Step | None = None
    for step in steps:
        if step.holds is not True:
            break
        reached = step.step
    return reached


def _verdict(
    locked: bool,
    reached: Step | None,
    partial: tuple[InvarianceStep, ...],
    anchors: Mapping[str, tuple[str, ...]],
    remarks: list[Note],
) -> Verdict:
    """One word for the whole."""
    if locked:
        return "locked"
    if reached is None:
        return "undetermined"
    if reached in {"scalar", "strict"}:
        return "holds"
    if partial and all(step.holds for step in partial):
        return "partial"
    remarks += [
        Note("invariance.anchors", _FEW_ANCHORS, {"minimum": ANCHORS + 1, "factor": factor})
        for factor, items in anchors.items()
        if len(items) <= ANCHORS
    ]
    return "broken" if any(step.holds is False for step in partial) else "undetermined"


def _final(
    steps: tuple[InvarianceStep, ...], partial: tuple[InvarianceStep, ...], verdict: Verdict
) -> ConfirmatoryFit | None:
    """The model that means may be read from."""
    if verdict == "partial":
        return partial[-1].fit
    if verdict == "holds":
        return next(step.fit for step in steps if step.step == "scalar")
    return None


def _consequences(
    runner: _Runner,
    steps: tuple[InvarianceStep, ...],
    final: ConfirmatoryFit | None,
    verdict: Verdict,
    freed: Mapping[str, frozenset[Constraint]],
) -> tuple[
    tuple[ItemImpact, ...],
    dict[tuple[str, str], float],
    dict[tuple[str, str], float],
    dict[tuple[str, str], float],
    bool | None,
]:
    """Effect sizes, latent means, and what the broken equalities do to observed means."""
    layout = runner.layout
    scalar = next((step.fit for step in steps if step.step == "scalar"), None)
    source = final or scalar
    if source is None or not source.converged:
        return (), {}, {}, {}, None
    impacts = item_impacts(source, layout)
    means = latent_means(source, layout) if final is not None else {}
    shift = {}
    if final is not None and scalar is not None and freed:
        whole = latent_means(scalar, layout)
        shift = {key: means[key] - whole[key] for key in means}
    observed = {}
    largest = 0.0
    for factor, items in layout.model.factors.items():
        for block in layout.blocks[1:]:
            parts = [found for found in impacts if found.block == block.label and found.item in items]
            observed[factor, block.label] = sum(found.points for found in parts) / len(items)
            spread = _scale_sd(source, layout, items)
            largest = max(largest, abs(observed[factor, block.label]) / spread if spread > 0 else math.inf)
    if verdict == "locked":
        return impacts, {}, {}, observed, None
    return (
        impacts,
        means,
        shift,
        observed,
        verdict == "holds" or (verdict == "partial" and largest < NEGLIGIBLE),
    )


def _scale_sd(fit: ConfirmatoryFit, layout: Layout, items: Sequence[str]) -> float:
    """Implied standard deviation of the mean of a factor's items in the first block, in points of the items (categories)."""
    block = layout.blocks[0]
    covariance, mean = fit.implied(block.group)
    names = [block.name(item) for item in items]
    if layout.thresholds is None:
        return float(np.sqrt(covariance.loc[names, names].to_numpy().mean()))
    model = fit.problem.model
    tau, which = model.matrices(fit.x, block.group).thresholds, model.threshold_item[block.group]
    sd = np.sqrt(np.diagonal(covariance.loc[names, names]))
    places = [model.specification.items.index(name) for name in names]
    cuts = [
        (tau[which == place] - mean[name]) / spread
        for name, place, spread in zip(names, places, sd, strict=True)
    ]
    correlations = covariance.loc[names, names].to_numpy() / np.outer(sd, sd)
    return math.sqrt(max(category_covariances(cuts, correlations).mean(), 0.0))


def _step_table(steps: Sequence[InvarianceStep]) -> pd.DataFrame:
    """One row per step."""
    rows = []
    for step in steps:
        measures = None if step.fit is None else step.fit.measures
        rows.append(
            {
                "step": step.step,
                "chi_square": measures and measures.chi_square,
                "df": measures and measures.df,
                "chi_square_scaled": measures and measures.chi_square_scaled,
                "cfi": measures and measures.cfi,
                "cfi_scaled": measures and measures.cfi_scaled,
                "rmsea": measures and measures.rmsea,
                "rmsea_scaled": measures and measures.rmsea_scaled,
                "srmr": measures and measures.srmr,
                "d_chi_square": step.difference and step.difference.chi_square,
                "d_df": step.difference and step.difference.df,
                "d_p": step.difference and step.difference.p,
                "d_cfi": step.d_cfi,
                "d_rmsea": step.d_rmsea,
                "d_srmr": step.d_srmr,
                "reference_p": step.reference and step.reference.p,
                "holds": step.holds,
            }
        )
    return pd.DataFrame(rows)
