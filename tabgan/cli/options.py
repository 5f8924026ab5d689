"""Options of the command line as arguments of the package."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tabgan._util.validate import nearest, positive
from tabgan._util.yaml import parse
from tabgan.errors import ConfigError
from tabgan.io import check_readable
from tabgan.schema import Schema


def gate_of(text: str, *, has_target: bool) -> Any:
    """Return the gate of a YAML file, or the standard one."""
    from tabgan.evaluation.gate import Gate

    if text == "standard":
        return Gate.standard(has_target=has_target)
    path = check_readable(Path(text), "--gate")
    data, problems = parse(path.read_text(encoding="utf-8-sig"), {})
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    if isinstance(data, dict) and set(data) == {"gate"}:  # as in a job
        data = data["gate"]
    try:
        return Gate.of(data, has_target=has_target)
    except ConfigError as error:
        raise ConfigError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None


def epsilon_of(text: str) -> float | None:
    """Return the epsilon that a text stands for; ``None`` for "none".

    Raises:
        ConfigError: it is not a number above 0.
    """
    if text.lower() in ("none", "null"):
        return None
    number: float | str = text
    with suppress(ValueError):
        number = float(text)
    return positive("--epsilon", number, fix="Write none to switch privacy off.")


def ledger_of(
    path: Path | None, epsilon_cap: float | None, delta_cap: float | None, table_may_change: bool = False
) -> Any:
    """Return the ledger that the options describe; ``None`` if they name none."""
    from tabgan.privacy.ledger.records import LedgerConfig

    if path is None:
        if epsilon_cap is not None or delta_cap is not None or table_may_change:
            raise ConfigError(
                "--epsilon-cap: expected --ledger beside it, the file in which fits add up. Name one."
            )
        return None
    return LedgerConfig(path, epsilon_cap, delta_cap, table_may_change)


def conditions_of(pairs: Sequence[str], schema: Schema) -> dict[str, Any]:
    """Return ``column=value`` pairs as values of the columns' kinds."""
    conditions = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator:
            raise ConfigError(f"--condition: expected column=value, got {pair!r}.")
        if name not in schema:
            raise ConfigError(f"--condition: no column {name!r}.{nearest(name, schema.names)}")
        conditions[name] = schema[name].parse(text, f"--condition {name}")
    return conditions
