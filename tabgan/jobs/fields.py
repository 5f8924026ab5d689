"""Checks of the values of a job's keys, with messages that give the place, the rule, the finding and the fix."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping
from dataclasses import fields
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationInfo

from tabgan._util.renamed import warn_of_old_name
from tabgan._util.validate import integer_at_least, nearest, positive, real_in
from tabgan._util.yaml import parse
from tabgan.bundle.keyless import sigstore_of
from tabgan.bundle.signatures import load_private
from tabgan.bundle.terms import Terms
from tabgan.errors import ConfigError
from tabgan.evaluation.gate import Gate
from tabgan.io import (
    check_database,
    check_decimal,
    check_dtype,
    check_encoding,
    check_readable,
    check_separator,
    check_writable,
    is_database,
    is_url,
)
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.report.pdf import check_pdf
from tabgan.rules import Rule, rules_of
from tabgan.schema import Schema
from tabgan.table.conditions import Condition, check_proportions

if TYPE_CHECKING:
    from tabgan.synthesizer import TabGAN

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: Arguments of TabGAN that are keys of the job itself.
_JOB_KEYS = ("schema", "random_state")

#: New name of each key of a report that was called otherwise.
_OLD_REPORT_KEYS = {"evaluation_epsilon": "private_metrics_epsilon"}


def to_existing(value: object, info: ValidationInfo) -> Path:
    """Return a path relative to the file of jobs, if it exists."""
    context = info.context or {}
    where = f"{context.get('prefix', '')}{info.field_name}"
    return check_readable(context.get("folder", Path()) / _path(value, where), where)


def _path(value: object, where: str) -> Path:
    if not isinstance(value, str | Path) or value == "":
        raise ConfigError(f"{where}: expected a path as text, got {value!r}.")
    return Path(value).expanduser()


def to_place(value: object, info: ValidationInfo) -> Path | str | None:
    """Return an address as it is, or a path or pattern relative to the file of jobs, of files that exist."""
    if value is None:
        return None
    if is_url(value):
        return str(value)
    context = info.context or {}
    where = f"{context.get('prefix', '')}{info.field_name}"
    path = context.get("folder", Path()) / _path(value, where)
    return path if has_magic(str(value)) and not path.exists() else check_readable(path, where)


def to_database(value: object, info: ValidationInfo) -> str | None:
    """Return the address of a database, or its file, relative to the file of jobs."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigError("source.sql: expected an address or a path as text. Put it in quotes.")
    if is_url(value):
        check_database(str(value), "source.sql")
        return str(value)
    path = (info.context or {}).get("folder", Path()) / _path(value, "source.sql")
    if not is_database(path):
        raise ConfigError(
            "source.sql: expected an address such as postgresql://host/db, or a file that ends in .db, .sqlite or "
            f".duckdb, got {path.name!r}."
        )
    return str(check_readable(path, "source.sql"))


def to_dtypes(value: dict[str, str]) -> dict[str, str]:
    """Return dtypes by column, if pandas knows all of them."""
    problems = []
    for name, dtype in value.items():
        try:
            check_dtype(dtype, f"source.dtypes.{name}")
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return value


def to_separator(value: object) -> str:
    """Return the separator of a CSV."""
    return check_separator(value, "source.separator")


def to_decimal(value: object) -> str:
    """Return the decimal mark of a CSV."""
    return check_decimal(value, "source.decimal")


def to_encoding(value: object) -> str | None:
    """Return the encoding of a CSV; ``None`` is UTF-8, or what its mark says."""
    return None if value is None else check_encoding(value, "source.encoding")


def to_holdout(value: object, info: ValidationInfo) -> float | Path | str | None:
    """Return a share of the rows, or the place of a table."""
    if value is None or isinstance(value, str | Path):
        return to_place(value, info)
    fix = "Write a share of the rows, or the path of a table."
    return real_in("source.holdout", value, 0.0, 1.0, fix=fix)


def to_folder(value: object) -> Path:
    """Return an output folder."""
    return _path(value, "output.folder")


