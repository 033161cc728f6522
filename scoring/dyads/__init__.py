"""Analyses of pairs whose two people have different roles: mentor (junior) and mentee (senior)."""

from scoring.dyads.actor_partner import ActorPartner, EqualEffects, actor_partner_model
from scoring.dyads.common_fate import CommonFate, common_fate
from scoring.dyads.discrepancy import (
    PairDiscrepancy,
    check_no_difference_score,
    pair_discrepancy,
    refuse_difference_score,
)
from scoring.dyads.one_with_many import (
    OneWithMany,
    ReciprocalDesign,
    one_with_many,
    reciprocal_one_with_many,
)
from scoring.dyads.patterns import PartnerPattern, partner_patterns
from scoring.dyads.power import partner_power
from scoring.dyads.rematched import BothWays, RematchedPairs, rematched_pairs
from scoring.dyads.resemblance import (
    Distinguishability,
    DyadicCorrelation,
    RoleModel,
    distinguishability,
    dyadic_correlation,
)
from scoring.dyads.response_surface import PairCells, ResponseSurface, pair_cells, response_surface
from scoring.dyads.structural import StructuralFit

__all__ = [
    "ActorPartner",
    "BothWays",
    "CommonFate",
    "Distinguishability",
    "DyadicCorrelation",
    "EqualEffects",
    "OneWithMany",
    "PairCells",
    "PairDiscrepancy",
    "PartnerPattern",
    "ReciprocalDesign",
    "RematchedPairs",
    "ResponseSurface",
    "RoleModel",
    "StructuralFit",
    "actor_partner_model",
    "check_no_difference_score",
    "common_fate",
    "distinguishability",
    "dyadic_correlation",
    "one_with_many",
    "pair_cells",
    "pair_discrepancy",
    "partner_patterns",
    "partner_power",
    "reciprocal_one_with_many",
    "refuse_difference_score",
    "rematched_pairs",
    "response_surface",
]
