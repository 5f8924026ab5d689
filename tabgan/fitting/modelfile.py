"""Model files: safetensors, with everything except tensors as JSON in the header.

Reading never runs anything from the file, allocates no more than the file holds, and has no default for a
missing field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from tabgan._util.files import atomic_path, parse
from tabgan.columns.cycles import Cycle
from tabgan.columns.encoder import ColumnEncoder, known_dtype
from tabgan.columns.lattice import has_range, is_on_lattice
from tabgan.errors import ConfigError, ModelFileError, PrivacyError, SchemaError
from tabgan.fitting.measured import marginals_of
from tabgan.io.answers import AnswerForm
from tabgan.io.dialect import Dialect
from tabgan.io.sinks import check_writable
from tabgan.model.generator import Generator
from tabgan.model.places import Places
from tabgan.model.sampling import CodeSampler
from tabgan.privacy.events import GAIN, MAX_GRAD_NORM, PLACES
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.released import Marginal
from tabgan.privacy.unit import PrivacyUnit
from tabgan.rules import Formula, Inequality, Rule, rule_from_dict
from tabgan.rules.judging import in_order
from tabgan.schema import Schema
from tabgan.table.calendar import CycleEncoder, cycles_of, is_cycle
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder
from tabgan.table.losses import Loss, losses_of, unrelated_keys
from tabgan.table.persons import Shown, shown_among
from tabgan.table.placing import columns_of_numbers, placed_columns
from tabgan.table.reduction import Reduction, related_of
from tabgan.table.related import Related

FORMAT = "tabgan-model"
VERSION = 7

_GENERATOR, _MARGINAL, _RELATED = "generator.", "marginal.", "related."

#: More rows than any table has: a file that states more would cause a sample of that size.
_MOST_ROWS = 1e12


@dataclass(frozen=True)
class Fitted:
    """The result of a fit: released numbers and everything derived from them.

    Attributes:
        encoder: Encoder between tables and codes.
        generator: The trained generator, on its device.
        privacy: Promise and spending.
        n_rows: Noisy number of rows.
        csv: Form of the CSV that it was fitted to, as arguments of :func:`tabgan.io.write_table` and, with
            ``na_values``, of :func:`tabgan.io.read_table`; empty for any other table.
        answer: Form of samples: the same kind of thing as the table of the fit.
        marginals: Released tables of counts: the cells of each column, then the codes of pairs; none without privacy.
        told: Losses that the encoder does not show.
        persons: Columns of persons whose values samples show, and that the fit's schema did not declare.
    """

    encoder: TableEncoder
    generator: Generator
    privacy: PrivacyStatement
    n_rows: float
    csv: Mapping[str, object] = field(default_factory=dict)
    answer: AnswerForm = field(default_factory=AnswerForm)
    marginals: tuple[Marginal, ...] = ()
    told: tuple[Loss, ...] = ()
    persons: tuple[str, ...] = ()

    @property
    def shown_persons(self) -> tuple[Shown, ...]:
        """The values of single persons that samples show, by column."""
        return shown_among(self.persons, self.encoder)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """The values that no sample shows, from released numbers, one at most for each column."""
        found = losses_of(self.encoder, self.n_rows, is_private=self.privacy.is_private)
        found += unrelated_keys(self.encoder.schema)
        names = {loss.column for loss in found}
        return (*found, *(loss for loss in self.told if loss.column not in names))

    def sampler(self) -> CodeSampler:
        """Return a sampler of the generator's codes."""
        columns = self.encoder.columns
        pooled = {j: c.shown_weights for j, c in enumerate(columns) if c.has_pooled}
        return CodeSampler(self.generator, [column.exists for column in columns], pooled, self.encoder.names)


def keep_form(model: object, form: Mapping[str, object]) -> None:
    """Keep with a fitted synthesizer the form of the CSV that it was fitted to, for :func:`form_of`."""
    if hasattr(model, "_fitted"):
        model._fitted = replace(model._fitted, csv=stated_form(form))


def stated_form(form: Mapping[str, object]) -> dict[str, object]:
    """Return the keys of a CSV's form that say anything."""
    return {key: value for key, value in form.items() if value is not None}


