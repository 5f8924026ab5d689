"""The conventions of scikit-learn's estimators; ``tests/test_sklearn.py`` runs its own checks."""

import numpy as np
import pytest

from tabgan._util.estimator import Estimator
from tabgan.errors import ConfigError


class Of(Estimator):
    def __init__(self, width=3, *, name=None):
        self.width, self.name = width, name


def test_arguments_are_read_by_name_in_their_order():
    assert Of(4, name="x").get_params() == Of(4, name="x").get_params(deep=False) == {"name": "x", "width": 4}


def test_arguments_are_set_and_a_slip_is_told():
    made = Of()
    assert made.set_params(width=5) is made
    assert made.width == 5
    with pytest.raises(ConfigError, match=r"Invalid parameter 'widht' of Of: .*Did you mean 'width'\?"):
        made.set_params(widht=6)


def test_only_what_was_chosen_is_printed_and_not_all_of_it():
    assert repr(Of()) == repr(Of(3)) == "Of()"
    assert repr(Of(4, name="x")) == "Of(name='x', width=4)"
    long = repr(Of(name="x" * 10_000))
    assert len(long) < 1_000
    assert long.startswith("Of(name='xx")
    assert long.endswith("xx')")


def test_an_array_as_an_argument_is_printed():
    assert "array([1, 2])" in repr(Of(np.array([1, 2])))
