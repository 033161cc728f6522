"""What a change report is computed from: scores laid out by pair, role and wave, checked, and what was asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change_report.labels import (
    find_empty,
    find_repeated,
    find_replaced,
    find_roles,
    note_people,
    note_single,
    order_waves,
)
from scoring.change_report.options import ChangeOptions, check_options, listed, refuse
from scoring.errors import Note
from scoring.frames import WAVES
from scoring.pair_scores import PairScores
from scoring.scale_sets import Problem, ScaleKeys, ScaleSet
from scoring.scales import IntegerScores, keyed_items, score_scale
from scoring.skill_sets import with_windows
from scoring.tables import ItemTable, check_item_table

Array = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


_OTHER_WAVES = N_("Rows of waves outside the order that was given (%(which)s), which are left out: %(n)d.")
_SIDES = N_("A gap within a pair is %(first)s minus %(second)s.")
_NO_COHORT = N_("Pairs without a cohort, which stay out of the comparison of cohorts: %(n)d.")
_NOT_COMPARED = N_(
    "Scores that are no part of any change, since the questions have other words at that wave or are not all asked: %(which)s."
)
_NOT_ASKED = N_("No %(role)s has scores at two waves, and so no change, on: %(scales)s.")


@dataclass(frozen=True)
class ScaleData:
    """Scores of one scale by pair, role and wave.

    Attributes
    ----------
    scale : ScaleKeys
    values : ndarray (pairs, 2, waves)
        In points; NaN where missing.
    exact : ndarray of int (pairs, 2, waves) or None
        The same times `multiplier`, 0 where missing; None for codes that are not whole.
    multiplier : int
    """

    scale: ScaleKeys
    values: Array = field(repr=False)
    exact: IntArray | None = field(repr=False)
    multiplier: int

    @property
    def width(self) -> float:
        """Width of the score's range in points."""
        return self.scale.maximum - self.scale.minimum

    def waves_of(self, side: int) -> list[int]:
        """The places of the waves at which anybody on a side of the pairs has a score."""
        return [int(place) for place in np.flatnonzero(~np.isnan(self.values[:, side]).all(axis=0))]

    def waves_of_both(self) -> list[int]:
        """The places of the waves at which both sides have scores."""
        return [place for place in self.waves_of(0) if place in self.waves_of(1)]


