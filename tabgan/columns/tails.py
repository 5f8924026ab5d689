"""Declared values for the tail of a column: the cells whose category was not released."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tabgan.columns.keys import typed
from tabgan.columns.patterns import pattern_of

#: Draws of a cell, at most, before it may be one of the released categories.
_TRIES = 20


class Tail(BaseModel):
    """The values that cells outside of the released categories show, drawn with equal chances; all of it is declared.

    Attributes:
        pattern: A pattern of text, as in :mod:`tabgan.columns.patterns`.
        list: A list of values instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: str | None = None
    list: tuple[bool | int | float | str, ...] | None = None

    @property
    def values(self) -> tuple[bool | int | float | str, ...]:
        """The values of the list; none of a pattern."""
        return self.list or ()

    @model_validator(mode="after")
    def _check(self) -> Tail:
        if (self.pattern is None) == (not self.values):
            raise ValueError("expected a pattern or a list with values, and one of them.")
        if any(isinstance(value, float) and not math.isfinite(value) for value in self.values):
            raise ValueError("list: expected finite numbers. A missing value is not a category.")
        if len(set(typed(self.values))) < len(self.values):
            raise ValueError("list: expected each value once.")
        if self.pattern is not None:
            pattern_of(self.pattern)
        return self

    def holds(self, key: Hashable) -> bool:
        """Return true if a category, as it is compared, is one of the values."""
        if self.pattern is not None:
            return pattern_of(self.pattern).matches(key)
        return key in typed(self.values)

    def draw(self, n: int, rng: np.random.Generator, released: Collection[Hashable]) -> np.ndarray:
        """Return ``(n,)`` values: others than the released categories, as far as there are any."""
        drawn = np.empty(n, dtype=object)
        if self.pattern is None:
            others = [
                v for v, key in zip(self.values, typed(self.values), strict=True) if key not in set(released)
            ]
            values = others or self.values
            drawn[:] = [values[place] for place in rng.integers(0, len(values), n)]
            return drawn
        known, open_ = set(released), np.arange(n)
        for _ in range(_TRIES):
            drawn[open_] = pattern_of(self.pattern).draw(len(open_), rng)
            open_ = open_[[text in known for text in drawn[open_]]]
            if not len(open_):
                break
        return drawn


def tail_of(unreleased: object) -> object:
    """Return the value of the key ``unreleased``, with a :class:`Tail` for a mapping.

    Raises:
        ValueError: it is none of the values that the key may have.
    """
    if (
        unreleased is None
        or isinstance(unreleased, Tail)
        or unreleased in ("other", "missing", "redistribute")
    ):
        return unreleased
    rule = "expected other, missing, redistribute, {pattern: ...} or {list: [...]}"
    if not isinstance(unreleased, Mapping):
        raise ValueError(f"{rule}, got {str(unreleased)[:40]!r}.")
    unknown = sorted(map(str, set(unreleased) - {"pattern", "list"}))
    if unknown:
        raise ValueError(f"{rule}, got the key {unknown[0]!r}.")
    try:
        return Tail(**{str(key): value for key, value in unreleased.items()})
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "value_error":
            raise ValueError(first["msg"].removeprefix("Value error, ")) from None
        found = (
            "text"
            if first["loc"][0] == "pattern"
            else "a list of text, numbers, true or false, such as [x, y]"
        )
        raise ValueError(f"{first['loc'][0]}: expected {found}.") from None
