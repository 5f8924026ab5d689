"""The key ``bundle`` of a job: all that a bundle needs beside the release itself."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, PlainValidator
from pydantic.dataclasses import dataclass

from tabgan.bundle.keyless import Sigstore, sigstore_of
from tabgan.bundle.terms import Terms
from tabgan.errors import ConfigError
from tabgan.jobs.fields import to_about, to_sign_key, to_sigstore_trust

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, config=_CONFIG)
class BundleOptions:
    """The bundle that a job makes of its release, and of all that describes it.

    Attributes:
        archive: Write release.zip as well, next to the folder.
        pdf: Write the shareable report as PDF too; by default if the extra ``pdf`` is installed, or the report has one.
        sign_key: File with the private key that signs it, in PEM, by the extra ``sign``; ``None`` leaves it unsigned.
        sigstore: Sign it by an identity, with Sigstore's services over the network, by the extra ``sign``.
        sigstore_trust: File of another Sigstore's services and keys; ``None`` for the public ones.
        about: The controller's statements: licence, purpose, recipient and others, or a YAML file of them.
    """

    archive: bool = False
    pdf: bool | None = None
    sign_key: Annotated[Path | None, PlainValidator(to_sign_key)] = None
    sigstore: bool = False
    sigstore_trust: Annotated[Path | None, PlainValidator(to_sigstore_trust)] = None
    about: Annotated[Terms, PlainValidator(to_about)] = field(default_factory=Terms)

    def __post_init__(self) -> None:
        if self.sigstore:
            sigstore_of(self.sigstore_trust, "bundle.sigstore_trust")
        elif self.sigstore_trust is not None:
            raise ConfigError(
                "bundle.sigstore_trust: it goes with bundle.sigstore: true. Give both, or none."
            )

    @property
    def services(self) -> Sigstore | None:
        """The services of Sigstore that sign it; ``None`` if none was asked for."""
        return Sigstore(self.sigstore_trust) if self.sigstore else None