def to_rows(value: object) -> int | str:
    """Return a number of rows, or ``"same"``."""
    fix = "Write a number, or same for about as many as the table has."
    return "same" if value == "same" else integer_at_least("output.rows", value, 1, fix=fix)


def to_conditions(value: object) -> dict[str, object]:
    """Return conditions by column, each in a form that there is."""
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"output.conditions: expected a mapping such as {{age: {{min: 18, max: 65}}, plan: [basic, pro]}}, "
            f"got {value!r}."
        )
    problems = []
    for name, wanted in value.items():
        try:
            Condition.of(wanted, f"output.conditions.{name}")
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return {str(name): wanted for name, wanted in value.items()}


def to_proportions(value: object) -> dict[str, object] | None:
    """Return shares of one column's values, each in a form that there is."""
    if value is None:
        return None
    try:
        check_proportions(value)
    except ConfigError as error:
        raise ConfigError(f"output.{error}") from None
    return {str(name): shares for name, shares in value.items()}  # type: ignore[attr-defined]


def to_name(value: object) -> str:
    """Return a job's name."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ConfigError(f"name: expected letters, digits, '.', '_' and '-' only, got {value!r}.")
    return value


def to_targets(value: object) -> tuple[str, ...] | None:
    """Return the names in a list of targets."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"targets: expected a list of columns such as [income, churned], got {value!r}.")
    return tuple(value)


def to_schema(value: object, info: ValidationInfo) -> Schema | None:
    """Return the schema in a file or a mapping."""
    if value is None or isinstance(value, Schema):
        return value
    if isinstance(value, str | Path):
        return Schema.from_yaml(to_existing(value, info))
    if isinstance(value, Mapping):
        return Schema.from_dict(value)
    raise ConfigError(f"schema: expected a path or a mapping, got {value!r}.")


def to_gate(value: object) -> Gate | Literal["standard"] | None:
    """Return the gate of a mapping, or ``"standard"``."""
    if value is None or value == "standard" or isinstance(value, Gate):
        return value
    return Gate.from_dict(value)


def to_rules(value: object) -> tuple[Rule, ...]:
    """Return the rules of a list of mappings."""
    return rules_of(value)


def to_private_metrics_epsilon(value: object) -> float | None:
    """Return the epsilon of private metrics; ``None`` for none."""
    return (
        None
        if value is None
        else positive("report.private_metrics_epsilon", value, fix="Leave it out to measure nothing.")
    )


def to_pdf(value: bool) -> bool:
    """Return the flag for a PDF, if one can be written here."""
    if value:
        check_pdf()
    return value


def to_report(value: object) -> object:
    """Return the options of a report's key: true stands for all defaults, false for no report."""
    if isinstance(value, Mapping):
        return _with_new_keys(value)
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