@dataclass(frozen=True)
class ChangeData:
    """Data of one change report.

    Attributes
    ----------
    table : ItemTable
    scales : ScaleSet
    options : ChangeOptions
    roles : tuple of two str
    waves : tuple of str
        In their order in time.
    pairs : Index
        Labels of the pairs.
    scored : mapping scale -> ScaleData
    places : DataFrame
        For each row of the table that is used: the place of its pair, side and wave; same index as the table's frame.
    cohorts, arms : Series or None
        Of each pair.
    people : DataFrame or None
        Who sits on each side of each pair, pairs x roles; None where no column names people.
    chosen : DataFrame of bool or None
        Whether each of them was chosen by the baseline, pairs x roles; None where no column says so.
    times : tuple of float
        Of the waves, in weeks, or their numbers from 0 on where the options do not say.
    notes : tuple of Note
    """

    table: ItemTable
    scales: ScaleSet
    options: ChangeOptions
    roles: tuple[str, str]
    waves: tuple[str, ...]
    pairs: pd.Index = field(repr=False)
    scored: Mapping[str, ScaleData] = field(repr=False)
    places: pd.DataFrame = field(repr=False)
    cohorts: pd.Series | None = field(repr=False)
    arms: pd.Series | None = field(repr=False)
    people: pd.DataFrame | None = field(repr=False)
    chosen: pd.DataFrame | None = field(repr=False)
    times: tuple[float, ...]
    notes: tuple[Note, ...]

    def series(self, scale: str, side: int, wave: int) -> tuple[pd.Series, IntegerScores | None]:
        """Scores of one side at one wave by pair, as numbers and exactly."""
        found = self.scored[scale]
        values = found.values[:, side, wave]
        scores = pd.Series(values, index=self.pairs)
        if found.exact is None:
            return scores, None
        return scores, IntegerScores(
            masked(found.exact[:, side, wave], np.isnan(values), self.pairs), found.multiplier
        )

    def first_and_last(self) -> Iterator[tuple[str, int, pd.Series, pd.Series]]:
        """Scale, side, and the scores of its first and last wave by pair, wherever there are two waves."""
        for name, found in self.scored.items():
            for side in (0, 1):
                waves = found.waves_of(side)
                if len(waves) > 1:
                    yield name, side, *(self.series(name, side, wave)[0] for wave in (waves[0], waves[-1]))

    def pair_scores(self, scale: str) -> PairScores | None:
        """The scores of both sides at the waves that both have, None where they share fewer than two."""
        found = self.scored[scale]
        chosen = found.waves_of_both()
        if len(chosen) < 2:
            return None
        values = found.values[:, :, chosen]
        kept = ~np.isnan(values).all(axis=(1, 2))
        values = values[kept]
        n_used = int((~np.isnan(values)).sum())
        return PairScores(
            values=values,
            exact=None if found.exact is None else found.exact[kept][:, :, chosen],
            multiplier=found.multiplier,
            pairs=self.pairs[kept],
            roles=self.roles,
            waves=tuple(self.waves[place] for place in chosen),
            n_used=n_used,
            n_dropped=int(np.prod(found.values.shape)) - n_used,
            notes=(),
        )

    def keyed(self, scale: str, side: int, wave: int) -> pd.DataFrame:
        """Keyed values of the items of a scale, of one side at one wave, by pair."""
        keys = self.scored[scale].scale
        rows = ((self.places["side"] == side) & (self.places["wave"] == wave)).to_numpy()
        frame = self.table.frame.loc[rows, list(keys.keys)]
        items = keyed_items(frame, keys.keys, minimum=keys.minimum, maximum=keys.maximum)
        return items.set_axis(self.pairs[self.places.loc[rows, "pair"].to_numpy()])


def masked(values: IntArray, missing: np.ndarray, index: pd.Index) -> pd.Series:
    """Whole numbers with pandas.NA where they are missing."""
    return pd.Series(pd.arrays.IntegerArray(values.astype(np.int64), missing.copy()), index=index)


