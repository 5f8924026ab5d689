"""Writing of a bundle: the descriptions of a release folder, then its manifest, then its signatures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tabgan.bundle.catalogue_record import record_of
from tabgan.bundle.commitment import Commitment
from tabgan.bundle.contents import Contents
from tabgan.bundle.croissant import croissant_of
from tabgan.bundle.datapackage import datapackage_of
from tabgan.bundle.dataset_card import card_of
from tabgan.bundle.de_identification import de_identification_of
from tabgan.bundle.dp_statement import json_schema, statement_of
from tabgan.bundle.keyless import Sigstore, sign_keyless
from tabgan.bundle.ledger_extract import extract_of
from tabgan.bundle.manifest import fact_of, manifest_text
from tabgan.bundle.names import (
    CARD,
    CATALOGUE,
    CROISSANT,
    DATAPACKAGE,
    DE_IDENTIFICATION,
    DESCRIPTIONS,
    DP_SCHEMA,
    DP_STATEMENT,
    LEDGER_EXTRACT,
    MANIFEST,
    MARGINALS,
    MODEL_SIGNATURE,
    README,
    REPORT_HTML,
    SEALS,
    SYNTHETIC_CSV,
    SYNTHETIC_PARQUET,
)
from tabgan.bundle.signatures import load_private, sign_manifest, sign_model, signs_models
from tabgan.bundle.terms import Terms
from tabgan.io.part_files import form_of_parts, types_of
from tabgan.report import ReportData
from tabgan.schema import Schema


def contents_of(
    report: ReportData,
    schema: Schema,
    synthetic: pd.DataFrame,
    *,
    form: Mapping[str, object],
    has_escapes: bool,
    terms: Terms,
    request: Mapping[str, object],
    commitment: Commitment | None,
) -> Contents:
    """Return the contents of a bundle; see :class:`Contents`.

    Args:
        report: The shareable edition of the report.
        schema: The completed schema.
        synthetic: The synthetic rows, as they are written.
        form: Form of their CSV, as arguments of :func:`tabgan.io.write_table`.
        has_escapes: See :class:`Contents`.
        terms: The controller's statements.
        request: Rows that were asked for.
        commitment: The commitment to the fit's place in its ledger; ``None`` for none.
    """
    stated: Mapping[str, Any] = form
    return Contents(
        report,
        schema,
        types_of(synthetic),
        len(synthetic),
        form_of_parts("csv", {key: stated.get(key) for key in ("separator", "decimal", "encoding")}),
        has_escapes,
        terms,
        request,
        None if commitment is None else commitment.told,
    )


def complete(
    folder: Path, contents: Contents, sign_key: Path | None = None, sigstore: Sigstore | None = None
) -> None:
    """Complete a release folder, which holds tables, model, schema and the shareable report, to a bundle.

    The folder should be hidden until it is complete: files are written one by one.

    Args:
        folder: The folder.
        contents: All that the descriptions say.
        sign_key: File with the private key that signs it; ``None`` leaves it unsigned.
        sigstore: Services that sign it by an identity; ``None`` asks none.

    Raises:
        BundleError: the services do not sign.
        ConfigError: the key cannot be used, or nobody vouches for the signer.
        PrivacyError: see :class:`Contents`.
    """
    facts = {path.name: fact_of(path) for path in folder.iterdir()}
    data = {name: facts[name] for name in (SYNTHETIC_PARQUET, SYNTHETIC_CSV, MARGINALS) if name in facts}
    catalogued = {
        name: facts[name] for name in (SYNTHETIC_PARQUET, SYNTHETIC_CSV, REPORT_HTML, CARD) if name in facts
    }
    texts = {
        CROISSANT: _json(croissant_of(contents, data)),
        DATAPACKAGE: _json(datapackage_of(contents, data)),
        CATALOGUE: _json(record_of(contents, catalogued)),
        DP_STATEMENT: _json(statement_of(contents)),
        DP_SCHEMA: _json(json_schema()),
        LEDGER_EXTRACT: _json(extract_of(contents.privacy, contents.report.private_metrics)),
        DE_IDENTIFICATION: de_identification_of(contents),
        README: card_of(contents, [*facts, *DESCRIPTIONS, MANIFEST]),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    seal(folder, _told(contents), sign_key, sigstore, into=folder)


def seal(
    folder: Path,
    told: Mapping[str, object],
    sign_key: Path | None = None,
    sigstore: Sigstore | None = None,
    *,
    into: Path,
) -> None:
    """Write the manifest of all files of a folder, and sign it.

    Args:
        folder: The folder; seals in it are ignored.
        told: The manifest's content beside the files.
        sign_key: As in :func:`complete`.
        sigstore: As in :func:`complete`.
        into: Folder that the seals are written to.
    """
    key = None if sign_key is None else load_private(sign_key)
    facts = {path.name: fact_of(path) for path in folder.iterdir() if path.name not in SEALS}
    if key is not None and sign_key is not None and signs_models(key):
        facts[MODEL_SIGNATURE] = fact_of(sign_model(sign_key, folder, into / MODEL_SIGNATURE))
    text = manifest_text(told, facts)
    (into / MANIFEST).write_text(text, encoding="utf-8")
    if key is not None:
        for name, raw in sign_manifest(key, text.encode()).items():
            (into / name).write_bytes(raw)
    if sigstore is not None:
        sign_keyless(folder, into, sigstore)


def _told(contents: Contents) -> dict[str, Any]:
    """Return the content of the manifest beside the files."""
    epsilon, delta = contents.total
    return {
        "title": contents.title,
        "created": contents.created,
        "synthetic": True,
        "guarantee": {"epsilon": epsilon, "delta": delta, "unit": contents.privacy.unit.name},
        "config": dict(contents.report.model),
        "request": json.loads(json.dumps(dict(contents.request), default=str)),
        "versions": dict(contents.report.versions),
        "input": contents.commitment,
    }


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
