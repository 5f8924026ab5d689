"""Bundles made of a model alone: no real row is needed, and none is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from tabgan.bundle.archives import check_folder, pack
from tabgan.bundle.commitment import Commitment
from tabgan.bundle.keyless import Sigstore, check_services
from tabgan.bundle.manifest import fact_of, read_manifest
from tabgan.bundle.names import (
    CARD,
    DE_IDENTIFICATION,
    DESCRIPTIONS,
    MANIFEST,
    MARGINALS,
    MODEL,
    README,
    REPORT_HTML,
    REPORT_JSON,
    REPORT_PDF,
    SCHEMA,
    SEALS,
    SIGNATURE,
    SIGSTORE,
    SUMMARY_PDF,
    SYNTHETIC_CSV,
    SYNTHETIC_PARQUET,
)
from tabgan.bundle.terms import Terms
from tabgan.bundle.writing import complete, contents_of, seal
from tabgan.errors import BundleError, ConfigError
from tabgan.evaluation.gate import NO_GATE, Decision, Gate
from tabgan.fitting.modelfile import form_of
from tabgan.io import staged_folder, write_table, write_text
from tabgan.privacy.filter import PrivacyStatement
from tabgan.report.document import Report
from tabgan.report.pdf import has_pdf
from tabgan.schema import Schema
from tabgan.table.labels import beside

#: Files that people complete after a bundle was made; all others are sealed for good.
COMPLETED_BY_HAND = (DE_IDENTIFICATION, README)

_TABLES = {"parquet": SYNTHETIC_PARQUET, "csv": SYNTHETIC_CSV}

#: All files that a bundle may hold.
FILES = (
    *(SYNTHETIC_CSV, beside(Path(SYNTHETIC_CSV)).name, SYNTHETIC_PARQUET, MODEL, MARGINALS, SCHEMA),
    *(REPORT_HTML, REPORT_JSON, REPORT_PDF, SUMMARY_PDF, CARD),
    *DESCRIPTIONS,
    *SEALS,
)


class Releasable(Protocol):
    """The part of a fitted synthesizer that a bundle describes."""

    n_rows_: float
    privacy_: PrivacyStatement
    schema_: Schema

    def sample(self, n: int | None = None, *, random_state: int | None = None) -> pd.DataFrame:
        """Return synthetic rows."""

    def shareable_report(
        self,
        *,
        synthetic: pd.DataFrame | None = None,
        title: str = "Evaluation",
        stated: Mapping[str, str | None] | None = None,
        random_state: int = 0,
    ) -> Report:
        """Return the report's shareable edition."""


def assemble(
    model: Releasable,
    folder: Path,
    *,
    title: str,
    n_rows: int | None = None,
    formats: Sequence[str] = ("parquet",),
    terms: Terms | None = None,
    gate: Gate | None = None,
    archive: bool = False,
    pdf: bool | None = None,
    sign_key: Path | None = None,
    sigstore: Sigstore | None = None,
    input_key: Path | None = None,
    random_state: int | None = None,
) -> Decision:
    """Write a bundle of a model and a sample of it, unless a gate on its promises refuses, and return the decision.

    **Guarantee.** Everything is computed from the model, which holds released numbers: post-processing.

    Args:
        model: A fitted, private synthesizer.
        folder: The folder, which does not exist.
        title: Title of the dataset, if ``terms`` have none.
        n_rows: Rows to sample; by default the fit's noisy number.
        formats: ``"parquet"``, ``"csv"``, or both.
        terms: The controller's statements.
        gate: Limits on epsilon and delta.
        archive: Flag: write an archive beside the folder.
        pdf: Flag: write the report as PDF too; ``None`` does if the extra ``pdf`` is installed.
        sign_key: File with the private key that signs it; ``None`` leaves it unsigned.
        sigstore: Services that sign it by an identity, over the network; ``None`` asks none.
        input_key: File to write with the secret that opens the commitment to the fit's line in its ledger; ``None``
            makes no commitment.
        random_state: Seed of the sample and of the report.

    Raises:
        ConfigError: the bundle cannot be written, as on a full disk; nothing is left behind. Nobody vouches for the
            signer; that is known before rows are drawn.
        BundleError: the services of Sigstore do not answer, or do not sign.
        PrivacyError: the fit was not private.
    """
    if sigstore is not None:
        check_services(sigstore, "sigstore")
    stated = terms or Terms()
    count = max(1, round(model.n_rows_)) if n_rows is None else n_rows
    synthetic = model.sample(count, random_state=random_state)
    report = model.shareable_report(
        synthetic=synthetic,
        title=stated.title or title,
        stated={
            key: getattr(stated, key) for key in ("source", "controller", "contact", "purpose", "recipient")
        },
        random_state=random_state or 0,
    )
    decision = NO_GATE if gate is None else gate.promises.decide(report.evaluation, report.data.total)
    if decision.outcome == "failed":
        return decision
    commitment = None if input_key is None else Commitment.to_place(model.privacy_.place)
    if input_key is not None and commitment is None:
        raise ConfigError(
            "--input-key: expected a model that names its line in a ledger, got one whose fit is in none, "
            "or that was released. Take the one in `internal`, or leave it out."
        )
    contents = contents_of(
        report.data,
        model.schema_,
        synthetic,
        form=form_of(model),
        has_escapes=False,
        terms=stated,
        request={"rows": count, "random_state": random_state},
        commitment=commitment,
    )
    packed, is_done = folder.with_name(f"{folder.name}.zip"), False
    try:
        with staged_folder(folder, FILES) as staging:
            _write_payload(model, synthetic, report, staging, formats, has_pdf() if pdf is None else pdf)
            complete(staging, contents, sign_key, sigstore)
            if commitment is not None and input_key is not None:
                commitment.keep(input_key)
            if archive:
                pack(staging, packed, folder.name)
        is_done = True
    except OSError as error:
        raise ConfigError(
            f"bundle: cannot write {str(folder)!r}: {error.strerror}. Nothing of it was left."
        ) from None
    finally:
        for path in () if is_done else (*([packed] if archive else []), *([input_key] if input_key else [])):
            path.unlink(missing_ok=True)
    return decision