def form_of(model: object) -> dict[str, object]:
    """Return the form of the CSV that a synthesizer was fitted to, as far as it is known."""
    return dict(model._fitted.csv) if hasattr(model, "_fitted") else {}


def write_model(path: Path, fitted: Fitted, params: Mapping[str, object]) -> None:
    """Write a model completely, or leave ``path`` as it was.

    Args:
        path: Path of the file.
        fitted: The model to write.
        params: The synthesizer's arguments that JSON can hold.

    Raises:
        ConfigError: the folder cannot be written.
        StorageError: the disk is full.
    """
    check_writable(path.parent, "save")
    if path.is_dir():
        raise ConfigError(f"save: expected a file name, got the folder {str(path)!r}.")
    tensors = {
        _GENERATOR + name: value.detach().cpu().contiguous()
        for name, value in fitted.generator.state_dict().items()
    }
    for name, array in _arrays_by_name(fitted.encoder).items():
        tensors[name] = torch.from_numpy(np.ascontiguousarray(array))
    for place, each in enumerate(fitted.encoder.related):
        tensors[f"{_RELATED}{place}"] = torch.from_numpy(np.ascontiguousarray(each.weights))
    for place, marginal in enumerate(fitted.marginals):
        tensors[f"{_MARGINAL}{place}"] = torch.from_numpy(np.ascontiguousarray(marginal.counts, np.float64))
    promised = {"epsilon": fitted.privacy.epsilon}  # the fit's own, even if set_params changed it since
    if fitted.privacy.is_private:
        promised["delta"] = fitted.privacy.delta
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "schema": fitted.encoder.schema.to_dict(),
        "columns": [_place_of(column) for column in fitted.encoder.columns],
        "privacy": fitted.privacy.to_dict(),
        "n_rows": fitted.n_rows,
        "marginals": [list(marginal.columns) for marginal in fitted.marginals],
        "params": {**params, **promised},
    }
    if fitted.encoder.reduction is not None:
        header["reduced"] = fitted.encoder.inner.to_dict()
    if fitted.encoder.related:
        header["related"] = [each.names for each in fitted.encoder.related]
    if fitted.encoder.found:
        header["found"] = [rule.to_dict() for rule in fitted.encoder.found]
    if fitted.told:
        header["told"] = [loss.to_dict() for loss in fitted.told]
    if fitted.persons:
        header["persons"] = list(fitted.persons)
    if fitted.csv:
        header["csv"] = dict(fitted.csv)
    if fitted.answer != AnswerForm():
        header["answer"] = fitted.answer.to_dict()
    with atomic_path(path) as temporary:
        # Written by Python: the library's own errors of a full disk are no errors of the system.
        temporary.write_bytes(to_bytes(tensors, metadata={FORMAT: json.dumps(header, allow_nan=False)}))


def read_model(path: Path, device: torch.device) -> tuple[Fitted, dict[str, object]]:
    """Return the fitted parts and the synthesizer's arguments that :func:`write_model` wrote.

    Raises:
        ModelFileError: the file is missing, damaged, incomplete, or not a model of tabgan.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = parse((file.metadata() or {})[FORMAT])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no iterator
    except FileNotFoundError:
        raise ModelFileError(f"model file: no file {str(path)!r}.") from None
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError):
        raise ModelFileError(f"model file: {str(path)!r} is damaged, or not a model of tabgan.") from None
    if not isinstance(header, dict) or header.get("version") != VERSION:
        raise ModelFileError(
            f"model file: expected version {VERSION} of the format. Load it with the tabgan that wrote it."
        )
    try:
        fitted = _fitted_of(header, tensors, device)
        params = {str(key): value for key, value in header["params"].items()}
    except SchemaError as error:
        raise ModelFileError(
            f"model file: {str(path)!r} is incomplete or contradicts itself: {error}"
        ) from None
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        OverflowError,
        RuntimeError,
        PrivacyError,
    ) as error:
        raise ModelFileError(
            f"model file: {str(path)!r} is incomplete or contradicts itself ({type(error).__name__})."
        ) from None
    return fitted, params


def _place_of(column: CodedColumn) -> str | list[str]:
    """Return the name of a column, with that of the cycle if it is a moment's."""
    encoder = column.encoder
    return [encoder.column.name, encoder.cycle.name] if is_cycle(encoder) else encoder.name


