"""A synthesizer in a notebook."""

import numpy as np
import pandas as pd
import pytest

from tabgan import Categorical, Schema, TabGAN
from tabgan.errors import ConfigError
from tabgan.table.draft import draft_schema

HOSTILE = "<script>alert(1)</script>"
SECRET = "Zanzibar-4711"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.integers(20, 80, 600), HOSTILE: rng.choice(["a", "b"], 600)})
    table.loc[0, HOSTILE] = SECRET
    return table


@pytest.fixture(scope="module")
def model(table) -> TabGAN:
    return TabGAN(epsilon=4.0, random_state=0).fit(table, progress=False)


def test_before_a_fit():
    made = TabGAN(epsilon=2.0)._repr_html_()
    assert "epsilon=2.0" in made
    assert "Not fitted yet" in made


def test_after_one(model):
    bundle = model._repr_mimebundle_()
    made = bundle["text/html"]
    assert bundle["text/plain"] == repr(model)
    assert "epsilon 4, delta 1e-06, for one row" in made
    assert "<script" not in made
    assert "&lt;script" in made
    assert SECRET not in made
    assert SECRET not in model.privacy_._repr_html_() + model.schema_._repr_html_()


def test_what_was_loaded_and_what_has_no_privacy_say_so(model, table, tmp_path):
    model.save(tmp_path / "m.tabgan")
    assert "the file is not signed" in TabGAN.load(tmp_path / "m.tabgan")._repr_html_()
    off = TabGAN(epsilon=None, adversary_share=0.0, random_state=0).fit(table)
    assert "No privacy guarantee" in off._repr_html_()


class TestSchema:
    def test_labels_that_were_read_off_rows_are_marked(self, table):
        drafted = draft_schema(table, with_domain=True)
        made = drafted._repr_html_()
        assert made.count("READ OFF PRIVATE ROWS") >= 3  # above the table, and beside each field
        assert "READ OFF" not in drafted.confirmed()._repr_html_()
        assert "<script" not in made

    def test_a_declared_one(self):
        many = Schema([Categorical(name="c", categories=tuple(f"v{i}" for i in range(40)))], target="c")
        made = many._repr_html_()
        assert "categorical · target" in made
        assert "… 40 in all" in made
        assert "partly open" in Schema([Categorical(name="c")])._repr_html_()


class TestFrac:
    def test_is_a_part_of_the_released_number(self, model):
        assert len(model.sample(frac=0.1)) == round(0.1 * model.n_rows_)
        assert len(model.sample(frac=1)) == round(model.n_rows_)
        assert len(model.sample(frac=0)) == 0

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({}, "n: expected a number of rows"),
            ({"n": 3, "frac": 0.1}, "frac: expected n or frac, got both"),
            ({"frac": -0.1}, "frac: expected a number in"),
            ({"frac": float("nan")}, "frac: expected a number in"),
            ({"frac": "half"}, "frac: expected a number in"),
            ({"n": -1}, "n: expected an integer of at least 0"),
        ],
    )
    def test_wrong_ones(self, model, arguments, said):
        with pytest.raises(ConfigError, match=said):
            model.sample(**arguments)


def test_a_wrong_progress_is_refused_before_anything_is_spent(table, tmp_path):
    with pytest.raises(ConfigError, match="progress"):
        TabGAN(epsilon=1.0).fit(table, progress="loud", ledger=tmp_path / "l")
    assert not (tmp_path / "l").exists()
