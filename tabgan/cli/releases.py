"""Commands on a model's released numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tabgan import io
from tabgan._util.validate import integer_at_least, one_of
from tabgan.bundle.names import PUBLIC_KEY
from tabgan.cli import options
from tabgan.cli.parts import (
    AsJson,
    Debug,
    Force,
    Quiet,
    RandomState,
    check_output,
    exits,
    is_printed,
    say,
)
from tabgan.errors import ConfigError

SignKey = Annotated[
    Path | None,
    typer.Option(
        help="Private key in PEM that signs the bundle: Ed25519, or of a NIST curve, with its certificates in the same "
        "file if it has some. Needs the extra sign."
    ),
]

UsesSigstore = Annotated[
    bool,
    typer.Option(
        "--sigstore",
        help="Sign by an identity, with Sigstore's public services over the network: a token in "
        "SIGSTORE_IDENTITY_TOKEN, the one of a CI service, or a login in a browser. A public log keeps the identity. "
        "Needs the extra sign.",
    ),
]
Trust = Annotated[
    Path | None,
    typer.Option(
        "--sigstore-trust",
        help="Services and keys of another Sigstore than the public one, as JSON (ClientTrustConfig).",
    ),
]

release_app = typer.Typer(
    help="Write released numbers of a model, alone or as a bundle. This costs no privacy.",
    no_args_is_help=True,
)


@release_app.callback()
def _root() -> None:
    """Write released numbers of a model, alone or as a bundle. This costs no privacy."""


@release_app.command()
def marginals(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="CSV or Parquet file to write; - prints CSV.")
    ],
    force: Force = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write the noisy counts that the fit released, of columns and of pairs, with their noise."""
    with exits(debug):
        io.format_of(options.named(output), "--output")
        check_output(output, force, may_print=True)
        io.check_readable(model, "model")

        from tabgan.synthesizer import TabGAN

        table = TabGAN.load(model).marginals()
        if is_printed(output):
            options.print_table(table)
            return
        io.write_table(table, output)
        n_tables = len(table[["column_1", "column_2"]].drop_duplicates())
        told = {"output": output, "counts": len(table), "tables": n_tables}
        say(f"{output}: {len(table):,} noisy counts in {n_tables:,} tables", told)