def _arrays_by_name(encoder: TableEncoder) -> dict[str, np.ndarray]:
    """Return the arrays of all columns by the names of their tensors."""
    return {
        f"column.{position}.{name}": array
        for position, column in enumerate(encoder.columns)
        for name, array in _column_arrays(column).items()
    }


def _column_arrays(column: CodedColumn) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {
        "code_of_cell": column.code_of_cell.astype(np.int32),
        "weights": column.weights.astype(np.float64),
        "is_sampled": column.is_sampled.astype(np.uint8),
    }
    return arrays | column.encoder.arrays()


def _columns_of(order: Any, schema: Schema, tensors: dict[str, torch.Tensor]) -> list[CodedColumn]:
    """Return the encoder's columns in the order of a header: names, and pairs of a moment before and its cycle.

    Raises:
        KeyError, ValueError: it contradicts the schema or itself.
    """
    columns: list[CodedColumn] = []
    cycles: dict[str, list[Cycle]] = {}
    for position, place in enumerate(order):
        if isinstance(place, str):
            columns.append(_coded_column(schema[place], position, tensors))
            moments = columns[-1]
            cycles[place] = cycles_of(moments.encoder)
            continue
        name, cycle_name = place
        cycle = {each.name: each for each in cycles[name]}[cycle_name]
        cycles[name] = cycles[name][cycles[name].index(cycle) + 1 :]  # each once, shortest first
        if moments.encoder.name != name or not is_on_lattice(moments.encoder):
            raise ValueError
        columns.append(_coded_cycle(CycleEncoder(moments.encoder, cycle), moments, position, tensors))
    names = sorted(column.name for column in schema if column.is_modelled)
    if not isinstance(order, list) or sorted(place for place in order if isinstance(place, str)) != names:
        raise ValueError
    return columns


def _fitted_of(header: dict[str, Any], tensors: dict[str, torch.Tensor], device: torch.device) -> Fitted:
    schema = Schema.from_dict(header["schema"], is_completed=True)
    reduction = _reduction_of(schema, header)
    inner = schema if reduction is None else reduction.inner
    columns = _columns_of(header["columns"], inner, tensors)
    encoder = TableEncoder(schema, columns, reduction, _related_of(header, reduction, columns, tensors))
    encoder = encoder.with_found(_found_of(header, encoder))
    state = {
        name.removeprefix(_GENERATOR): value for name, value in tensors.items() if name.startswith(_GENERATOR)
    }
    generator = Generator.of_state(encoder.sizes, state)
    counted = {f"{_MARGINAL}{place}" for place in range(len(header["marginals"]))}
    counted |= {f"{_RELATED}{place}" for place in range(len(encoder.related))}
    if set(tensors) != {_GENERATOR + name for name in state} | set(_arrays_by_name(encoder)) | counted:
        raise ValueError
    privacy, n_rows = PrivacyStatement.from_dict(header["privacy"]), float(header["n_rows"])
    is_known = set(header) - {"csv", "answer", "reduced", "related", "found", "told", "persons"} == {
        "format",
        "version",
        "schema",
        "columns",
        "privacy",
        "n_rows",
        "marginals",
        "params",
    }
    if not is_known or not 1 <= n_rows < _MOST_ROWS or header["params"]["epsilon"] != privacy.epsilon:
        raise ValueError
    if privacy.is_private:
        unit = PrivacyUnit.of_schema(schema)
        if header["params"]["delta"] != privacy.delta or unit != privacy.unit:
            raise ValueError
    _check_critics(generator, encoder, privacy)
    _check_places(generator, encoder, privacy)
    form = header.get("csv", {})
    Dialect.of(**form)
    if not set(form) <= {part.name for part in fields(Dialect)}:
        raise ValueError
    answer = AnswerForm.from_dict(header["answer"]) if "answer" in header else AnswerForm()
    counts = [tensors[f"{_MARGINAL}{place}"].numpy() for place in range(len(header["marginals"]))]
    marginals = marginals_of(header["marginals"], counts, encoder, privacy)
    told = tuple(Loss.of_release(data, schema.names) for data in header.get("told", ()))
    hides = not privacy.is_private and any(loss.kind == "ends" for loss in told)
    if len({loss.column for loss in told}) < len(told) or hides:
        raise ValueError
    persons = tuple(header.get("persons", ()))
    if not set(persons) <= set(schema.names) or len(set(persons)) < len(persons):
        raise ValueError
    generator = generator.to(device).eval()
    return Fitted(encoder, generator, privacy, n_rows, form, answer, marginals, told, persons)


