"""Personal data that is made up: one person a row."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from tabgan import Boolean, Identifier, Numeric, Pii, Schema, TabGAN
from tabgan.columns.filling import Filling
from tabgan.errors import ConfigError, SchemaError
from tabgan.table.checks import check_table


def made(
    locale="de_DE", n=40, seed=1, providers=("name", "first_name", "last_name", "user_name", "email"), **spec
):
    filling = Filling(seed)
    table = pd.DataFrame(index=range(n))
    columns = {p: Pii(name=p, provider=p, locale=locale, **spec) for p in providers}
    return pd.DataFrame({name: column.fill(table, filling) for name, column in columns.items()})


class TestOnePersonARow:
    @pytest.mark.family
    def test_name_user_name_and_address_fit(self):
        people = made()
        assert (people["name"] == people["first_name"] + " " + people["last_name"]).all()
        assert people["user_name"].is_unique
        assert people["user_name"].str.fullmatch(r"[a-z]+\.[a-z]+[0-9]*").all()
        is_fit = [
            mail.startswith(f"{user}@example.") for mail, user in people[["email", "user_name"]].to_numpy()
        ]
        assert all(is_fit)

    @pytest.mark.family
    def test_the_family_name_comes_first_in_some_countries(self):
        people = made("hu_HU", 3)
        assert (people["name"] == people["last_name"] + " " + people["first_name"]).all()

    def test_a_postcode_fits_its_state_where_faker_knows(self):
        from faker.providers.address.en_US import Provider

        places = made("en_US", 30, providers=("state_abbr", "postcode"))
        for state, code in places.to_numpy():
            low, high = Provider.states_postcode[state]
            assert low <= int(code) <= high

    def test_first_names_follow_a_column(self):
        filling = Filling(1, follows="sex")
        table = pd.DataFrame({"sex": ["Female", "m", None] * 20})
        names = Pii(name="a", provider="first_name", locale="en_US").fill(table, filling)
        from faker.providers.person.en_US import Provider

        assert set(names[0::3]) <= set(Provider.first_names_female)
        assert set(names[1::3]) <= set(Provider.first_names_male)

    def test_the_seed_decides_and_not_how_a_sample_is_cut(self):
        whole, again, other = made(), made(), made(seed=2)
        pd.testing.assert_frame_equal(whole, again)
        assert not whole["name"].equals(other["name"])
        filling, column = Filling(1), Pii(name="name", provider="name", locale="de_DE")
        parts = []
        for n in (0, 7, 0, 33):
            parts.append(column.fill(pd.DataFrame(index=range(n)), filling))
            filling.first_row += n
        assert pd.concat(parts).tolist() == whole["name"].tolist()


def test_missing_cells():
    declared = Pii(name="a", provider="city", missing=0.5)
    cells = declared.fill(pd.DataFrame(index=range(200)), Filling(1))
    assert 60 < cells.isna().sum() < 140
    assert declared.is_generated(cells).all()
    modelled = Pii(name="a", provider="city", nullable=True)
    cells = modelled.fill(pd.DataFrame({"a": ["x", None]}), Filling(1))
    assert cells.isna().tolist() == [False, True]
    assert cells[0] != "x"
    assert modelled.encoder().transform(pd.Series(["Ulm", None])).tolist() == [1, 0]


def test_nothing_is_read_of_it():
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "id": range(400),
            "mail": ["secret@host.de"] * 400,
            "x": rng.integers(0, 5, 400),
            "sex": rng.random(400) < 0.5,
        }
    )
    columns = [Identifier(name="id"), Pii(name="mail", provider="email"), Boolean(name="sex")]
    model = TabGAN(
        epsilon=3.0, schema=Schema([*columns, Numeric(name="x", bounds=(0, 4), decimals=0)]), random_state=0
    ).fit(df)
    assert "mail" not in {name for entry in model.privacy_.entries for name in entry.columns}
    sample = model.sample(30)
    assert sample["mail"].str.contains("@example.").all()
    assert sample["mail"].is_unique


class TestRefused:
    @pytest.mark.parametrize(
        ("spec", "said"),
        [
            ({"provider": "e-mail"}, "provider: expected one of .*Did you mean 'email'"),
            ({}, "provider: "),
            (
                {"provider": "city", "locale": "german"},
                "locale: expected a language and a country such as 'de_DE'",
            ),
            ({"provider": "city", "missing": 0.5, "nullable": True}, "missing: needs no key nullable"),
        ],
    )
    def test_declarations(self, spec, said):
        with pytest.raises(SchemaError, match=f"Column 'a': {said}"):
            Pii(name="a", **spec)

    @pytest.mark.parametrize(
        ("spec", "said"),
        [
            ({"provider": "city", "locale": "xx_XX"}, "locale: Faker does not know 'xx_XX'"),
            (
                {"provider": "state_abbr", "locale": "de_DE"},
                "provider: Faker has no 'state_abbr' for the locale 'de_DE'",
            ),
            ({"provider": "city", "dtype": "int64"}, "dtype int64 cannot hold what is declared as pii"),
            ({"provider": "name", "follows": "sexx"}, "follows: no column 'sexx'. Did you mean 'sex'"),
        ],
    )
    def test_before_a_fit(self, spec, said):
        df = pd.DataFrame({"a": ["x"] * 3, "sex": ["f"] * 3})
        with pytest.raises(SchemaError, match=f"Column 'a': {said}"):
            check_table(df, Schema([Pii(name="a", **spec)]))

    def test_two_columns_that_are_followed(self):
        columns = [Pii(name=name, provider="name", follows=f"sex of {name}") for name in "ab"]
        with pytest.raises(SchemaError, match="follows: expected one column that all follow"):
            Schema(columns)

    def test_a_generated_column_that_is_followed(self):
        with pytest.raises(SchemaError, match="follows: column 'key' is generated"):
            Schema([Pii(name="a", provider="name", follows="key"), Identifier(name="key")])

    def test_without_faker(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "faker", None)
        with pytest.raises(ConfigError, match=r'needs the package Faker.*pip install "tabgan-dp\[people\]"'):
            Pii(name="a", provider="name", dtype="object").check_output()
