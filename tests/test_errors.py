from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import pytest

from tabgan import errors


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (errors.ConfigError, (ValueError,)),
        (errors.PlanError, (errors.ConfigError,)),
        (errors.SchemaError, (ValueError,)),
        (errors.DataError, (ValueError,)),
        (errors.ConditionError, (errors.DataError,)),
        (errors.NotFittedError, (ValueError, AttributeError)),
        (errors.ModelFileError, (ValueError,)),
        (errors.PrivacyError, ()),
        (errors.BundleError, (ValueError,)),
        (errors.CheckpointError, (ValueError,)),
        (errors.BudgetExceededError, (errors.PrivacyError,)),
        (errors.LedgerError, (errors.PrivacyError,)),
        (errors.AuditError, (errors.PrivacyError,)),
        (errors.UnexpectedError, ()),
    ],
)
def test_the_tree(error, bases):
    assert all(issubclass(error, base) for base in (errors.TabGANError, *bases))
    assert str(error("where: rule.")) == "where: rule."


def test_a_privacy_error_is_no_value_error_that_a_broad_except_would_swallow():
    assert not issubclass(errors.PrivacyError, ValueError)


def test_nothing_else_is_in_there():
    own = [value for value in vars(errors).values() if getattr(value, "__module__", None) == errors.__name__]
    names = {value.__name__ for value in own if isinstance(value, type)}
    assert all(issubclass(getattr(errors, name), errors.TabGANError) for name in names)
    assert len(names) == 18


def test_an_error_of_another_library_carries_no_cell_along():
    """Pitfall 31: some hold the value that they failed on beside their message."""

    class OfItsOwnError(Exception):
        def __init__(self, message):
            self.message = message

        def __str__(self):
            return self.message

    def raises_its_own():
        raise OfItsOwnError("Zanzibar")

    cell = SimpleNamespace(name="Zanzibar")
    raised = []
    for work in (
        lambda: cell.age,
        raises_its_own,
        lambda: json.loads("Zanzibar"),
        lambda: int("Zanzibar"),
    ):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - one of several
            work()
        caught.value.add_note("Zanzibar")
        raised.append(errors.without_cells(caught.value))
    assert [type(error) for error in raised[:2]] == [AttributeError, errors.UnexpectedError]
    for error in raised:
        held = {name: getattr(error, name, None) for name in dir(error) if not name.startswith("__")}
        assert "Zanzibar" not in f"{error} {error.args} {held} {getattr(error, '__notes__', '')}"


def test_that_nothing_was_spent_is_said_once_and_kept_on_the_way_between_processes():
    error = errors.unspent(errors.SourceError("source: it has gone."))
    assert str(errors.unspent(error)) == "source: it has gone. This call spent nothing."
    assert copy.copy(error).is_unspent  # by the way of a pickle
    assert not errors.SourceError("source: This call spent nothing.").is_unspent
