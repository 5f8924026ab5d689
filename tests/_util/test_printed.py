"""A printed guarantee promises no more than the one that holds."""

from hypothesis import given
from hypothesis import strategies as st

from tabgan._util.printed import at_least, at_most
from tabgan.evaluation.gate import Gate
from tabgan.evaluation.result import Evaluation
from tabgan.privacy.filter import PrivacyStatement
from tabgan.report.text import short

NUMBERS = st.floats(1e-12, 1e9)


@given(NUMBERS, st.integers(1, 6))
def test_epsilons_round_up_and_bounds_down(number, digits):
    """Pitfall 43."""
    assert number <= float(at_most(number, digits)) <= number * (1 + 10.0 ** (1 - digits))
    assert number * (1 - 10.0 ** (1 - digits)) <= float(at_least(number, digits)) <= number


def test_what_needs_no_rounding_is_printed_as_it_is():
    assert [at_most(x) for x in (1.0, 0.1, 1e-6, 0.5, 10.0, 0.4985)] == [
        "1",
        "0.1",
        "1e-06",
        "0.5",
        "10",
        "0.4985",
    ]
    assert (at_most(None), at_least(None), at_most(float("inf"))) == ("–", "–", "inf")


def test_a_statement_a_gate_and_a_report_print_no_less():
    """Pitfall 43."""
    statement = PrivacyStatement(True, 1.00004, 1.0000004e-6, 0.99991, 0.0)
    text = str(statement)
    assert text.startswith("(1.001, 1.001e-06)-differential privacy")
    assert "spent 1 of 1.001" in text
    assert float(short(1.00004)) >= 1.00004
    decision = Gate(epsilon=1.0).decide(Evaluation((), (), 1, 0, 1, None, 0), (1.00004, 1e-6))
    assert decision.outcome == "failed"
    assert "1.001 is promised" in decision.checks[0].text
