"""The objectives of a programme beside what the report found: no word here that the report does not have."""

from collections.abc import Mapping

from scoring.change_report.data import ChangeData
from scoring.change_report.families import claim_name
from scoring.change_report.scales import ScaleChangeSection
from scoring.multiplicity import FamilyReport
from scoring.scorecard import MeasuredChange, Scorecard, assemble_scorecard


def score_report(
    data: ChangeData, scales: Mapping[str, ScaleChangeSection], families: FamilyReport
) -> Scorecard | None:
    """Return the scorecard of the objectives that the options name, None where they name none."""
    if not data.options.objectives:
        return None
    measured = [
        MeasuredChange(
            scale=name,
            role=role.role,
            estimate=role.mean,
            low=role.ends[0],
            high=role.ends[1],
            judged=families.find(claim_name(name, role.role)),
            verdict=role.verdict,
        )
        for name, section in scales.items()
        for role in section.roles.values()
        if role.change is not None
    ]
    return assemble_scorecard(data.options.objectives, measured, families)
