"""The README: a dataset card as Hugging Face reads it, with a header in YAML and text."""

from __future__ import annotations

from typing import Any

import yaml

from tabgan.bundle.contents import Contents
from tabgan.bundle.names import (
    CARD,
    DE_IDENTIFICATION,
    DP_STATEMENT,
    LEDGER_EXTRACT,
    MANIFEST,
    MARGINALS,
    MODEL,
    REPORT_HTML,
    SCHEMA,
    SYNTHETIC_CSV,
    SYNTHETIC_PARQUET,
)
from tabgan.bundle.wording import worded
from tabgan.report import to_markdown

#: Each file in a few words, in the order of a reader's needs.
FILES = {
    SYNTHETIC_PARQUET: "the synthetic rows",
    SYNTHETIC_CSV: "the synthetic rows as text",
    SCHEMA: "columns, kinds and domains, as declared or released",
    REPORT_HTML: "the report, made of released numbers and the synthetic rows",
    CARD: "the data card",
    MODEL: "the model, from which more rows can be drawn at no cost: `tabgan sample`",
    MARGINALS: "the noisy counts that the fit released, for statistics rather than rows",
    DP_STATEMENT: "the guarantee, for programs",
    LEDGER_EXTRACT: "every release, from which epsilon can be recomputed",
    DE_IDENTIFICATION: "the controller's statement on recipients and risks",
    MANIFEST: "digests of all files",
}

_SIZES = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M", 10**7: "1M<n<10M"}

#: Licences that Hugging Face knows, in small letters; any other has a name and a link of its own.
_KNOWN = {
    *(
        "apache-2.0",
        "mit",
        "cc0-1.0",
        "cc-by-4.0",
        "cc-by-sa-4.0",
        "cc-by-nc-4.0",
        "cc-by-nd-4.0",
        "cc-by-nc-sa-4.0",
    ),
    *("cc-by-nc-nd-4.0", "odbl", "odc-by", "pddl", "cdla-permissive-2.0", "etalab-2.0", "cc-by-3.0"),
}


def card_of(contents: Contents, names: list[str]) -> str:
    """Return the card.

    Args:
        contents: The bundle's contents.
        names: The bundle's files.
    """
    header = yaml.safe_dump(_header(contents, names), sort_keys=False, allow_unicode=True, width=1_000)
    body = to_markdown(contents.report).partition("\n")[2].strip()
    lines = [f"- `{name}`: {FILES[name]}" for name in FILES if name in names]
    text = [
        f"# {worded(contents.title, 200)}",
        worded(contents.description, 2_000),
        "**These rows are synthetic.** They were drawn from a model, not taken from anybody.",
        "## Files",
        "\n".join(lines),
        "## Check this release",
        "```sh\npip install tabgan-dp\ntabgan verify .    # digests, signature, and epsilon recomputed from "
        "every release\n```",
        "## Data card",
        body.replace("\n## ", "\n### "),
    ]
    return f"---\n{header}---\n\n" + "\n\n".join(text) + "\n"


def _header(contents: Contents, names: list[str]) -> dict[str, Any]:
    """Return the header: licence, size, tasks, files of data."""
    terms = contents.terms
    size = next((name for most, name in _SIZES.items() if contents.n_rows < most), "n>10M")
    data = next((name for name in (SYNTHETIC_PARQUET, SYNTHETIC_CSV) if name in names), None)
    config = {"config_name": "default", "data_files": [{"split": "train", "path": data}]}
    found: dict[str, Any] = {
        **_license(contents),
        "language": [terms.language] if terms.language else None,
        "pretty_name": contents.title,
        "size_categories": [size],
        "task_categories": _tasks(contents),
        "annotations_creators": ["machine-generated"],
        "tags": ["synthetic", "tabular", "differential-privacy", *terms.keywords],
        "configs": None if data is None else [config],
    }
    return {key: value for key, value in found.items() if value is not None}


def _license(contents: Contents) -> dict[str, str]:
    license = contents.terms.license
    if license is None:
        return {}
    if license.lower() in _KNOWN:
        return {"license": license.lower()}
    return {"license": "other", "license_name": license, "license_link": str(contents.terms.license_url)}


def _tasks(contents: Contents) -> list[str] | None:
    targets = {each.type for each in contents.fields if each.is_target}
    found = {"tabular-regression" if type_ == "number" else "tabular-classification" for type_ in targets}
    return sorted(found) or None
