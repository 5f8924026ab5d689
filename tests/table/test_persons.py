"""Values of persons that samples show are said, by the names of their columns."""

import json
import logging

import numpy as np
import pandas as pd
import pytest

from tabgan import TabGAN
from tabgan.bundle.assembly import assemble
from tabgan.bundle.verification import verify
from tabgan.schema import Categorical, Identifier, Numeric, Pii, Schema
from tabgan.table.coded import code_column
from tabgan.table.codes import TableEncoder
from tabgan.table.persons import Shown, shown_persons

N = 1_000.0


def text(name, n=2):
    column = Categorical(name=name, categories=tuple(f"v{i}" for i in range(n)), dtype="object")
    return code_column(column.encoder(), np.array([0.0, *[N / n] * n, np.nan]), 10.0, N, 8, 8, 1.0)


def shown(*columns, declared=None):
    schema = Schema([column.encoder.column for column in columns])
    return shown_persons(declared or Schema(), TableEncoder(schema, columns))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("iban", "{kind: pii, provider: iban}"),
        ("E-Mail", "{kind: pii, provider: email}"),
        ("customer_name", "{kind: pii, provider: name}"),
        ("card_number", "{kind: identifier}"),
        ("Versichertennummer", "{kind: identifier}"),
    ],
)
def test_values_of_persons_by_the_name_of_their_column(name, line):
    assert shown(text(name), text("town")) == (Shown(name, 2, line),)
    assert Schema.from_yaml(f"columns:\n  {name}: {line}")[name].is_made_up or line == "{kind: identifier}"


@pytest.mark.parametrize("name", ["town", "name", "brand_name", "room_id", "emailed", "id"])
def test_other_names_say_nothing(name):
    assert shown(text(name)) == ()


def test_frequent_numbers_are_values_too():
    column = Numeric(name="phone", dtype="Int64", decimals=0, bounds=(0, 10**6))
    encoder = column.lattice_encoder(np.array([0, 10, 11, 10**6 + 1]))
    coded = code_column(encoder, np.array([0.0, 300, 400, 300]), 10.0, N, 8, 8, 1.0)
    assert shown(coded) == ()
    encoder.exact = np.array([np.nan, 10.0, np.nan])
    assert [each.n_values for each in shown(coded)] == [1]


def test_what_is_declared_is_public_and_entities_have_no_frequent_value():
    own = Schema([Categorical(name="iban", categories=("v0", "v1"))])
    assert shown(text("iban"), declared=own) == ()
    assert shown(text("iban"), declared=Schema([Categorical(name="iban")])) != ()
    entity = Schema([Identifier(name="person")], None, "person", 2)
    assert shown(text("iban"), declared=entity) == ()


@pytest.mark.family
def test_a_fit_says_so(caplog, tmp_path):
    rows = 4_000
    df = pd.DataFrame({"iban": [f"DE{i % 3}" for i in range(rows)], "x": np.arange(rows) % 5})
    with caplog.at_level(logging.WARNING, logger="tabgan"):
        model = TabGAN(epsilon=3.0).fit(df)
    (said,) = [record.getMessage() for record in caplog.records if "person" in record.getMessage()]
    assert "iban: 3 values. Declare iban: {kind: pii, provider: iban}" in said
    model.save(tmp_path / "m.tabgan")
    for each in (model, TabGAN.load(tmp_path / "m.tabgan")):  # the declared schema is not in the file
        report = each.shareable_report()
        (finding,) = [each for each in report.data.findings if each.subject == "Persons"]
        assert (finding.status, finding.columns) == ("attention", ("iban",))
        assert "3 values of a column for which a schema would say {kind: pii, provider: iban}" in finding.text
        assert finding.brief.startswith(
            "Synthetic rows show 3 values that by the name of the column are of one"
        )
        assert "| iban | 3 |" in report.to_markdown(tmp_path / "card.md").read_text()
    assemble(model, tmp_path / "release", title="people", pdf=False)
    statement = json.loads((tmp_path / "release" / "dp-statement.json").read_text())
    assert "behind the values of iban" in statement["not_covered"][-1]
    assert (
        "behind the values of iban" in (tmp_path / "release" / "de-identification-statement.md").read_text()
    )
    assert verify(tmp_path / "release").problems == ()
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="tabgan"):
        TabGAN(epsilon=3.0, schema=Schema([Pii(name="iban", provider="iban")])).fit(df)
    assert not [record for record in caplog.records if "person" in record.getMessage()]
