"""Whether somebody's own answers say that things are not right, so that their own screen shows first what they can do.

It is found anew for every page and kept nowhere: no row, no log line, no count. Only the browser that gave the answers ever sees what
comes of it.
"""

from collections.abc import Iterable, Mapping
from math import ceil

from instruments.answers import AnswerValue
from instruments.model import Instrument, Role, Scale, WaveKind

# The question on harm, and the code that says yes.
HARM: Mapping[str, int] = {"HM1": 1}
# Safety, trust and relationship, each with its forms; the longest form that a wave asks whole counts.
FAMILIES: tuple[tuple[str, ...], ...] = (("PS", "PS_ANCHOR"), ("TR", "TR_ANCHOR"), ("RQ", "RQ_SHORT"))
# A mean in the lowest quarter of the way between the two ends: 2 of 5 and below, somebody who on average disagrees.
LOW_SHARE = 0.25
# A score needs this share of a scale's questions, as in `scoring.scales`.
ANSWERED_SHARE = (2, 3)


def needs_support(
    instrument: Instrument, kind: WaveKind, role: Role, answers: Mapping[str, AnswerValue]
) -> bool:
    """Whether one's own answers to one wave tell of harm, or of little safety, trust or respect with the partner."""
    if any(item in answers and answers[item].code == code for item, code in HARM.items()):
        return True
    asked = {scale.id: scale for scale in instrument.scales_scored(kind, role)}
    return any(
        _is_low(instrument, scale, answers)
        for family in FAMILIES
        if (scale := _longest(asked[name] for name in family if name in asked)) is not None
    )


def _longest(scales: Iterable[Scale]) -> Scale | None:
    """The scale with the most questions, None of none."""
    return max(scales, key=lambda scale: len(scale.keys), default=None)


def _is_low(instrument: Instrument, scale: Scale, answers: Mapping[str, AnswerValue]) -> bool:
    """Whether the mean of enough answers lies in the lowest part of the scale; where low is good, in the highest."""
    shares = []
    for item, key in scale.keys.items():
        code = answers[item].code if item in answers else None
        if code is not None:
            answered = instrument.format_of(item)
            low, high = answered.minimum, answered.maximum
            share = (code - low) / (high - low)
            shares.append(share if key > 0 else 1 - share)
    part, whole = ANSWERED_SHARE
    if len(shares) < max(1, ceil(part * len(scale.keys) / whole)):
        return False
    mean = sum(shares) / len(shares)
    # Sums of decimals may miss the threshold by a hair.
    return (mean if scale.direction == "benefit" else 1 - mean) <= LOW_SHARE + 1e-9
