"""Comparison of several synthetic tables, or models, against the same real rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tabgan._util.files import is_safetensors
from tabgan._util.progress import Progress, check_progress, told
from tabgan._util.rng import RandomStreams
from tabgan._util.validate import integer_at_least, shown
from tabgan.errors import ConfigError
from tabgan.evaluation.gate import NO_GATE, Gate
from tabgan.report.anytable import RealTables, evaluation_of
from tabgan.report.comparison import System
from tabgan.report.content import today
from tabgan.report.sidebyside import SystemComparison
from tabgan.synthesizer import TabGAN

if TYPE_CHECKING:
    from tabgan.rules import Rule
    from tabgan.schema import Schema

#: The most systems of one comparison: more columns than a page can show.
MOST_SYSTEMS = 12


def compare(
    real: object,
    holdout: object,
    systems: Mapping[str, object] | Sequence[object],
    *,
    schema: Schema | None = None,
    target: str | None = None,
    rules: Sequence[Rule] = (),
    gate: Gate | Mapping[str, object] | str | None = None,
    title: str = "Comparison of synthetic tables",
    created: str | None = None,
    random_state: int = 0,
    progress: Progress | bool | None = None,
) -> SystemComparison:
    """Compare synthetic tables, whatever made them, on the same real rows.

    All are judged by equally many rows, as many as the smallest has: figures such as distances depend on the number.

    **Guarantee.** None: figures are computed on real rows without noise. A model's epsilon is stated beside it; of a
    table none is claimed.

    Args:
        real: The rows that the generators were trained on: anything that :func:`tabgan.open_table` opens.
        holdout: Rows of the same kind that none of them saw.
        systems: By name, or a list named by its files: synthetic tables, fitted models, or paths of either.
        schema: Kinds and domains of columns, and rules, as far as they are known.
        target: The column that models predict; the schema's by default.
        rules: Rules for every row, besides those of the schema.
        gate: Limits on figures, for each system; ``"standard"`` has none on epsilon here. Limits on epsilon are judged
            by what a model states.
        title: Title of the page.
        created: Its printed date; today's date in UTC by default.
        random_state: Seed of samples, subsamples and models.
        progress: As in :meth:`tabgan.TabGAN.fit`.

    Returns:
        The comparison: ``rows``, ``to_frame()``, ``to_html(path)`` and ``to_json(path)``.

    Raises:
        ConfigError, SourceError, ModelFileError: an argument cannot be used, or a table or model cannot be read.
        DataError: a table is empty, or its columns are not those of the real one; names the system, before any figure
            is computed.
        SchemaError: the schema has a column that the tables lack.
    """
    named = _named(systems)
    seed = integer_at_least("random_state", random_state, 0)
    check_progress(progress)
    limits = Gate.of(
        gate, has_target=target is not None or (schema is not None and schema.target is not None)
    )
    limits = limits.figures if limits is not None and gate == "standard" else limits
    with told(progress) as tell:
        tables = RealTables.of(real, holdout, schema, tell)
        opened = {name: _opened(name, system, tables, seed, tell) for name, system in named.items()}
    n_judged = min(len(frame) for frame, _ in opened.values())
    found = []
    with told(progress) as tell:
        for place, (name, (frame, promise)) in enumerate(opened.items()):

            def told_of(stage: str, done: int, total: int, first: int = place) -> None:
                """Show progress over all systems."""
                tell(stage, first * total + done, len(opened) * total)

            judged = _subsample(frame, n_judged, seed)
            evaluation = evaluation_of(
                tables, judged, target=target, rules=rules, random_state=seed, progress=told_of
            )
            decision = NO_GATE
            if limits is not None:
                decision = limits.decide(evaluation, promise, needs_guarantee=False)
            found.append(System(name, evaluation, len(frame), promise, decision))
    first = found[0].evaluation
    return SystemComparison(
        title=title,
        created=created or today(),
        systems=tuple(found),
        n_real=first.n_real,
        n_holdout=first.n_holdout,
        n_judged=n_judged,
        target=first.target,
        random_state=seed,
    )


def _named(systems: Mapping[str, object] | Sequence[object]) -> dict[str, object]:
    """Return the systems by name.

    Raises:
        ConfigError: there are none or too many, or a name is not text or occurs twice.
    """
    if isinstance(systems, str | bytes) or not isinstance(systems, Mapping | Sequence):
        raise ConfigError(
            f"systems: expected a mapping such as {{'first': table}}, or a list, got {shown(systems)}."
        )
    pairs = (
        list(systems.items())
        if isinstance(systems, Mapping)
        else [*map(_with_name, systems, range(len(systems)))]
    )
    if not 1 <= len(pairs) <= MOST_SYSTEMS:
        raise ConfigError(f"systems: expected 1 to {MOST_SYSTEMS} systems, got {len(pairs)}.")
    named: dict[str, object] = {}
    for name, system in pairs:
        if not isinstance(name, str) or not name:
            raise ConfigError(f"systems: expected names that are text, got {shown(name)}.")
        if name in named:
            raise ConfigError(f"systems: two are called {name!r}. Use a mapping with other names.")
        named[name] = system
    return named


def _with_name(system: object, place: int) -> tuple[str, object]:
    """Return the name of a system in a list: that of its file, or its place."""
    if isinstance(system, str | Path):
        return Path(system).name.partition(".")[0] or str(place + 1), system
    return str(place + 1), system


def _opened(
    name: str, system: object, tables: RealTables, seed: int, progress: Progress
) -> tuple[pd.DataFrame, tuple[float, float] | None]:
    """Return the rows of a system, and the epsilon and delta that its model states.

    Raises:
        ConfigError, DataError, SourceError, ModelFileError: it cannot be read, or has other columns than the real
            table.
    """
    where = f"system {name!r}"
    if isinstance(system, str | Path) and is_safetensors(system):
        system = TabGAN.load(system)
    if not isinstance(system, TabGAN):
        return tables.read(system, where, progress), None
    rows = system.sample(frac=1.0, random_state=seed, as_="pandas")
    privacy = system.privacy_
    promise = None if privacy.epsilon is None or privacy.delta is None else (privacy.epsilon, privacy.delta)
    return tables.read(rows, where), promise


def _subsample(frame: pd.DataFrame, n_rows: int, seed: int) -> pd.DataFrame:
    """Return a sample of a table's rows, drawn without replacement, in their original order."""
    if len(frame) == n_rows:
        return frame
    rng = RandomStreams(seed).numpy("comparing.rows")
    return frame.iloc[np.sort(rng.choice(len(frame), size=n_rows, replace=False))]