@release_app.command()
def bundle(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; it must not exist.")],
    n: Annotated[
        int | None,
        typer.Option("-n", help="Number of rows; by default as many as the table has, with noise."),
    ] = None,
    format: Annotated[str, typer.Option(help="Format of the rows: parquet, csv or both.")] = "both",
    about: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of the controller's statements: license, purpose, recipient and others."
        ),
    ] = None,
    gate: Annotated[
        Path | None,
        typer.Option(help="YAML file of limits on epsilon and delta. Exit code 3 if one is not met."),
    ] = None,
    archive: Annotated[bool, typer.Option("--archive", help="Write FOLDER.zip as well.")] = False,
    pdf: Annotated[
        bool | None,
        typer.Option(
            "--pdf/--no-pdf", help="Include the report as PDF; by default if the extra pdf is installed."
        ),
    ] = None,
    sign_key: SignKey = None,
    sigstore: UsesSigstore = False,
    sigstore_trust: Trust = None,
    input_key: Annotated[
        Path | None,
        typer.Option(
            help="File to write for the organisation alone: the secret that opens the bundle's commitment to the fit's "
            "line in its ledger."
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title; by default the model file's name.")] = None,
    random_state: RandomState = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write a release bundle: rows, model, shareable report, descriptions, privacy statements, manifest and signature.

    No real row is needed, and none is read.
    """
    with exits(debug):
        if n is not None:
            integer_at_least("-n", n, 1)
        one_of("--format", format, ("parquet", "csv", "both"))
        _check_new_folder(output, archive)
        if input_key is not None:
            check_output(input_key, force=False)

        from tabgan.bundle.signatures import load_private
        from tabgan.bundle.terms import Terms
        from tabgan.jobs.fields import read_about

        if sign_key is not None:
            load_private(sign_key, "--sign-key")
        services = _services(sigstore, sigstore_trust)
        terms = Terms() if about is None else read_about(io.check_readable(about, "--about"), "--about")
        io.check_readable(model, "model")
        limits = None if gate is None else options.gate_of(str(gate), has_target=True)
        if limits is not None and limits.limits:
            raise ConfigError(
                f"--gate: expected limits on epsilon and delta alone, got one on {next(iter(limits.limits))!r}, "
                f"which needs "
                "real rows. Check it with `tabgan evaluate --gate`, or `tabgan run`."
            )

        from tabgan.bundle.assembly import assemble
        from tabgan.synthesizer import TabGAN

        wanted: Any = {
            "title": title or model.stem,
            "n_rows": n,
            "formats": ("parquet", "csv") if format == "both" else (format,),
            "terms": terms,
            "gate": limits,
            "archive": archive,
            "pdf": pdf,
            "sign_key": sign_key,
            "sigstore": services,
            "input_key": input_key,
            "random_state": random_state,
        }
        decision = assemble(TabGAN.load(model), output, **wanted)
        if decision.outcome == "failed":
            from tabgan.cli import terminal
            from tabgan.jobs.executors import GATE_REFUSES

            refused = {"output": None, "limits_not_met": [check.text for check in decision.failed]}
            said = f"{output}: not written, because the gate refuses the release."
            say(said, refused, show=lambda: terminal.show_decision(Console(), decision))
            raise typer.Exit(GATE_REFUSES)
        said = f"{output}: a release bundle. Check it with: tabgan verify {output}"
        say(said, {"output": output, "archive": archive, "signed": sign_key is not None or sigstore})


def _services(is_wanted: bool, trust: Path | None) -> Any:
    """Return the services of Sigstore that sign; ``None`` if none was asked for."""
    if not is_wanted:
        if trust is not None:
            raise ConfigError("--sigstore-trust: it goes with --sigstore. Give both, or none.")
        return None

    from tabgan.bundle.keyless import sigstore_of

    return sigstore_of(trust, "--sigstore-trust")


def _check_new_folder(output: Path, has_archive: bool) -> None:
    """Raise unless a folder, and its archive, can be written and do not exist."""
    io.check_writable(output.parent, "--output")
    for path in (output, *([output.with_name(f"{output.name}.zip")] if has_archive else [])):
        if path.exists():
            raise ConfigError(f"--output: {str(path)!r} exists. Name another, or remove it.")


@release_app.command()
def seal(
    folder: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    sign_key: SignKey = None,
    sigstore: UsesSigstore = False,
    sigstore_trust: Trust = None,
    archive: Annotated[bool, typer.Option("--archive", help="Write FOLDER.zip as well.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write the seals of a bundle again, after a person has completed its de-identification statement or its README.

    All other files must be as they were.
    """
    with exits(debug):
        if not folder.is_dir():
            raise ConfigError(f"FOLDER: expected the folder of a bundle, found none at {str(folder)!r}.")

        from tabgan.bundle.assembly import seal_again
        from tabgan.bundle.signatures import load_private

        if sign_key is not None:
            load_private(sign_key, "--sign-key")
        before = _signer(folder)
        changed = seal_again(folder, sign_key, archive, _services(sigstore, sigstore_trust))
        is_other = before not in (b"", _signer(folder))
        said = f"{folder}: sealed, with {', '.join(changed) or 'nothing'} changed since the last time"
        said += "; NOT BY THE KEY that had signed it: --key needs the new one" if is_other else ""
        say(said, {"folder": folder, "changed": list(changed), "has_other_key": is_other})


def _signer(folder: Path) -> bytes:
    """Return the public key in a bundle; nothing if there is none."""
    path = folder / PUBLIC_KEY
    return path.read_bytes() if path.is_file() else b""


def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder or archive of a release bundle.")],
    key: Annotated[
        Path | None, typer.Option(help="Public key in PEM that must have signed it. Needs the extra sign.")
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(
            help="Certificates in PEM of authorities, one of which must have certified the signer. Extra sign."
        ),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option(help="Identity that must have signed it by Sigstore: a mail address, or a workflow's."),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(help="Address of the provider that vouched for it, with --identity. Extra sign."),
    ] = None,
    sigstore_trust: Trust = None,
    input_key: Annotated[
        Path | None,
        typer.Option(
            help="In the organisation: the file that opens the commitment to the fit's line in its ledger."
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Check a release bundle without a network: its files, its signature, and epsilon, recomputed from every release.

    Exit code 1 means that something differs.
    """
    with exits(debug):
        from tabgan.bundle.keyless import Signer, sigstore_of
        from tabgan.bundle.signatures import check_authority, load_public
        from tabgan.bundle.verification import verify as check

        trusted = None if key is None else load_public(key)
        authority = None if ca is None else check_authority(ca)
        if (identity is None) != (issuer is None):
            raise ConfigError(
                "--identity: it goes with --issuer, since two providers may know one name. Give both."
            )
        signer = None if identity is None or issuer is None else Signer(identity, issuer)
        if sigstore_trust is not None:
            sigstore_of(sigstore_trust, "--sigstore-trust")
        result = check(bundle, trusted, input_key, authority, signer, sigstore_trust)
        say("\n".join(result.notes))
        if result.problems:
            say(found={"bundle": bundle, "is_intact": False, "problems": list(result.problems)})
        result.raise_if_failed()
        say(f"{bundle}: intact", {"bundle": bundle, "is_intact": True, "notes": list(result.notes)})
