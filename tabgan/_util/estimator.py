"""The conventions of scikit-learn's estimators, without its import: with scipy.stats it takes a second."""

from __future__ import annotations

from inspect import signature
from typing import Any, Self

from tabgan._util.validate import nearest
from tabgan.errors import ConfigError

#: Characters of a printed estimator; the middle of a longer one is left out.
_LONGEST = 700


class Estimator:
    """An object whose constructor only stores its arguments, each under its own name, for scikit-learn to read and set.

    ``clone``, pipelines and searches ask for no more than these methods.
    """

    @classmethod
    def _defaults(cls) -> dict[str, object]:
        """Return the default of each argument, by name."""
        own = list(signature(cls.__init__).parameters.values())[1:]  # without self
        return {each.name: each.default for each in sorted(own, key=lambda each: each.name)}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments by name.

        Args:
            deep: Without effect: no argument is an estimator.
        """
        del deep
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: object) -> Self:
        """Set arguments, and return the object itself.

        Raises:
            ConfigError: a name is none of an argument.
        """
        known = list(self._defaults())
        for name, value in params.items():
            if name not in known:
                raise ConfigError(
                    f"Invalid parameter {name!r} of {type(self).__name__}: expected one of {', '.join(known)}."
                    f"{nearest(name, known)}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults, given = self._defaults(), self.get_params()
        told = (f"{key}={given[key]!r}" for key in given if repr(given[key]) != repr(defaults[key]))
        text = f"{type(self).__name__}({', '.join(told)})"
        if len(text) <= _LONGEST:
            return text
        return f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 2 :]}"

    def __sklearn_tags__(self) -> object:
        from sklearn.base import BaseEstimator

        return BaseEstimator.__sklearn_tags__(self)
