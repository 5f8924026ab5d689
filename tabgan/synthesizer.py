"""``TabGAN``: the fit/sample interface. Wiring only; every step has its own module."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np
import pandas as pd

from tabgan._util import validate
from tabgan._util.estimator import Estimator
from tabgan._util.progress import Listener, Progress, check_progress, told
from tabgan._util.renamed import renamed_arguments, warn_of_old_name, warn_of_unused
from tabgan._util.rng import RandomStreams
from tabgan._util.tensors import resolve_device
from tabgan._util.validate import true_or_false
from tabgan.assessment.assessormixin import OLD_NAMES, AssessorMixin
from tabgan.drawing.mixin import SamplerMixin
from tabgan.errors import (
    BudgetExceededError,
    ConfigError,
    ModelFileError,
)
from tabgan.fitting.checkpoint import folder_of
from tabgan.fitting.measured import marginals_frame
from tabgan.fitting.modelfile import Fitted, read_model, stated_form, write_model
from tabgan.fitting.modelview import UNSIGNED, NotebookMixin
from tabgan.fitting.session import FitOptions, Request, Session, say_what_is_spent, warn_of_weak_promise
from tabgan.io import AnswerForm, for_fit, open_table
from tabgan.io.answers import AnyTable, ArrowTable, TableT
from tabgan.io.opening import says_unspent
from tabgan.planning.plannermixin import PlannerMixin
from tabgan.privacy.filter import UNTOLD_PLACE
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.privacy.plan import check_budget, make_plan, make_private_metrics_plan
from tabgan.privacy.released import check_declared_rows
from tabgan.privacy.unit import ROW, PrivacyUnit
from tabgan.rules.judging import check_together
from tabgan.schema import Schema
from tabgan.table.checks import warn_if_synthetic
from tabgan.table.headings import Headings, as_named
from tabgan.table.losses import say
from tabgan.table.persons import say_persons
from tabgan.table.reduction import Reduction

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

logger = logging.getLogger(__name__)

#: Attributes that a fit sets, and the next one removes first.
FITTED_ATTRIBUTES = ("_fitted", "_times_sampled", "schema_", "privacy_", "n_rows_", "losses_")


class TabGAN(NotebookMixin, PlannerMixin, AssessorMixin, SamplerMixin[TableT], Estimator):
    """A differentially private synthesizer for tables.

    ``fit`` measures noisy marginals of the table and fits a generator to them; where the schema declares targets, a
    discriminator of each, the critic, trained by DP-SGD, corrects its conditional. All of it together is
    ``(epsilon, delta)``-differentially private for adding or removing one row, or one entity where the schema names
    one; ``privacy_`` lists every release. Sampling costs nothing more.

    **Guarantee.** Public: the column names, their order and dtypes, everything that ``schema`` declares, and the
    arguments below. ``random_state`` governs everything except the privacy noise, which comes from the operating
    system, so two private fits with the same ``random_state`` differ.

    Args:
        epsilon: The privacy loss of the whole fit, above 0. ``None`` switches privacy off.
        delta: The probability with which the loss may exceed it, in (0, 1); less than one over the number of rows.
        schema: The public facts about the table; columns that it omits or leaves partly open are completed privately.
        adversary_share: Part of the budget (of mu**2, see :mod:`tabgan.privacy.plan`) that trains the
            discriminators of declared targets, in equal parts, in [0, 1); 0 omits them, ``None`` is a fifth. With
            ``epsilon=None`` it only switches them on or off.
        steps: No longer used, and removed in the next version: the generator takes no steps of its own.
        batch_size: No longer used, as ``steps``.
        device: ``"auto"`` (a GPU if there is one), ``"cpu"`` or ``"cuda"``.
        random_state: ``None`` or a non-negative integer.

    Attributes:
        schema_ (Schema): The completed schema.
        privacy_ (PrivacyStatement): Every release with its cost. A private fit that fails leaves no model, but
            keeps this statement if it has charged anything: the budget is spent.
        plan_ (Plan): The split of the budget, made before the table was read.
        n_rows_ (float): Noisy number of rows.
        losses_ (tuple[Loss, ...]): Values that no sample shows, such as categories that were not released. Those of
            the targets come first.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> df = pd.DataFrame({"age": rng.integers(18, 90, 2000), "smoker": rng.random(2000) < 0.3})
    >>> model = TabGAN(epsilon=1.0, random_state=0).fit(df)
    >>> model.sample(3).dtypes.astype(str).to_dict()
    {'age': 'int64', 'smoker': 'bool'}
    """

    def __init__(
        self,
        epsilon: float | None = 1.0,
        delta: float = 1e-6,
        *,
        schema: Schema | None = None,
        adversary_share: float | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.schema = schema
        self.adversary_share = adversary_share
        self.steps = steps
        self.batch_size = batch_size
        self.device = device
        self.random_state = random_state

    def check_params(self) -> None:
        """Check every argument, as ``fit`` does first. Reads no table.

        Raises:
            ConfigError: an argument is out of its range; the schema's number of rows is too small for them; or its
                target is computed by a rule.
        """
        check_budget(self.epsilon, self.delta, self.adversary_share)
        if self.schema is not None and not isinstance(self.schema, Schema):
            raise ConfigError(f"schema: expected a tabgan.Schema, got {validate.shown(self.schema)}.")
        for name in ("steps", "batch_size"):
            if getattr(self, name) is not None:
                warn_of_unused(name)
        if self.schema is not None:
            check_together(self.schema.rules, {}, self.schema.targets)
        resolve_device(self.device)
        RandomStreams(self.random_state)
        if self.schema is not None and self.schema.n_rows is not None:
            self._request((), untyped_text=False)

    @overload
    def fit(
        self, df: pl.DataFrame | pl.LazyFrame, y: None = None, **options: Unpack[FitOptions]
    ) -> TabGAN[pl.DataFrame]: ...

    @overload
    def fit(self, df: ArrowTable, y: None = None, **options: Unpack[FitOptions]) -> TabGAN[pa.Table]: ...

    @overload
    def fit(self, df: object, y: None = None, **options: Unpack[FitOptions]) -> TabGAN[pd.DataFrame]: ...

    @renamed_arguments(reads_text="untyped_text", part_of="source_table")
    def fit(
        self,
        df: object,
        y: None = None,
        *,
        progress: Progress | bool | None = None,
        untyped_text: bool = False,
        ledger: LedgerConfig | str | Path | None = None,
        checkpoint: str | Path | None = None,
        source_table: object = None,
        keep_index: bool = False,
    ) -> TabGAN[AnyTable]:
        """Fit the model to a table.

        Args:
            df: The private table: a pandas frame, or anything that :func:`tabgan.open_table` opens, such as a Polars
                frame, an Arrow table, the path of a file or a folder. Databases need its ``query`` or ``table``. A
                large one, which may be larger than the memory, is read once and copied into a private folder, where the
                system keeps temporary files (``TMPDIR``); the folder is removed at the end.
            y: Ignored; for scikit-learn's pipelines.
            progress: Called as ``progress(stage, done, total)``; by default bars on a terminal or in a notebook, which
                ``False`` turns off. While a table in parts is read, or gone through again, numbers are those of rows,
                rounded because they are private; ``total`` is 0 where nobody knows it.
            untyped_text: True if a frame was read from a CSV as text: plain numerals, ``True`` and ``False``, and
                durations in a column of text then stand for values. ``False`` leaves them as text. Either way dates and
                written numbers such as ``$1.00`` are found.
            ledger: The dataset's ledger, or its path: every fit on the dataset adds to it, and a fit that would exceed
                its cap is refused before a row is read. ``None`` accounts for this fit alone.
            checkpoint: A folder from which an interrupted fit resumes when ``fit`` is called again with the same
                arguments and table. A finished one returns the same model again and spends nothing; remove it for a new
                fit. Only its owner can read it. Without ``ledger`` it keeps its own: resuming from two copies of it
                then spends twice.
            source_table: The table that ``df`` was taken from, if rows were held out: the ledger is that table's.
            keep_index: True to model the levels of a frame's index as columns of their names; samples have them
                as their index. ``False`` leaves the index out.

        Returns:
            The fitted model itself.

        Raises:
            ConfigError: an argument is out of its range; raised before the table is read.
            SchemaError, DataError: the table cannot be modelled, or the schema does not fit it.
            SourceError: the table cannot be reached, or read to its end; raised before anything is spent.
            LedgerError, CheckpointError: ledger or checkpoint is damaged, or belongs to another table or fit; nothing
                is charged.
            BudgetExceededError: the ledger's cap would be exceeded; raised before a row is read.
            PrivacyError: continuing would break the promise.

        An error after the first charge states the spending. The results of an earlier fit are removed once this one's
        arguments have been checked.
        """
        del y
        self.check_params()
        check_progress(progress)
        source, headings = None, None
        if isinstance(df, pd.DataFrame):
            headings = Headings.of(df, keep_index=true_or_false("keep_index", keep_index))
            frame, source_table = as_named(df, headings), as_named(source_table, headings)
            df, names = frame, frame.columns
        else:
            self._request((), untyped_text)  # wrong arguments are refused before a source is opened
            with says_unspent():
                source = open_table(df, schema=self.schema)
            names, untyped_text = source.header.columns, untyped_text or source.untyped_text
        request = self._request(names, untyped_text)
        session = Session(request, LedgerConfig.of(ledger), folder_of(checkpoint))
        for name in FITTED_ATTRIBUTES:
            self.__dict__.pop(name, None)
        self.plan_ = request.plan
        warn_of_weak_promise(request)
        warn_if_synthetic(df if source is None else source.header)
        if not request.plan.is_private:
            logger.warning(
                "epsilon=None: this fit gives no privacy guarantee; its model must not be shared as private."
            )
        from tabgan.fitting.fit import learn  # who only samples waits for none of what a fit needs

        try:
            with told(progress) as tell:
                tell = Listener.of(tell)
                read = partial(for_fit, schema=request.schema, untyped_text=untyped_text, progress=tell)
                with read(df if source is None else source) as table, read(source_table) as whole:
                    session.begin(table, whole)
                    fitted = learn(table, session, tell)
        except BaseException as error:  # any error or interrupt: all charges stay spent
            session.fail(error)
            if session.privacy_filter.is_private and session.privacy_filter.charged:
                self.privacy_ = session.privacy_filter.statement()
                say_what_is_spent(error, self.privacy_)
            raise
        if source is not None:
            fitted = replace(fitted, csv=stated_form(source.form), answer=source.answer)
        elif headings is not None:
            fitted = replace(fitted, answer=AnswerForm(headings=headings))
        self._set_fitted(fitted)
        say(self.losses_, self.schema_.targets)
        say_persons(fitted.shown_persons)
        return self

    def _request(self, columns: Iterable[str], untyped_text: bool) -> Request:
        """Return the arguments of a fit to a table with these columns.

        Raises:
            ConfigError: the number of rows that the schema declares is too small for them.
        """
        declared = self.schema if self.schema is not None else Schema()
        declared.check_confirmed()
        reduction = Reduction.of(declared, list(columns))
        columns, schema = reduction.inner_names, reduction.inner  # what is modelled in the table's place
        is_private = self.epsilon is not None
        plan = make_plan(
            self.epsilon,
            self.delta,
            has_discovery=not schema.is_complete
            or any(name not in schema for name in columns)
            or any(column.may_repeat_values for column in schema),
            adversary_share=self.adversary_share,
            n_targets=len(schema.targets),
            n_rows=schema.n_rows,
            unit=PrivacyUnit.of_schema(schema) if is_private else ROW,
            untyped_text=untyped_text,
        )
        check_declared_rows(schema, columns, plan)
        return Request(plan, declared, resolve_device(self.device), self.random_state, untyped_text)

    def check_schema(self, columns: Iterable[str]) -> None:
        """Raise if no fit with these arguments to a table with these columns can begin. Reads no table.

        Args:
            columns: Names of the table's columns.

        Raises:
            ConfigError: an argument is out of its range; or the schema's number of rows is too small.
            SchemaError: the schema is a draft whose values nobody has confirmed.
        """
        self.check_params()
        self._request(columns, untyped_text=False)

    @renamed_arguments(**OLD_NAMES)
    def check_cap(
        self, ledger: LedgerConfig | str | Path, *, private_metrics_epsilon: float | None = None
    ) -> None:
        """Raise if a ledger's cap refuses a fit with these arguments to any table of the dataset.

        Args:
            ledger: The dataset's ledger, or its path.
            private_metrics_epsilon: Epsilon of private metrics after the fit, see :meth:`evaluate`; both must fit.

        Raises:
            ConfigError, LedgerError, BudgetExceededError: see :meth:`fit`; the check needs no table.
        """
        self.check_params()
        # A table may have columns that the schema lacks, and then has another plan.
        try:
            Session(self._request((), untyped_text=False), LedgerConfig.of(ledger), None)
        except BudgetExceededError:
            Session(self._request(("undeclared",), untyped_text=False), LedgerConfig.of(ledger), None)
        config = LedgerConfig.of(ledger)
        if private_metrics_epsilon is not None and config is not None:
            plan = self._request((), untyped_text=False).plan
            later = make_private_metrics_plan(private_metrics_epsilon, self.delta, plan.unit)
            LedgerFile(config.path).check_cap(plan, config, later)

    @renamed_arguments(**OLD_NAMES)
    def check_room(
        self, ledger: LedgerConfig | str | Path, *, private_metrics_epsilon: float | None = None
    ) -> None:
        """Call :meth:`check_cap`, the new name of this method."""
        warn_of_old_name("check_room", "check_cap")
        self.check_cap(ledger, private_metrics_epsilon=private_metrics_epsilon)

    def _set_fitted(self, fitted: Fitted) -> None:
        self._fitted = fitted
        self.schema_ = fitted.encoder.schema
        self.privacy_ = fitted.privacy
        self.n_rows_ = fitted.n_rows
        self.losses_ = fitted.losses

    def marginals(self) -> pd.DataFrame:
        """Return the noisy counts that the fit released, of columns and of pairs, as a tidy table.

        **Guarantee.** Post-processing: they are covered by ``privacy_``, and cost nothing more.

        Returns:
            A row for each count: ``column_1`` and ``value_1``, of pairs ``column_2`` and ``value_2`` too, ``count`` as
            it was released, which may be negative, ``noise_stddev``, the standard deviation of its noise, and
            ``release``, its name in ``privacy_.entries``. A value that is ``None`` stands for missing cells.

        Raises:
            NotFittedError: ``fit`` was not called.
            PrivacyError: the fit was not private.
        """
        fitted = self._check_fitted()
        return marginals_frame(fitted.marginals, fitted.encoder, fitted.privacy)

    def save(self, path: str | Path, *, with_place: bool = True) -> None:
        """Write the model to one file: safetensors, with everything else as JSON in its header.

        It holds the generator and its critics, the schema, released counts and the privacy statement; no row, no
        code. The file appears under its name only when it is complete.

        Args:
            path: Path of the file.
            with_place: Flag: keep the fit's place in its dataset's ledger, by which private metrics find it. ``False``
                for a file that leaves the organisation: the line's hash covers a digest of the table, which is keyed
                but not noised.

        Raises:
            NotFittedError: ``fit`` was not called.
            ConfigError: the folder cannot be written.
            StorageError: the disk is full.
        """
        fitted = self._check_fitted()
        if not with_place and fitted.privacy.place is not None:
            fitted = replace(fitted, privacy=replace(fitted.privacy, place=UNTOLD_PLACE))
        given = self.get_params(deep=False).items()
        params = {k: v.item() if isinstance(v, np.generic) else v for k, v in given if k != "schema"}
        write_model(Path(path), fitted, params)

    @classmethod
    def load(cls, path: str | Path, *, device: str = "auto") -> TabGAN:
        """Return a model that :meth:`save` wrote; it samples the same rows for the same ``random_state``.

        The file is not signed. Its privacy statement is recomputed and checked against schema and arguments, so it is
        consistent; no check here can show that it is true. Load models only from people you trust.

        Raises:
            ModelFileError: the file is damaged, incomplete, inconsistent or not written by tabgan; nothing in it is
                ever run.
        """
        fitted, params = read_model(Path(path), resolve_device(device))
        if set(params) | {"device", "schema"} != set(cls().get_params(deep=False)):
            raise ModelFileError(
                f"model file: the arguments in {str(path)!r} are not those of this version. "
                "Load it with the tabgan that wrote it."
            )
        arguments: dict[str, Any] = {**params, "device": device}
        model = cls(**arguments)
        try:
            model.check_params()
        except ConfigError as error:
            raise ModelFileError(
                f"model file: {str(path)!r} contradicts itself: its arguments are not those of a fit ({error})"
            ) from None
        model._set_fitted(fitted)
        return model

    def __repr__(self) -> str:
        is_loaded = hasattr(self, "_fitted") and not hasattr(self, "plan_")
        return f"{super().__repr__()}{f'  # loaded: {UNSIGNED}' if is_loaded else ''}"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_fitted")
