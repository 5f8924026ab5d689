"""Names of a package that are imported when they are first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package, by PEP 562.

    A name stays in the package once it was asked for.

    Args:
        package: Name of the package.
        modules: The module that defines each name.
    """

    def of_name(name: str) -> Any:
        """Return what a name stands for.

        Raises:
            AttributeError: the package has no such name.
        """
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def all_names() -> list[str]:
        """Return the names that are imported already, and those that are imported on demand."""
        return sorted({*vars(sys.modules[package]), *modules})

    return of_name, all_names
