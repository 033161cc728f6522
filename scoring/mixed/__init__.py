"""Linear mixed models by restricted maximum likelihood, with Kenward-Roger's or Satterthwaite's tests of contrasts."""

from scoring.mixed.contrasts import ContrastTest, DegreesOfFreedom
from scoring.mixed.fit import fit_mixed
from scoring.mixed.model import MixedModel, unit_effects
from scoring.mixed.rows import RandomEffect

__all__ = ["ContrastTest", "DegreesOfFreedom", "MixedModel", "RandomEffect", "fit_mixed", "unit_effects"]