def _write_payload(
    model: Any, synthetic: Any, report: Any, folder: Path, formats: Sequence[str], pdf: bool
) -> None:
    """Write rows, model, marginals, schema and report."""
    form: Any = {key: value for key, value in form_of(model).items() if key != "na_values"}
    for format in formats:
        write_table(synthetic, folder / _TABLES[format], **(form if format == "csv" else {}))
    model.save(folder / MODEL, with_place=False)
    write_table(model.marginals(), folder / MARGINALS)
    write_text(model.schema_.to_yaml(), folder / SCHEMA)
    report.to_html(folder / REPORT_HTML)
    report.to_json(folder / REPORT_JSON)
    report.to_markdown(folder / CARD)
    if pdf:
        report.to_pdf(folder / REPORT_PDF)
        report.to_pdf(folder / SUMMARY_PDF, summary=True)


def seal_again(
    folder: Path, sign_key: Path | None = None, archive: bool = False, sigstore: Sigstore | None = None
) -> list[str]:
    """Write the seals of a bundle again after people completed a document, and return the documents that changed.

    Raises:
        BundleError: another file changed, is missing or was added, or the manifest is damaged.
        ConfigError: a seal cannot be written; the old seals stay.
    """
    check_folder(folder)
    if not (folder / MANIFEST).is_file():
        raise BundleError(f"bundle: expected a file {MANIFEST}, found none: this is not a release bundle.")
    manifest = read_manifest((folder / MANIFEST).read_bytes())
    facts = {path.name: fact_of(path) for path in folder.iterdir() if path.name not in SEALS}
    sealed = {name: fact for name, fact in manifest.files.items() if name not in SEALS}
    changed = sorted(name for name in facts.keys() | sealed.keys() if facts.get(name) != sealed.get(name))
    others = [name for name in changed if name not in COMPLETED_BY_HAND or name not in facts]
    if others:
        raise BundleError(
            f"bundle: expected changes in {' and '.join(COMPLETED_BY_HAND)} alone, found others: "
            f"{', '.join(others)}. Make the bundle again."
        )
    if (folder / SIGNATURE).is_file() and sign_key is None:
        raise ConfigError("--sign-key: expected the key that signs it again, since the bundle is signed.")
    if (folder / SIGSTORE).is_file() and sigstore is None:
        raise ConfigError("--sigstore: expected it, since Sigstore has signed the bundle before.")
    own = ("format", "version", "files", "seal")
    told = {key: value for key, value in manifest.content.items() if key not in own}
    try:
        with staged_folder(folder, SEALS) as staging:
            seal(folder, told, sign_key, sigstore, into=staging)
        if archive:
            pack(folder, folder.with_name(f"{folder.name}.zip"), folder.name)
    except OSError as error:
        raise ConfigError(f"bundle: cannot write {str(folder)!r}: {error.strerror}.") from None
    return changed
