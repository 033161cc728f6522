"""Confirmatory factor models: what a model says, its estimation, its fit, and invariance over groups, waves and roles."""

from scoring.sem.data import prepare_data
from scoring.sem.estimate import fit_confirmatory, fit_specification
from scoring.sem.model import ConfirmatoryModel, Parameter, Specification, specify
from scoring.sem.result import ConfirmatoryFit

__all__ = [
    "ConfirmatoryFit",
    "ConfirmatoryModel",
    "Parameter",
    "Specification",
    "fit_confirmatory",
    "fit_specification",
    "prepare_data",
    "specify",
]