def _reduction_of(schema: Schema, header: dict[str, Any]) -> Reduction | None:
    """Return the reduction of a schema with rules, whose reduced schema is in the header; ``None`` without rules.

    Raises:
        KeyError, TypeError, ValueError: the two schemas do not belong together.
    """
    if not schema.statements:
        if "reduced" in header:
            raise ValueError
        return None
    inner = Schema.from_dict(header["reduced"])
    names = {frozenset(pair) for pair in header.get("related", ())}
    related = [
        rule for rule in related_of(schema.rules, {c.name: c for c in schema}) if set(rule.columns) in names
    ]
    plain = Reduction.of(schema, schema.names, related)
    if sorted(plain.inner_names) != sorted(inner.names) or (
        inner.statements or plain.inner.targets != inner.targets
    ):
        raise ValueError
    reduction = plain.completed(inner)
    if reduction.schema != schema:
        raise ValueError
    for part in reduction.merged:
        part.part(pd.Series(inner[part.name].listed, dtype=object), reduction.described)
    return reduction


def _found_of(header: dict[str, Any], encoder: TableEncoder) -> list[Rule]:
    """Return the orders and formulas of columns that a fit has found.

    Raises:
        ConfigError, KeyError, TypeError, ValueError: they are none of modelled columns, of one quantity in an order.
    """
    found = [rule_from_dict(data) for data in header.get("found", ())]
    described = {name: encoder.inner[name] for name in encoder.positions}
    for rule in found:
        columns = [described[name] for name in rule.sides.values()]
        if not isinstance(rule, Inequality | Formula) or len(columns) < 2 or not all(map(has_range, columns)):
            raise ValueError
        rule.check(described, "found")
    in_order(found)
    return found


def _related_of(
    header: dict[str, Any],
    reduction: Reduction | None,
    columns: Sequence[CodedColumn],
    tensors: dict[str, torch.Tensor],
) -> list[Related]:
    """Return the cells that columns of rules have together.

    Raises:
        KeyError, TypeError, ValueError: they contradict the rules or the columns.
    """
    known = {c.encoder.name: c.by_cell().encoder for c in columns if not is_cycle(c.encoder)}
    found = []
    for place, (number, other) in enumerate(header.get("related", ())):
        weights = tensors[f"{_RELATED}{place}"].numpy()
        is_usable = weights.dtype == np.float64 and np.isfinite(weights).all() and (weights >= 0).all()
        if weights.shape != (known[number].n_cells, known[other].n_cells) or not is_usable:
            raise ValueError
        found.append(Related.of_weights(known[number], known[other], weights))
    rules = () if reduction is None else reduction.related
    if sorted(set(rule.columns) for rule in rules) != sorted(set(each.names) for each in found):
        raise ValueError
    return found


def _check_critics(generator: Generator, encoder: TableEncoder, privacy: PrivacyStatement) -> None:
    """Raise unless critics are those of targets, and their training and test are in the statement.

    Raises:
        KeyError, ValueError: a critic is of no target, or is not in the statement.
    """
    tested = [entry.columns for entry in privacy.entries if entry.what == GAIN]
    trained = [entry.columns for entry in privacy.entries if entry.door == "dpsgd"]
    if any(entry.sensitivity != MAX_GRAD_NORM for entry in privacy.entries if entry.door == "dpsgd"):
        raise ValueError
    targets = {str(encoder.positions.get(name, -1)): (name,) for name in encoder.inner.targets}
    for position in generator.critics:
        column = targets[position]
        if privacy.is_private and (column not in trained or tested.count(column) != 1):
            raise ValueError
    said = {
        str(encoder.positions.get(outcome.column, -1)) for outcome in privacy.critics if outcome.is_let_in
    }
    if said != set(generator.critics) or len(privacy.critics) > len(targets):
        raise ValueError


