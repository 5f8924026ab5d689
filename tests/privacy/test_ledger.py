"""What is charged is what is stated, and nothing passes the budget."""

import json
import math
from dataclasses import FrozenInstanceError, replace

import pytest

from tabgan import terminal
from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.accounting import SubsampledGaussian, affordable_mu, epsilon_of
from tabgan.privacy.ledger import (
    GAUSSIAN,
    GAUSSIAN_THRESHOLD,
    POISSON_GAUSSIAN,
    PUBLIC_FACTS,
    Ledger,
    PrivacyStatement,
    Release,
)


def release(noise=10.0, **kwargs):
    return Release("release", "1-way histogram", ("age",), kwargs.pop("mechanism", GAUSSIAN), noise, **kwargs)


def test_the_total_is_recomputed_from_the_entries():
    ledger = Ledger(3.0, 1e-6)
    ledger.charge(release(8.0), release(12.0))
    ledger.charge(release(9.0, mechanism=GAUSSIAN_THRESHOLD, delta=1e-7))
    ledger.charge(release(5.0, mechanism=POISSON_GAUSSIAN, sample_rate=0.02, steps=100))
    mu = math.sqrt(1 / 64 + 1 / 144 + 1 / 81)
    expected = epsilon_of(mu, (SubsampledGaussian(5.0, 0.02, 100),), 1e-6 - 1e-7)
    statement = ledger.statement()
    assert statement.epsilon_spent == pytest.approx(expected)
    assert statement.delta_spent == pytest.approx(1e-7)
    assert len(statement.entries) == 4


def test_a_charge_that_would_pass_the_budget_leaves_the_ledger_as_it_was():
    ledger = Ledger(1.0, 1e-6)
    ledger.charge(release(1.01 / affordable_mu(1.0, 1e-6)))
    before = ledger.statement()
    with pytest.raises(BudgetExceededError, match=r"1-way histogram.*budget of 1"):
        ledger.charge(release(10.0))
    assert ledger.statement() == before


def test_several_charges_are_taken_together_or_not_at_all():
    ledger = Ledger(1.0, 1e-6)
    with pytest.raises(BudgetExceededError):
        ledger.charge(release(50.0), release(0.1))
    assert ledger.entries == []


def test_threshold_releases_cannot_use_up_delta():
    with pytest.raises(BudgetExceededError, match="delta"):
        Ledger(5.0, 1e-6).charge(release(mechanism=GAUSSIAN_THRESHOLD, delta=1e-6))


@pytest.mark.parametrize("noise", [0.0, -1.0, math.nan, math.inf])
def test_a_private_release_needs_noise(noise):
    with pytest.raises(PrivacyError, match="finite positive noise"):
        Ledger(1.0, 1e-6).charge(release(noise))


@pytest.mark.parametrize("delta", [math.nan, -1e-9, 1.0])
def test_a_delta_that_is_no_probability_is_refused(delta):
    with pytest.raises(PrivacyError):
        Ledger(1.0, 1e-6).charge(release(delta=delta))


def test_what_remains_is_what_the_gaussians_have_not_spent():
    ledger = Ledger(1.0, 1e-6)
    ledger.charge(release(10.0), release(5.0, mechanism=POISSON_GAUSSIAN, sample_rate=0.01, steps=10))
    assert ledger.remaining_mu(0.25) == pytest.approx(math.sqrt(0.25**2 - 0.01))
    assert ledger.remaining_mu(0.05) == 0.0


def test_without_privacy_the_statement_promises_nothing():
    ledger = Ledger(None, 1e-6)
    ledger.charge(release(0.0))
    statement = ledger.statement()
    assert (statement.is_private, statement.epsilon, statement.epsilon_spent, statement.delta) == (
        False,
        None,
        None,
        None,
    )
    assert "no privacy guarantee" in str(statement)
    assert math.isinf(ledger.remaining_mu(math.inf))


def test_a_statement_survives_json():
    ledger = Ledger(1.0, 1e-6)
    ledger.charge(release(20.0), release(9.0, mechanism=POISSON_GAUSSIAN, sample_rate=0.02, steps=3))
    statement = ledger.statement()
    assert PrivacyStatement.from_dict(json.loads(json.dumps(statement.to_dict()))) == statement


def test_entries_cannot_be_edited():
    with pytest.raises(FrozenInstanceError):
        release().noise_multiplier = 1.0


@pytest.mark.parametrize("field", ["epsilon", "delta", "epsilon_spent", "entries", "is_private"])
def test_a_missing_privacy_parameter_is_an_error_on_load(field):
    """Pitfall 24."""
    data = Ledger(1.0, 1e-6).statement().to_dict()
    del data[field]
    with pytest.raises(PrivacyError):
        PrivacyStatement.from_dict(data)


def test_an_entry_that_lacks_its_noise_is_an_error_on_load():
    """Pitfall 24."""
    ledger = Ledger(1.0, 1e-6)
    ledger.charge(release(20.0))
    data = ledger.statement().to_dict()
    del data["entries"][0]["noise_multiplier"]
    with pytest.raises(PrivacyError):
        PrivacyStatement.from_dict(data)


def test_the_statement_names_unit_and_adjacency():
    statement = Ledger(1.0, 1e-6).statement()
    assert (statement.privacy_unit, statement.neighboring_relation) == ("row", "add_or_remove_one")
    assert replace(statement, epsilon_spent=0.5).epsilon_spent == 0.5


class TestPromise:
    """What is promised is the fixed total; what is spent follows from noisy answers, and is no promise."""

    STATEMENT = replace(Ledger(2.0, 1e-6).statement(), epsilon_spent=1.875)

    def test_in_words(self):
        text = str(self.STATEMENT)
        assert text.startswith("(2, 1e-06)-differential privacy of one row")
        assert "spent 1.875 of 2" in text

    def test_on_the_terminal(self):
        lines = dict(terminal._privacy_lines(self.STATEMENT))
        assert lines["epsilon"] == terminal.epsilon_text(self.STATEMENT) == "2"
        assert lines["epsilon spent"].startswith("1.875 of 2, ")
        assert terminal.epsilon_text(Ledger(None, 1e-6).statement()) == "no privacy"

    def test_is_the_same_whatever_was_spent(self):
        ledger = Ledger(2.0, 1e-6)
        before = ledger.statement()
        ledger.charge(release(10.0))
        after = ledger.statement()
        assert (before.epsilon, before.delta) == (after.epsilon, after.delta) == (2.0, 1e-6)
        assert before.epsilon_spent < after.epsilon_spent


def test_assumptions_are_whole_sentences():
    assert all(fact[-1] == "." and fact.count(".") == 1 for fact in PUBLIC_FACTS)
    assert any("passed the checks of its form" in fact for fact in PUBLIC_FACTS)
    assert Ledger(1.0, 1e-6).statement().assumptions == PUBLIC_FACTS
    assert Ledger(None, 1e-6).statement().assumptions == ()
