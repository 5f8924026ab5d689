"""The sampling half of a synthesizer: its rows, with or without conditions."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import pandas as pd

from tabgan._util import validate
from tabgan._util.rng import RandomStreams
from tabgan.drawing.rows import RowSource
from tabgan.errors import ConfigError, NotFittedError
from tabgan.fitting.modelfile import Fitted
from tabgan.model.sampling import BATCH_SIZE

logger = logging.getLogger(__name__)


class SamplerMixin:
    """Methods of a fitted synthesizer that draw rows. They cost no privacy: everything they use is released.

    Attributes:
        random_state: Seed of samples that are given none.
    """

    random_state: int | None
    _fitted: Fitted
    _times_sampled: int

    def sample(
        self, n: int, *, conditions: Mapping[str, object] | None = None, random_state: int | None = None
    ) -> pd.DataFrame:
        """Return ``n`` synthetic rows.

        Args:
            n: Number of rows, at least 0.
            conditions: Columns with the value that they must have in every row; ``None`` stands for missing.
            random_state: Seed of this sample; ``None`` takes the model's. If both are ``None``, each call returns
                different rows; a seed returns the same rows each time, so pass another one for more rows.

        Raises:
            NotFittedError: ``fit`` was not called.
            ConfigError, SchemaError, DataError: ``n`` or a condition cannot be met.
        """
        batches = list(self.sample_batches(n, BATCH_SIZE, conditions=conditions, random_state=random_state))
        return pd.concat(batches, ignore_index=True) if len(batches) > 1 else batches[0]

    def sample_batches(
        self,
        n: int,
        batch_size: int = 100_000,
        *,
        conditions: Mapping[str, object] | None = None,
        random_state: int | None = None,
    ) -> Iterator[pd.DataFrame]:
        """Return an iterator over tables of at most ``batch_size`` rows, ``n`` rows in total; see :meth:`sample`."""
        fitted = self._check_fitted()
        n = validate.integer_at_least("n", n, 0)
        batch_size = validate.integer_at_least("batch_size", batch_size, 1)
        conditions = {} if conditions is None else conditions
        if not isinstance(conditions, Mapping):
            raise ConfigError(
                f"conditions: expected a mapping from column names to values, got {type(conditions).__name__}."
            )
        fixed = fitted.encoder.codes_of(conditions)
        if random_state is None:
            self._say_that_samples_repeat()
        streams = RandomStreams(self.random_state if random_state is None else random_state)
        return RowSource(fitted, fixed, dict(conditions)).tables(n, batch_size, streams)

    def _say_that_samples_repeat(self) -> None:
        """Log, once per fit, that a second sample with the model's own seed repeats the rows of the first."""
        times = self.__dict__.get("_times_sampled", 0) + 1
        self._times_sampled = times
        if times == 2 and self.random_state is not None:
            logger.warning(
                "sample: with the model's random_state=%s each sample begins with the same rows. Pass random_state for "
                "different ones.",
                self.random_state,
            )

    def _check_fitted(self) -> Fitted:
        fitted: Fitted | None = getattr(self, "_fitted", None)
        if fitted is None:
            raise NotFittedError("TabGAN: not fitted yet. Call fit, or load a model.")
        return fitted