def prepare_changes(source: ItemTable | pd.DataFrame, scales: ScaleSet, options: ChangeOptions) -> ChangeData:
    """Check the answers and lay out the scores of every scale by pair, role and wave.

    Raises
    ------
    ProblemsError
        Those of `check_item_table`; `changes.option` for an option that cannot be; `changes.label` for a row without pair, role, wave
        or person; `changes.roles` unless there are two roles; `changes.waves` for fewer than two waves; `changes.order` for waves whose
        order is not known or cannot be; `changes.repeated` for two rows of one role of a pair at one wave; `changes.cohort` for a pair in
        two cohorts or arms; `changes.person` for a side of a pair that changed hands.
    """
    check_options(scales, options)
    read = with_windows(scales, options.skills)
    if isinstance(source, pd.DataFrame):
        source = check_item_table(source, read, options.columns)
    refuse([*_find_unread(source, read)])
    frame = source.frame
    refuse([*find_empty(frame, options)])
    roles = find_roles(frame[options.role], options)
    waves = order_waves(frame[options.wave], options)
    if options.times and len(options.times) != len(waves):
        message = f"There are {len(options.times)} times for {len(waves)} waves ({listed(waves)})."
        refuse([Problem("changes.option", message, "Give the week of each wave.")])
    refuse([*find_repeated(frame, options), *find_replaced(frame, options)])
    wave_place = pd.Index(waves).get_indexer(pd.Index(frame[options.wave]))
    pair_place, pairs = pd.factorize(frame[options.pair])
    places = pd.DataFrame(
        {"pair": pair_place, "side": pd.Index(roles).get_indexer(pd.Index(frame[options.role])), "wave": wave_place},
        index=frame.index,
    )  # fmt: skip
    labels = pd.Index(pairs, name="pair")
    used = wave_place >= 0
    notes = [*scales.notes, *source.notes, Note("changes.sides", _SIDES, {"first": roles[0], "second": roles[1]})]  # fmt: skip
    if not used.all():
        which = listed(frame.loc[~used, options.wave].unique())
        notes.append(Note("changes.other_waves", _OTHER_WAVES, {"n": int((~used).sum()), "which": which}))
    shape = (len(labels), 2, len(waves))
    scored = {scale.name: lay_out(frame[used], scale, scales, places[used], shape) for scale in scales.scales}
    apart = {name: _find_apart(found, roles, waves) for name, found in scored.items()}
    scored = {name: _take_out(found, apart[name]) for name, found in scored.items()}
    cohorts = _pair_labels(frame, options.cohort, places, labels)
    notes += [
        *note_single(places[used], labels),
        *note_people(frame[used], options),
        *_note_apart(apart, waves),
        *_note_unasked(scored, roles),
    ]
    if cohorts is not None and cohorts.isna().any():
        notes.append(Note("changes.no_cohort", _NO_COHORT, {"n": int(cohorts.isna().sum())}))
    return ChangeData(
        table=source,
        scales=scales,
        options=options,
        roles=roles,
        waves=waves,
        pairs=labels,
        scored=scored,
        places=places,
        cohorts=cohorts,
        arms=_pair_labels(frame, options.arm, places, labels),
        people=_seat_people(frame, roles, places, labels, options),
        chosen=_seat_chosen(frame, roles, places, labels, options),
        times=options.times or tuple(float(place) for place in range(len(waves))),
        notes=tuple(notes),
    )


def _seat_people(
    frame: pd.DataFrame,
    roles: tuple[str, str],
    places: pd.DataFrame,
    pairs: pd.Index,
    options: ChangeOptions,
) -> pd.DataFrame | None:
    """The person on each side of each pair, missing where a side never answered."""
    if options.person is None:
        return None
    seats = places.assign(person=frame[options.person]).drop_duplicates(["pair", "side"])
    return pd.DataFrame(
        {
            role: pd.Series(own["person"].to_numpy(), index=pairs[own["pair"].to_numpy()]).reindex(pairs)
            for side, role in enumerate(roles)
            for own in (seats[seats["side"] == side],)
        },
        index=pairs,
    )


def _find_unread(table: ItemTable, wanted: ScaleSet) -> Iterator[Problem]:
    """Items of a scale or a skill that a table was not read with."""
    missing = [item for item in wanted.items if item not in table.items]
    if missing:
        message = f"The table was read without {listed(missing)}."
        yield Problem("changes.option", message, "Read it with with_windows(scales, skills).")


_CHOICES: Final = {
    **dict.fromkeys(("yes", "true", "1", "1.0"), True),
    **dict.fromkeys(("no", "false", "0", "0.0"), False),
}


def _seat_chosen(
    frame: pd.DataFrame,
    roles: tuple[str, str],
    places: pd.DataFrame,
    pairs: pd.Index,
    options: ChangeOptions,
) -> pd.DataFrame | None:
    """Whether each person was chosen by the baseline; of whom nothing is said was not."""
    column = options.chosen
    if column is None:
        return None
    given = frame[column].dropna()
    known = given.str.strip().str.lower().map(_CHOICES)
    remedy = "Write yes or no, the same in every row of a person."
    wrong = given[known.isna()]
    if len(wrong):
        first = f"Row {wrong.index[0]}, column {column}: “{wrong.iloc[0]}” is neither yes nor no"
        refuse([Problem("changes.chosen", f"{first} (values: {listed(wrong.unique())}).", remedy)])
    seats = places.loc[known.index, ["pair", "side"]].assign(chosen=known.astype(bool)).drop_duplicates()
    doubled = seats[seats.duplicated(["pair", "side"])]
    refuse(
        [
            Problem("changes.chosen", f"The {roles[side]} of pair {pairs[pair]} is chosen in one row and not in another.", remedy)
            for pair, side in zip(doubled["pair"], doubled["side"], strict=True)
        ]
    )  # fmt: skip
    found = np.zeros((len(pairs), 2), dtype=bool)
    found[seats["pair"], seats["side"]] = seats["chosen"]
    return pd.DataFrame(found, index=pairs, columns=list(roles))


