import itertools
import subprocess
import sys

import pytest

from scoring.errors import Note, ScoringError
from scoring.gates import GATES, allowed, gate_for, minimum_for, verdict_for

# Measurement plan, section 4.0: the smallest number of complete pairs (for DIF: persons per language) that opens each.
PLAN = {
    "participation": 0,
    "cell_mean": 5,
    "reference_interval": 5,
    "mean_change": 10,
    "t_interval": 10,
    "sign_flip": 10,
    "effect_size": 10,
    "dyadic_correlation": 10,
    "alpha_interval": 10,
    "mixed_model": 20,
    "ancova": 20,
    "apim_estimates": 20,
    "equivalence": 20,
    "cohort_contrast": 40,
    "shrinkage": 40,
    "reliability_verdict": 40,
    "apim_confirmatory": 80,
    "efa": 100,
    "cfa_verdict": 150,
    "invariance": 150,
    "response_surface": 150,
    "common_fate": 150,
    "dif_verdict": 200,
}


def test_the_table_opens_what_the_plan_opens_and_nothing_else():
    opened = {what for gate in GATES for what in gate.opens}

    assert {what: minimum_for(what) for what in opened} == PLAN


@pytest.mark.parametrize(("what", "minimum"), PLAN.items())
def test_a_gate_is_shut_one_below_and_open_at_its_minimum(what, minimum):
    assert allowed(minimum, what)
    assert minimum == 0 or not allowed(minimum - 1, what)


def test_every_number_of_pairs_has_one_row_and_rows_only_ever_open_more():
    rows = [gate for gate in GATES if gate.counts == "pairs"]

    assert [gate_for(n).name for n in (0, 4, 5, 9, 10, 19, 20, 39, 40, 79, 80, 99, 100, 149, 150, 9999)] == [
        row.name for row in rows for _ in range(2)
    ]
    assert all(earlier.opens < later.opens for earlier, later in itertools.pairwise(rows))
    assert all(earlier.maximum == later.minimum - 1 for earlier, later in itertools.pairwise(rows))
    assert rows[-1].maximum is None


def test_messages_are_whole_sentences_without_statistics():
    for gate in GATES:
        assert gate.message.endswith(".")
        assert not any(word in gate.message for word in ("APIM", "CFA", "EFA", "p-value", "ICC"))


def test_wrong_questions_are_refused_with_the_remedy():
    with pytest.raises(ScoringError, match="0 or more") as negative:
        gate_for(-1)
    with pytest.raises(ScoringError, match="mean_change") as unknown:
        allowed(50, "percentile_bootstrap")

    assert negative.value.code == "gate.negative"
    assert unknown.value.code == "gate.unknown"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.10, 0.50, "moved"),
        (-0.50, -0.10, "moved"),
        (0.09, 0.50, "not shown"),
        (-0.20, 0.30, "not shown"),
        (-0.50, 0.50, "not shown"),
        (-0.51, 0.51, "too few"),
        (0.05, 1.20, "too few"),
        (0.20, 1.60, "moved"),
    ],
)
def test_verdict_words_follow_the_plan(low, high, verdict):
    # Section 4.6: moved = interval excludes 0 and its nearer end is at least .1 away; too few = half-width above .5.
    assert verdict_for(low, high) == verdict
    assert verdict_for(25 * low, 25 * high, width=100) == verdict


def test_a_note_fills_in_its_sentence():
    assert str(Note("x", "%(n)d of %(all)d.", {"n": 2, "all": 3})) == "2 of 3."


def test_gates_disclosure_and_errors_load_no_numbers_package():
    code = (
        "import sys, scoring.gates, scoring.disclosure, scoring.errors, scoring.spans;"
        "heavy = {'numpy', 'pandas', 'scipy', 'pingouin', 'factor_analyzer', 'matplotlib'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
