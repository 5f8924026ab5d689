"""A model that nobody fitted: twenty columns of all kinds that depend on each other by weights drawn at random."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tabgan.columns.categorical import CategoricalEncoder
from tabgan.columns.datetime import DatetimeEncoder
from tabgan.columns.duration import DurationEncoder
from tabgan.columns.numeric import NumericEncoder
from tabgan.drawing.mixin import SamplerMixin
from tabgan.fitting.modelfile import Fitted
from tabgan.model.generator import Generator
from tabgan.privacy.filter import PrivacyStatement
from tabgan.schema import Boolean, Categorical, Datetime, Duration, Identifier, Numeric, Schema
from tabgan.table.calendar import CycleEncoder, cycles_of
from tabgan.table.coded import code_column, code_cycle
from tabgan.table.codes import TableEncoder

N_ROWS = 10_000


class Model(SamplerMixin):
    def __init__(self, fitted, random_state=0):
        self._fitted, self.random_state = fitted, random_state


def _counts(rng, encoder, missing=0.1):
    """Return released counts of a column's cells, as those of ``N_ROWS`` rows."""
    values = rng.dirichlet(np.full(encoder.n_values, 2.0)) * N_ROWS * (1 - missing * encoder.is_nullable)
    counts = np.concatenate([[N_ROWS * missing * encoder.is_nullable], values])
    return np.append(counts, np.nan) if encoder.has_other else counts


def _columns():
    """Return the schema and the encoders of the modelled columns, in the order in which they are drawn."""

    def listed(name, *values, **options):
        column = Categorical(name=name, dtype="object", categories=values, **options)
        return CategoricalEncoder(column, "object")

    def moment(name, kind=DatetimeEncoder, n_cells=None, dtype="datetime64[ns]", **options):
        column = {DatetimeEncoder: Datetime, DurationEncoder: Duration}[kind](
            name=name, dtype=dtype, **options
        )
        low, high = column.declared_range()
        return kind(column, dtype, np.linspace(low, high + 1, (n_cells or high + 1 - low) + 1).astype(int))

    def number(name, edges, dtype="float64", **options):
        bounds = (0.0, (edges[-1] - 1) / 10 ** options["decimals"])
        return NumericEncoder(
            Numeric(name=name, dtype=dtype, bounds=bounds, **options), dtype, np.array(edges)
        )

    income = number("income", range(0, 10_001, 250), decimals=0)
    price = number("price", [0, 500, 1_000, 1_200, 1_300, *range(1_500, 5_000, 500), 5_001], decimals=2)
    price.exact = np.full(price.n_values, np.nan)
    price.exact[3] = 12.5
    encoders = [
        moment("seen", n_cells=39, bounds=("2020-01-01", "2020-12-31T23:59"), resolution="second"),
        number("age", range(101), "Int64", decimals=0),
        listed("sex", "f", "m", "x", nullable=False, unreleased="redistribute"),
        income.emphasising(np.array([1.0, 5.0, 2.0, 30.0, 9.0, 99.0, 1.0, 1.0])[: len(income.steps)]),
        listed("town", "a", "b", "c", "d", unreleased="other"),
        listed("plan", "basic", "plus", "pro", "max", ordered=True, unknown="error"),
        moment(
            "stay", DurationEncoder, 18, "timedelta64[ns]", bounds=("0 days", "36 hours"), resolution="minute"
        ),
        CategoricalEncoder(Boolean(name="in", dtype="bool"), "bool"),
        listed("job", "p", "q", "r", unreleased="missing"),
        moment("day", bounds=("2021-01-01", "2021-03-31"), resolution="day"),
        price,
        *(listed(f"c{i}", "u", "v", "w", nullable=False, unknown="error") for i in range(9)),
    ]
    return Schema([Identifier(name="key"), *(encoder.column for encoder in encoders)]), encoders


@pytest.fixture(scope="session")
def model():
    rng = np.random.default_rng(4)
    schema, encoders = _columns()
    coded = []
    for encoder in encoders:
        counts = _counts(rng, encoder)
        n_rows = N_ROWS * (1.25 if encoder.has_other else 1.0)
        column = code_column(encoder, counts, 0.0, n_rows, 12, 64, 1.0)
        coded.append(column)
        for cycle in cycles_of(encoder):
            part = CycleEncoder(encoder, cycle)
            of_cycle = rng.dirichlet(np.full(part.n_values, 2.0)) * N_ROWS
            coded.append(code_cycle(part, column, np.concatenate([[0.0], of_cycle]), 0.0, N_ROWS, 12))
    encoder = TableEncoder(schema, coded)
    generator = Generator(encoder.sizes)
    width = sum(encoder.sizes)
    torch_rng = torch.Generator().manual_seed(3)
    with torch.no_grad():
        generator.direct.copy_(0.35 * torch.randn(width, width, generator=torch_rng))
        for position, column in enumerate(encoder.columns):
            start = encoder.offsets[position]
            shares = column.code_weights / max(column.code_weights.sum(), 1.0)
            generator.bias[start : start + column.width] = torch.as_tensor(np.log(np.maximum(shares, 1e-9)))
        for (moment, cycle), lift in encoder.calendar_lifts().items():
            rows = slice(encoder.offsets[moment], encoder.offsets[moment + 1])
            generator.direct[rows, encoder.offsets[cycle] : encoder.offsets[cycle + 1]] = torch.as_tensor(
                lift
            ).float()
    privacy = PrivacyStatement(False, None, None, None, 0.0)
    return Model(Fitted(encoder, generator, privacy, float(N_ROWS)))


@pytest.fixture(scope="session")
def free(model):
    """Return many rows without conditions."""
    return model.sample(60_000, random_state=1)