def lay_out(
    frame: pd.DataFrame, scale: ScaleKeys, scales: ScaleSet, places: pd.DataFrame, shape: tuple[int, int, int]
) -> ScaleData:
    """The scores of one scale in their places."""
    scored = score_scale(
        frame, scale.keys, minimum=scale.minimum, maximum=scale.maximum, minimum_answered=scales.minimum_answered
    )  # fmt: skip
    at = tuple(places[name].to_numpy() for name in ("pair", "side", "wave"))
    values = np.full(shape, np.nan)
    values[at] = scored.scores.to_numpy()
    exact = None
    if scored.exact is not None:
        exact = np.zeros(shape, dtype=np.int64)
        exact[at] = scored.exact.values.fillna(0).to_numpy(dtype=np.int64)
    return ScaleData(scale, values, exact, 1 if scored.exact is None else scored.exact.multiplier)


def _find_apart(
    found: ScaleData, roles: tuple[str, str], waves: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    """The sides and waves whose scores the instrument does not let be compared with the others; labels of one's own are left alone."""
    allowed = found.scale.comparable
    return tuple(
        (side, wave)
        for side, role in enumerate(roles)
        for wave in found.waves_of(side)
        if role in allowed and waves[wave] in WAVES and waves[wave] not in allowed[role]
    )


def _take_out(found: ScaleData, apart: tuple[tuple[int, int], ...]) -> ScaleData:
    """The same without the scores of some sides and waves."""
    values, exact = found.values.copy(), None if found.exact is None else found.exact.copy()
    for side, wave in apart:
        values[:, side, wave] = np.nan
        if exact is not None:
            exact[:, side, wave] = 0
    return replace(found, values=values, exact=exact)


def _pair_labels(
    frame: pd.DataFrame, column: str | None, places: pd.DataFrame, pairs: pd.Index
) -> pd.Series | None:
    """The cohort or arm of each pair; a pair that has two of them is refused."""
    if column is None:
        return None
    own = pd.DataFrame({"pair": places["pair"].to_numpy(), "label": frame[column].to_numpy()}).dropna()
    own = own.drop_duplicates()
    doubled = own.loc[own["pair"].duplicated(keep=False)]
    problems = []
    for place, labels in doubled.groupby("pair")["label"]:
        message = f"Pair {pairs[int(str(place))]} has several values in column {column}: {listed(labels)}."
        problems.append(
            Problem("changes.cohort", message, "A pair belongs to one of them from start to end.")
        )
    refuse(problems)
    return pd.Series(own["label"].to_numpy(), index=pairs[own["pair"].to_numpy()], dtype=object).reindex(
        pairs
    )


def _note_apart(apart: Mapping[str, tuple[tuple[int, int], ...]], waves: tuple[str, ...]) -> Iterator[Note]:
    """A remark on the scales and waves that were taken out."""
    at = {name: dict.fromkeys(waves[wave] for _, wave in places) for name, places in apart.items() if places}
    if at:
        which = "; ".join(f"{name} ({', '.join(labels)})" for name, labels in at.items())
        yield Note("changes.not_compared", _NOT_COMPARED, {"which": which})


def _note_unasked(scored: Mapping[str, ScaleData], roles: tuple[str, str]) -> Iterator[Note]:
    """A remark on each role with the scales on which it has no two waves."""
    for side, role in enumerate(roles):
        scales = [name for name, found in scored.items() if len(found.waves_of(side)) < 2]
        if scales:
            yield Note("changes.not_asked", _NOT_ASKED, {"role": role, "scales": ", ".join(scales)})
