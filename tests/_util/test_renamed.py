import warnings

import pytest

from tabgan import TabGAN
from tabgan._util.renamed import renamed_arguments


@renamed_arguments(part_of="source_table", reads_text="untyped_text")
def fit(df, *, source_table=None, untyped_text=False):
    """A fit."""
    return df, source_table, untyped_text


def test_new_names_say_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit(1, source_table=2, untyped_text=True) == (1, 2, True)


def test_old_names_work_and_say_the_new_one_where_they_were_written():
    with pytest.warns(FutureWarning, match="'part_of' is now called 'source_table'") as found:
        assert fit(1, part_of=2) == (1, 2, False)
    assert found[0].filename == __file__


def test_not_both():
    with pytest.raises(TypeError, match="both 'source_table' and its old name 'part_of'"):
        fit(1, part_of=2, source_table=3)


def test_others_are_as_unknown_as_before():
    with pytest.raises(TypeError, match="unexpected keyword argument 'part'"):
        fit(1, part=2)


def test_of_the_synthesizer():
    with pytest.warns(FutureWarning), pytest.raises(ValueError, match="DataFrame"):
        TabGAN().fit(None, reads_text=True)
    with pytest.warns(FutureWarning), pytest.raises(ValueError, match="not fitted"):
        TabGAN().evaluate(None, None, part_of=None)
    with pytest.warns(FutureWarning, match="private_metrics_"), pytest.raises(ValueError, match="not fitted"):
        TabGAN().evaluate(None, None, evaluation_epsilon=1.0, evaluation_delta=1e-6)
    with pytest.warns(FutureWarning, match="private_metrics_e"), pytest.raises(ValueError, match="epsilon"):
        TabGAN(epsilon=-1).check_cap("people.ledger", evaluation_epsilon=1.0)
    with pytest.warns(FutureWarning, match="check_cap"), pytest.raises(ValueError, match="epsilon"):
        TabGAN(epsilon=-1).check_room("people.ledger")