def _with_new_keys(value: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a report's keys under their new names."""
    keys = dict(value)
    for old, new in _OLD_REPORT_KEYS.items():
        if old in keys:
            if new in keys:
                raise ConfigError(f"report.{old}: it is the old name of {new}, which is there, too. Drop it.")
            warn_of_old_name(f"report.{old}", f"report.{new}")
            keys[new] = keys.pop(old)
    return keys


def to_bundle(value: object) -> object:
    """Return the options of a bundle's key: true stands for all defaults, false for no bundle."""
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


def to_sign_key(value: object, info: ValidationInfo) -> Path | None:
    """Return the path of a private key that can sign, relative to the file of jobs."""
    if value is None:
        return None
    path: Path = (info.context or {}).get("folder", Path()) / _path(value, "bundle.sign_key")
    load_private(check_readable(path, "bundle.sign_key"), "bundle.sign_key")
    return path


def to_sigstore_trust(value: object, info: ValidationInfo) -> Path | None:
    """Return the path of another Sigstore's services and keys, relative to the file of jobs."""
    if value is None:
        return None
    path: Path = (info.context or {}).get("folder", Path()) / _path(value, "bundle.sigstore_trust")
    return sigstore_of(check_readable(path, "bundle.sigstore_trust"), "bundle.sigstore_trust").trust


def to_about(value: object, info: ValidationInfo) -> Terms:
    """Return the statements about a release, of a mapping or a YAML file."""
    if isinstance(value, Terms):
        return value
    if isinstance(value, str | Path):
        path = (info.context or {}).get("folder", Path()) / _path(value, "bundle.about")
        return read_about(check_readable(path, "bundle.about"), "bundle.about")
    if not isinstance(value, Mapping):
        raise ConfigError(f"bundle.about: expected a path or a mapping of statements, got {value!r}.")
    return Terms.of(value, "bundle.about")


def read_about(path: Path, where: str) -> Terms:
    """Return the statements about a release in a YAML file.

    Raises:
        ConfigError: the file is none, or has unknown keys; one line for each problem.
    """
    try:
        data, problems = parse(path.read_text(encoding="utf-8-sig"), os.environ)
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{where}: {str(path)!r} cannot be read as UTF-8 text.") from None
    if not problems and not isinstance(data, Mapping):
        problems = ["expected a mapping of statements such as license: CC-BY-4.0."]
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    return Terms.of(data, str(path))


def to_ledger(value: object, info: ValidationInfo) -> LedgerConfig | None:
    """Return the ledger of a path or a mapping, relative to the file of jobs."""
    if value is None or isinstance(value, LedgerConfig):
        return value
    keys = {"path": value} if isinstance(value, str | Path) else value
    if not isinstance(keys, Mapping):
        raise ConfigError(
            f"ledger: expected a path or a mapping such as {{path: people.ledger}}, got {value!r}."
        )
    known = [f.name for f in fields(LedgerConfig)]
    unknown = [f"ledger.{key}: unknown key.{nearest(key, known)}" for key in keys if key not in known]
    if "path" not in keys:
        unknown.append("ledger.path: expected a value, got nothing. The key is required.")
    if unknown:
        raise ConfigError("\n".join(unknown))
    path = (info.context or {}).get("folder", Path()) / _path(keys["path"], "ledger.path")
    check_writable(path.parent, "ledger.path")
    return LedgerConfig(**{**keys, "path": path})


def to_checkpoint(value: object) -> Path | None:
    """Return a checkpoint's folder."""
    return None if value is None else _path(value, "checkpoint")


def to_random_state(value: object) -> int | None:
    """Return a seed."""
    return None if value is None else integer_at_least("random_state", value, 0)


def to_model(value: object) -> dict[str, object]:
    """Return the arguments of TabGAN, their names checked against its signature."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"model: expected a mapping such as {{epsilon: 1.0}}, got {value!r}.")
    problems = []
    known = model_arguments()
    for key, argument in value.items():
        if key in _JOB_KEYS:
            problems.append(f"model.{key}: write it next to model, as a key of the job.")
        elif key not in known:
            problems.append(f"model.{key}: unknown key.{nearest(key, known)}")
        else:
            problems += _argument_problems(key, argument)
    if problems:
        raise ConfigError("\n".join(problems))
    return dict(value)


def _argument_problems(key: str, value: object) -> list[str]:
    """Return TabGAN's own objections to an argument, with the others at their defaults."""
    if key == "epsilon" and value is not None:
        try:
            positive("model.epsilon", value, fix="Write epsilon: null to switch privacy off.")
        except ConfigError as error:
            return [str(error)]
    try:
        synthesizer()().set_params(**{key: value}).check_params()
    except ConfigError as error:
        return [f"model.{error}"]
    return []


def model_arguments() -> list[str]:
    """Return the names of the arguments that a job may pass to TabGAN."""
    return [name for name in inspect.signature(synthesizer()).parameters if name not in _JOB_KEYS]


def synthesizer() -> type[TabGAN]:
    """Return the synthesizer's class, imported on demand because it imports torch."""
    from tabgan.synthesizer import TabGAN  # not at the top: reading a file of jobs needs no torch until here

    return TabGAN
