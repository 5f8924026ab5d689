"""The filter states its charges, and nothing passes the plan."""

import json
import math
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgan.cli import terminal
from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.accounting import SubsampledGaussian, epsilon_of
from tabgan.privacy.events import GAUSSIAN, GAUSSIAN_THRESHOLD, POISSON_GAUSSIAN, Release, cost_of
from tabgan.privacy.filter import PUBLIC_FACTS, LedgerPlace, PrivacyFilter, PrivacyStatement
from tabgan.privacy.plan import SHARES, Plan, make_plan
from tabgan.privacy.unit import PrivacyUnit

RUN = SubsampledGaussian(5.0, 0.02, 100)


def release(noise=40.0, **kwargs):
    return Release("release", "1-way histogram", ("age",), kwargs.pop("mechanism", GAUSSIAN), noise, **kwargs)


def steps(n=10, run=RUN):
    return Release(
        "dpsgd",
        "gradients",
        (),
        POISSON_GAUSSIAN,
        run.noise_multiplier,
        sample_rate=run.sample_rate,
        steps=n,
    )


def ledger(epsilon=1.0, delta=1e-6):
    return PrivacyFilter(make_plan(epsilon, delta))


def test_the_total_is_recomputed_from_the_entries():
    plan = Plan(3.0, 1e-6, 1e-7, 0.3, {}, True, RUN)
    book = PrivacyFilter(plan)
    book.charge(release(8.0), release(12.0))
    book.charge(release(9.0, mechanism=GAUSSIAN_THRESHOLD, delta=1e-7))
    book.charge(steps(40), steps(60))
    mu = math.sqrt(1 / 64 + 1 / 144 + 1 / 81)
    expected = epsilon_of(mu, (RUN,), 1e-6 - 1e-7)
    statement = book.statement()
    assert statement.epsilon_spent == pytest.approx(expected)
    assert statement.delta_spent == pytest.approx(1e-7)
    assert len(statement.entries) == 5


def test_a_charge_that_would_pass_the_plan_leaves_the_ledger_as_it_was():
    book = ledger()
    book.charge(release(1.01 / book.plan.mu))
    before = book.statement()
    with pytest.raises(BudgetExceededError, match=r"1-way histogram.*epsilon=1"):
        book.charge(release(5.0))
    assert book.statement() == before


def test_several_charges_are_taken_together_or_not_at_all():
    book = ledger()
    with pytest.raises(BudgetExceededError):
        book.charge(release(50.0), release(0.1))
    assert book.entries == []


def test_threshold_releases_cannot_use_up_more_delta_than_the_plan_gives_them():
    with pytest.raises(BudgetExceededError):
        ledger(5.0).charge(release(mechanism=GAUSSIAN_THRESHOLD, delta=2e-7))


@pytest.mark.parametrize(
    "charge",
    [steps(201, SubsampledGaussian(5.451834073208546, 0.02, 1)), steps(1, SubsampledGaussian(5.4, 0.02, 1))],
)
def test_dp_sgd_is_the_planned_run_and_no_step_more(charge):
    """Pitfall 19."""
    with pytest.raises(BudgetExceededError):
        ledger().charge(charge)


@pytest.mark.parametrize("noise", [0.0, -1.0, math.nan, math.inf])
def test_a_private_release_needs_noise(noise):
    with pytest.raises(PrivacyError, match="finite positive noise"):
        ledger().charge(release(noise))


@pytest.mark.parametrize(
    "changed",
    [
        {"delta": math.nan},
        {"delta": -1e-9},
        {"delta": 1.0},
        {"delta": 1e-9},  # of a mechanism that has none
        {"sensitivity": 0.0},
        {"sensitivity": math.nan},
        {"sample_rate": 0.5},  # only DP-SGD samples
        {"sample_rate": math.nan},
        {"steps": 0},
        {"mechanism": "none that is known"},
    ],
)
def test_parameters_that_make_no_sense_are_refused(changed):
    with pytest.raises(PrivacyError):
        ledger().charge(release(**changed))


