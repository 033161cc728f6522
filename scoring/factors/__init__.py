"""Exploratory factor analysis: adequacy, number of factors, extraction and rotation, and what follows from a solution."""

from scoring.factors.adequacy import KMO_FLOOR, SamplingAdequacy, sampling_adequacy, sampling_adequacy_of
from scoring.factors.fit import fit_factors
from scoring.factors.intervals import LoadingIntervals, loading_intervals
from scoring.factors.number import NumberOfFactors, number_of_factors
from scoring.factors.parallel import ParallelAnalysis, parallel_analysis
from scoring.factors.schmid_leiman import SchmidLeiman, schmid_leiman
from scoring.factors.solution import FactorAlignment, FactorSolution, align_factors
from scoring.factors.velicer import VelicerMap, velicer_map

__all__ = [
    "KMO_FLOOR",
    "FactorAlignment",
    "FactorSolution",
    "LoadingIntervals",
    "NumberOfFactors",
    "ParallelAnalysis",
    "SamplingAdequacy",
    "SchmidLeiman",
    "VelicerMap",
    "align_factors",
    "fit_factors",
    "loading_intervals",
    "number_of_factors",
    "parallel_analysis",
    "sampling_adequacy",
    "sampling_adequacy_of",
    "schmid_leiman",
    "velicer_map",
]
