"""The part of the synthesizer that plans a fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tabgan._util import validate
from tabgan.errors import ConfigError
from tabgan.io import open_table
from tabgan.privacy.plan import check_budget
from tabgan.schema import Schema
from tabgan.table.checks import check_columns
from tabgan.table.headers import PublicHeader

if TYPE_CHECKING:
    from tabgan.fitting.session import Request
    from tabgan.planning.fitplan import FitPlan


class PlannerMixin:
    """The method of a synthesizer that predicts the results of a fit before it runs."""

    if TYPE_CHECKING:
        epsilon: float | None
        delta: float
        schema: Schema | None
        adversary_share: float | None

        def __init__(self, **arguments: Any) -> None: ...

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...

        def _request(self, columns: Iterable[str], untyped_text: bool) -> Request: ...

    def plan(
        self,
        source: object = None,
        n_rows: int | None = None,
        *,
        untyped_text: bool = False,
        is_brief: bool = False,
    ) -> FitPlan:
        """Return the expectation of a fit: noise of each release, lost categories, errors of tables, time and memory.

        **Guarantee.** Reads no row, and costs nothing: it follows from names and dtypes of the columns, the schema, the
        number of rows that is declared here, and the arguments of the model. See ``docs/plan.md``.

        Args:
            source: A schema, whose columns are then all that the table has; or a pandas frame, or anything that
                :func:`tabgan.open_table` opens, of which names and dtypes are read. By default the model's schema.
            n_rows: About how many rows the table has: a public, nominal number, never one that was counted on the
                table. By default that of the schema.
            untyped_text: As in :meth:`fit`.
            is_brief: True to leave out the curve over epsilon, and the changes that would help.

        Raises:
            ConfigError: an argument is out of its range, or there is no number of rows.
            PlanError: the fit is hopeless; the message says what would help.
            SchemaError: the schema does not fit the columns.
        """
        from tabgan.planning.planner import plan_fit

        share = check_budget(self.epsilon, self.delta, self.adversary_share, n_targets=1)[2]
        if self.epsilon is None:
            raise ConfigError(
                "plan: expected an epsilon, got None: a fit without privacy adds no noise. Set epsilon."
            )
        schema = source if isinstance(source, Schema) else self.schema or Schema()
        n_rows = schema.n_rows if n_rows is None else n_rows
        if n_rows is None:
            raise ConfigError(
                "plan: n_rows: expected a number of rows, which is never counted here. Give the nominal one, or "
                "declare n_rows in the schema."
            )
        n_rows = validate.integer_at_least("n_rows", n_rows, 1)
        header, is_text = _header(source, schema)
        untyped_text = untyped_text or is_text
        check_columns(schema, header.names)

        def request_of(declared: Schema, names: Sequence[str], epsilon: float) -> Request:
            arguments = self.get_params() | {"epsilon": epsilon, "schema": declared}
            return type(self)(**arguments)._request(names, untyped_text)

        return plan_fit(
            request_of,
            header,
            schema,
            n_rows,
            self.epsilon,
            untyped_text=untyped_text,
            adversary_share=share,
            is_brief=is_brief,
        )


def _header(source: object, schema: Schema) -> tuple[PublicHeader, bool]:
    """Return a source's header, and true if text may stand for numbers: a schema alone is planned for as a CSV."""
    if source is None or isinstance(source, Schema):
        if not schema.names:
            raise ConfigError("plan: expected a schema with columns, or a source. Give one.")
        unknown = next((target for target in schema.targets if target not in schema.names), None)
        if unknown is not None:
            raise schema.error(
                f"target: {unknown!r} is none of the schema's columns, and a plan without a table knows no others. "
                "Declare it, or give the table too: tabgan plan TABLE --schema SCHEMA (in Python: plan(table, n_rows))."
            )
        return PublicHeader.of_schema(schema), True
    opened = open_table(source, schema=schema)
    return PublicHeader.of_table(opened.header), opened.untyped_text