@given(noises=st.lists(st.floats(1.0, 100.0), min_size=1, max_size=12))
def test_no_order_and_no_choice_of_charges_passes_the_promise(noises):
    """The filter: whatever is asked for, adaptively or not, what was let through is within (epsilon, delta)."""
    book = ledger()
    for noise in noises:
        try:
            book.charge(release(noise))
        except BudgetExceededError:
            continue
    statement = book.statement()
    assert statement.epsilon_spent <= 1.0
    assert sum(1 / e.noise_multiplier**2 for e in book.entries) <= book.plan.mu**2 * (1 + 1e-9)


@given(noises=st.lists(st.floats(3.0, 60.0), min_size=1, max_size=40))
def test_a_charge_is_let_in_if_the_recomputed_total_is_within_the_plan(noises):
    book = ledger()
    for noise in noises:
        fits = book.plan.cost.covers(cost_of([*book.entries, release(noise)]))
        try:
            book.charge(release(noise))
        except BudgetExceededError:
            assert not fits
        else:
            assert fits
    left = book.plan.mu**2 * (1 - SHARES["gain"]) - cost_of(book.entries).mu_squared
    assert book.remaining_mu() == math.sqrt(max(left, 0.0))


def test_a_charge_reads_its_own_releases_alone(monkeypatch):
    book, read = ledger(), []
    cost = Release.cost.fget
    monkeypatch.setattr(Release, "cost", property(lambda line: read.append(line) or cost(line)))
    for _ in range(50):
        book.charge(release(1e4), release(1e4))
        book.remaining_mu()
    assert len(read) == 3 * len(book.entries)  # checked, by two of its parts, and added


def test_a_statement_over_the_promise_is_never_made():
    """The second check, by the accountant itself, should a plan ever promise too much."""
    book = PrivacyFilter(Plan(0.1, 1e-6, 0.0, 1.0, {}))
    book.charge(release(1.0))
    with pytest.raises(PrivacyError, match=r"over the promise of 0\.1"):
        book.statement()


def test_what_remains_is_what_the_gaussians_have_not_spent():
    book = ledger()
    book.charge(release(10.0), steps(4, book.plan.adversary))
    kept = SHARES["gain"]  # for the test of the critic, which comes last
    assert book.remaining_mu() == pytest.approx(math.sqrt(book.plan.mu**2 * (1 - kept) - 0.01))
    alone = PrivacyFilter(make_plan(1.0, 1e-6, adversary_share=0))
    assert alone.remaining_mu() == alone.plan.mu


def test_without_privacy_the_statement_promises_nothing():
    book = PrivacyFilter(make_plan(None, 1e-6))
    book.charge(release(0.0))
    statement = book.statement()
    promised = (statement.is_private, statement.epsilon, statement.epsilon_spent, statement.delta)
    assert promised == (False, None, None, None)
    assert "no privacy guarantee" in str(statement)
    assert math.isinf(book.remaining_mu())


def test_a_statement_survives_json():
    book = ledger()
    book.charge(release(20.0), steps(3, book.plan.adversary))
    statement = replace(book.statement(), place=LedgerPlace("a1", 7, "ff"))
    assert PrivacyStatement.from_dict(json.loads(json.dumps(statement.to_dict()))) == statement


def test_entries_cannot_be_edited():
    with pytest.raises(FrozenInstanceError):
        release().noise_multiplier = 1.0


@pytest.mark.parametrize("field", ["epsilon", "delta", "epsilon_spent", "entries", "is_private", "place"])
def test_a_missing_privacy_parameter_is_an_error_on_load(field):
    """Pitfall 24."""
    data = ledger().statement().to_dict()
    del data[field]
    with pytest.raises(PrivacyError):
        PrivacyStatement.from_dict(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [("epsilon", 1.0), ("delta", 1e-6), ("epsilon_spent", 0.5), ("is_private", True), ("is_private", 0)],
)
def test_a_statement_without_privacy_that_promises_some_is_refused(field, value):
    data = PrivacyFilter(make_plan(None, 1e-6)).statement().to_dict()
    assert not PrivacyStatement.from_dict(data).is_private
    with pytest.raises(PrivacyError, match="the file is damaged"):
        PrivacyStatement.from_dict({**data, field: value})


@pytest.mark.parametrize("field", ["noise_multiplier", "sensitivity", "sample_rate", "steps", "delta"])
def test_an_entry_that_lacks_a_parameter_is_an_error_on_load(field):
    """Pitfall 24."""
    book = ledger()
    book.charge(release(20.0))
    data = book.statement().to_dict()
    del data["entries"][0][field]
    with pytest.raises(PrivacyError):
        PrivacyStatement.from_dict(data)


