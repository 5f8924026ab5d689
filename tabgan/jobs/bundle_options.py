"""The key ``bundle`` of a job: all that a bundle needs beside the release itself."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, PlainValidator
from pydantic.dataclasses import dataclass

from tabgan.bundle.terms import Terms
from tabgan.jobs.fields import to_about, to_sign_key

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, config=_CONFIG)
class BundleOptions:
    """The bundle that a job makes of its release, and of all that describes it.

    Attributes:
        archive: Write release.zip as well, next to the folder.
        pdf: Write the shareable report as PDF too; by default if the extra ``pdf`` is installed, or the report has one.
        sign_key: File with the private key that signs it, in PEM, by the extra ``sign``; ``None`` leaves it unsigned.
        about: The controller's statements: licence, purpose, recipient and others, or a YAML file of them.
    """

    archive: bool = False
    pdf: bool | None = None
    sign_key: Annotated[Path | None, PlainValidator(to_sign_key)] = None
    about: Annotated[Terms, PlainValidator(to_about)] = field(default_factory=Terms)
