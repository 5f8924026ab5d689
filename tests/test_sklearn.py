"""TabGAN as an estimator of scikit-learn: its own checks, as far as a synthesizer can pass them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.validation import check_is_fitted

from tabgan import Numeric, Schema, TabGAN

#: scikit-learn's checks that need no rows; a version may lack some.
WITHOUT_ROWS = [
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_estimators_unfitted",
]

#: Checks that do not apply, with the reason; all others pass on rows that are wrapped as frames.
NOT_APPLICABLE = {
    "check_estimators_nan_inf": "missing cells are modelled",
    "check_n_features_in": "a table has named columns, in schema_, and no number of features",
    "check_n_features_in_after_fitting": "as above",
    "check_estimators_empty_data_messages": "its message is about tables, not about arrays",
    "check_complex_data": "as above",
    "check_estimator_sparse_tag": "sparse arrays are no tables; they are refused in our words",
    "check_estimator_sparse_array": "as above",
    "check_estimator_sparse_matrix": "as above",
    "check_fit2d_1sample": "a table of one row is a table",
    "check_fit2d_1feature": "a table of one column is a table",
    "check_fit_idempotent": "two private fits differ by their noise; without privacy it has no prediction to compare",
    "check_dtype_object": "a column of mixed Python types is refused",
    "check_estimators_pickle": "a model is saved as safetensors and JSON; a pickle is not supported",
    "check_positive_only_tag_during_fit": "it fits arrays, which are no tables",
}


class OfArrays(TabGAN):
    """A synthesizer that takes the arrays of the checks as tables."""

    def fit(self, X, y=None, **options):  # noqa: N803 - as scikit-learn names it
        is_array = isinstance(X, np.ndarray) and X.ndim == 2
        names = [f"c{place}" for place in range(X.shape[1])] if is_array else []
        return super().fit(pd.DataFrame(np.asarray(X), columns=names) if is_array else X, **options)


def table(n=400):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.integers(0, 9, n), "b": rng.choice(["x", "y"], n)})


@pytest.mark.parametrize("name", WITHOUT_ROWS)
@pytest.mark.filterwarnings("ignore")
def test_checks_that_need_no_rows(name):
    check = getattr(estimator_checks, name, None)
    if check is None:
        pytest.skip(f"this version of scikit-learn has no {name}")
    check("TabGAN", TabGAN())


def test_clone_keeps_arguments_and_nothing_else():
    schema = Schema(columns=[Numeric(name="a", bounds=(0, 8), decimals=0)])
    model = TabGAN(epsilon=20.0, delta=1e-5, schema=schema, adversary_share=0.1, device="cpu", random_state=3)
    model.fit(table())
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert copy.schema == schema
    assert not hasattr(copy, "schema_")
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)
    check_is_fitted(model)


def test_get_and_set_params():
    model = TabGAN().set_params(epsilon=None, random_state=1)
    assert model.get_params()["epsilon"] is None
    with pytest.raises(ValueError, match="Invalid parameter"):
        model.set_params(epsilom=1)
    assert not is_classifier(model)
    assert not is_regressor(model)


def test_it_stands_last_in_a_pipeline():
    def small(df):
        return df[df["a"] < 5]

    pipeline = make_pipeline(FunctionTransformer(small), TabGAN(epsilon=20.0, random_state=0))
    copy = clone(pipeline).set_params(tabgan__delta=1e-5)
    synthetic = copy.fit(table()).named_steps["tabgan"].sample(50, random_state=0)
    assert list(synthetic.columns) == ["a", "b"]
    assert copy[-1].privacy_.delta == 1e-5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_other_checks_of_scikit_learn():
    if not hasattr(estimator_checks, "estimator_checks_generator"):
        pytest.skip("this version of scikit-learn does not name the checks that fail")
    results = estimator_checks.check_estimator(
        OfArrays(epsilon=None, random_state=0), on_fail=None, on_skip=None
    )
    failed = {each["check_name"]: each["exception"] for each in results if each["status"] == "failed"}
    assert set(failed) <= set(NOT_APPLICABLE), failed
    assert sum(each["status"] == "passed" for each in results) >= 20