def _check_places(generator: Generator, encoder: TableEncoder, privacy: PrivacyStatement) -> None:
    """Raise unless places are those of ordered columns, and their tables are in the statement.

    Raises:
        ValueError: a place is of no ordered column, or its table is not in the statement.
    """
    told = {entry.columns for entry in privacy.entries if entry.what == PLACES}
    for name in generator.places:
        position, places = int(name), generator.places_at(int(name))
        values = encoder.columns[position].values
        of_partners = [encoder.columns[i].values for i in places.partners.tolist()]
        able = placed_columns(encoder) if isinstance(places, Places) else columns_of_numbers(encoder)
        is_usable = places.block == values and position in placed_columns(encoder)
        is_usable &= set(places.partners.tolist()) <= set(able)
        is_usable &= places.ends.tolist() == [[each.start, each.stop - 1] for each in of_partners]
        if not is_usable or (encoder.names[position],) not in told or name in generator.critics:
            raise ValueError


def _arrays_of(position: int, tensors: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    prefix = f"column.{position}."
    return {name.removeprefix(prefix): tensors[name].numpy() for name in tensors if name.startswith(prefix)}


def _coded_column(column: Any, position: int, tensors: dict[str, torch.Tensor]) -> CodedColumn:
    """Return one column of the encoder, which can decode its first and its last cell.

    Raises:
        TypeError, ValueError: its arrays do not match, or its dtype cannot hold its values.
    """
    arrays = _arrays_of(position, tensors)
    encoder, is_usable = column.encoder_of(arrays)
    is_usable &= column.dtype is None or column.fits_dtype(
        pd.api.types.pandas_dtype(known_dtype(column.dtype))
    )
    coded = _coded(encoder, arrays, is_usable=is_usable)
    if coded.has_pooled and coded.is_sampled[-1]:  # a pooled code must not appear in a sample
        raise ValueError
    codes = coded.code_of_cell
    cells = coded.cells_of(np.flatnonzero(coded.is_sampled)[[0, -1]], np.random.default_rng(0))
    coded.encoder.inverse_transform(cells, np.random.default_rng(0))
    if encoder.has_other and (codes[int(not encoder.is_nullable) : -1] == codes[-1]).any():
        raise ValueError
    return coded


def _coded_cycle(
    encoder: CycleEncoder, moments: CodedColumn, position: int, tensors: dict[str, torch.Tensor]
) -> CodedColumn:
    """Return a cycle's column of the encoder.

    Raises:
        ValueError: its arrays do not match, or it could be missing where its moment is not.
    """
    coded = _coded(encoder, _arrays_of(position, tensors), is_usable=True)
    first = int(encoder.is_nullable)
    is_sampled = np.r_[moments.is_sampled[:first], np.ones(coded.width - first, dtype=bool)]
    if (coded.is_sampled != is_sampled).any() or (first and (coded.code_of_cell[1:] == 0).any()):
        raise ValueError
    return coded


def _coded(encoder: ColumnEncoder, arrays: dict[str, np.ndarray], *, is_usable: bool) -> CodedColumn:
    """Return a column with the arrays of a file, which must have the form of a fit's.

    Raises:
        ValueError: an array has another form.
    """
    codes = arrays["code_of_cell"].astype(np.int64)
    is_sampled = arrays["is_sampled"].astype(bool)
    is_usable &= codes.shape == arrays["weights"].shape == (encoder.n_cells,)
    is_usable &= is_sampled.ndim == 1 and bool(is_sampled.any())
    is_usable &= set(codes.tolist()) == set(range(len(is_sampled)))
    is_usable &= bool(np.isfinite(arrays["weights"]).all() and (arrays["weights"] >= 0).all())
    is_usable &= bool(arrays["weights"].max(initial=0.0) < _MOST_ROWS)
    if not is_usable:
        raise ValueError
    weights = arrays["weights"].astype(np.float64)
    if encoder.has_other and is_sampled[-1]:
        if encoder.column.unreleased_as == "redistribute" or weights[-1] == 0:
            raise ValueError
        encoder = encoder.showing_other()
    return CodedColumn(encoder, codes, weights, is_sampled)