def test_the_statement_names_unit_and_adjacency():
    statement = ledger().statement()
    assert (statement.privacy_unit, statement.neighboring_relation) == ("row", "add_or_remove_one")
    entity = PrivacyFilter(make_plan(1.0, 1e-6, unit=PrivacyUnit("patient", 4))).statement()
    assert (entity.privacy_unit, entity.entity, entity.max_rows) == ("entity", "patient", 4)
    assert "of one entity (patient), at most 4 rows each" in str(entity)


class Book:
    """Holds what a fit charged before it was interrupted."""

    def __init__(self, *past):
        self.past, self.doubtful = past, ()
        self.written = []

    def write(self, call, releases):
        self.written.append((call, tuple(releases)))

    def place(self):
        return None


class TestInterrupted:
    def test_a_charge_is_in_the_book_before_it_counts(self):
        class Full(Book):
            def write(self, call, releases):
                raise OSError("no space left")

        broken = PrivacyFilter(make_plan(1.0, 1e-6), Full())
        with pytest.raises(OSError, match="no space"):
            broken.charge(release(), call="1 a")
        assert broken.entries == []

    def test_past_charges_count_again_and_are_not_written_again(self):
        book = Book(("1 a", (release(30.0),)), ("1 a", (release(30.0),)), ("2 b", (release(40.0),)))
        resumed = PrivacyFilter(make_plan(1.0, 1e-6), book)
        assert len(resumed.recall("1 a")) == 2
        assert len(resumed.recall("2 b")) == 1
        assert resumed.recall("3 c") == []
        assert len(resumed.entries) == 3
        assert book.written == []

    def test_another_fits_charges_are_not_taken_for_this_ones(self):
        resumed = PrivacyFilter(make_plan(1.0, 1e-6), Book(("1 a", (release(),))))
        with pytest.raises(PrivacyError, match="the interrupted fit to resume with '1 a', got '1 b'"):
            resumed.recall("1 b")

    def test_a_fit_that_ends_without_one_of_its_past_charges_is_another(self):
        resumed = PrivacyFilter(make_plan(1.0, 1e-6), Book(("1 a", (release(),)), ("2 b", (release(),))))
        resumed.recall("1 a")
        with pytest.raises(PrivacyError, match="ended without '2 b', which it had charged"):
            resumed.finish()
        resumed.recall("2 b")
        resumed.finish()

    def test_past_charges_are_held_against_the_plan_too(self):
        resumed = PrivacyFilter(make_plan(1.0, 1e-6), Book(("1 a", (release(0.5),))))
        with pytest.raises(BudgetExceededError):
            resumed.recall("1 a")


class TestPromise:
    """The fixed total is promised; the spending follows from noisy answers, and is no promise."""

    STATEMENT = replace(
        PrivacyFilter(make_plan(2.0, 1e-6, adversary_share=0)).statement(), epsilon_spent=1.875
    )

    def test_in_words(self):
        text = str(self.STATEMENT)
        assert text.startswith("(2, 1e-06)-differential privacy of one row")
        assert "spent 1.875 of 2" in text

    def test_on_the_terminal(self):
        lines = dict(terminal._privacy_lines(self.STATEMENT))
        assert lines["epsilon"] == terminal.epsilon_text(self.STATEMENT) == "2"
        assert lines["epsilon spent"].startswith("1.875 of 2, ")
        assert terminal.epsilon_text(PrivacyFilter(make_plan(None, 1e-6)).statement()) == "no privacy"

    def test_is_the_same_whatever_was_spent(self):
        book = ledger(2.0)
        before = book.statement()
        book.charge(release(10.0))
        after = book.statement()
        assert (before.epsilon, before.delta) == (after.epsilon, after.delta) == (2.0, 1e-6)
        assert before.epsilon_spent < after.epsilon_spent


def test_assumptions_are_whole_sentences():
    assert all(fact[-1] == "." and fact.count(".") == 1 for fact in PUBLIC_FACTS)
    assert any("passed the checks of its form" in fact for fact in PUBLIC_FACTS)
    assert ledger().statement().assumptions == PUBLIC_FACTS
    assert PrivacyFilter(make_plan(None, 1e-6)).statement().assumptions == ()
