"""Croissant 1.1 metadata, with fields for responsible AI and PROV-O provenance.

Statistics of fields follow from released, noisy counts, never from rows of the original.

References:
    MLCommons (2026), *Croissant Format Specification 1.1*. MLCommons (2024), *Croissant RAI Specification 1.0*.
    W3C (2013), *PROV-O: The PROV Ontology*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tabgan.bundle.contents import Contents, DataField
from tabgan.bundle.dp_statement import not_covered
from tabgan.bundle.manifest import FileFact
from tabgan.bundle.names import SYNTHETIC_CSV, SYNTHETIC_PARQUET

#: The context that the specification recommends, with PROV-O and the vocabulary of summary statistics.
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "ddi-stats": "http://rdf-vocabulary.ddialliance.org/cv/SummaryStatisticType/2.1.2/",
    "annotation": "cr:annotation",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "excludes": "cr:excludes",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "readLines": "cr:readLines",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sdVersion": "cr:sdVersion",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "unArchive": "cr:unArchive",
    "value": "cr:value",
}

_DATA_TYPES = {
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "datetime": "sc:DateTime",
    "date": "sc:Date",
    "time": "sc:Time",
    "duration": "sc:Text",
    "string": "sc:Text",
}

#: Formats of data files, by the names that readers of Croissant know.
_ENCODINGS = {"csv": "text/csv", "parquet": "application/x-parquet"}

#: Terms of the DDI vocabulary of summary statistics.
_MEAN, _MAXIMUM = "ddi-stats:7975ed0", "ddi-stats:8321e79"


def croissant_of(contents: Contents, files: Mapping[str, FileFact]) -> dict[str, object]:
    """Return the metadata as plain data.

    Args:
        contents: The bundle's contents.
        files: Its data files by their names.
    """
    terms = contents.terms
    agent = {"@type": "Organization", "name": terms.controller} if terms.controller else None
    stated = {
        "license": terms.license_url,
        "url": terms.url,
        "creator": agent,
        "publisher": agent,
        "datePublished": contents.created,
        "inLanguage": terms.language,
    }
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": contents.title,
        "description": contents.description,
        "version": terms.version,
        **{key: value for key, value in stated.items() if value is not None},
        "keywords": ["synthetic data", "differential privacy", *terms.keywords],
        "citeAs": _citation(contents),
        "isLiveDataset": False,
        **_responsible(contents),
        **_provenance(contents),
        "distribution": [_file(fact) for fact in files.values()],
        "recordSet": [_records(contents, files)],
    }


def _citation(contents: Contents) -> str:
    who, when = contents.terms.controller or "Author not stated", contents.created or "n.d."
    return f"{who} ({when}). {contents.title}, synthetic data, version {contents.terms.version}. {contents.software}."


def _file(fact: FileFact) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": fact.name,
        "name": fact.name,
        "contentUrl": fact.name,
        "contentSize": f"{fact.bytes} B",
        "encodingFormat": _ENCODINGS[fact.name.rpartition(".")[2]],
        "sha256": fact.sha256,
    }


def _records(contents: Contents, files: Mapping[str, FileFact]) -> dict[str, Any]:
    has_durations = any(
        each.type == "duration" for each in contents.fields
    )  # text to Croissant, and not in Parquet
    is_csv = SYNTHETIC_PARQUET not in files or (has_durations and SYNTHETIC_CSV in files)
    main = SYNTHETIC_CSV if is_csv else SYNTHETIC_PARQUET
    n_rows = contents.report.evaluation.n_real
    return {
        "@type": "cr:RecordSet",
        "@id": "synthetic",
        "name": "synthetic",
        "description": f"{contents.n_rows:,} synthetic rows. The original has about {n_rows:,}, a released, "
        f"noisy number.",
        "field": [_field(each, main, place) for place, each in enumerate(contents.fields)],
    }


def _id_of(name: str, place: int) -> str:
    """Return the identifier of a column, which may hold no space: its name if that is plain, else its place."""
    is_plain = re.fullmatch(r"[A-Za-z0-9_.-]+", name) and not re.fullmatch(r"column-\d+", name)
    return f"synthetic/{name if is_plain else f'column-{place}'}"


def _field(column: DataField, file: str, place: int) -> dict[str, Any]:
    """Return a field, with its released statistics as annotations."""
    name = _id_of(column.name, place)
    about = [column.kind, column.text] if column.kind else ["true in every row: it is synthetic"]
    return {
        "@type": "cr:Field",
        "@id": name,
        "name": column.name,
        "description": ": ".join(part for part in about if part) + _shares(column),
        "dataType": _DATA_TYPES[column.type],
        "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
        **({"annotation": found} if (found := _annotations(column, name)) else {}),
    }


def _shares(column: DataField) -> str:
    """Return the released shares of a column's most frequent categories, as a sentence."""
    if not column.shares:
        return ""
    told = ", ".join(f"{category} {share:.1%}" for category, share in column.shares)
    return f". Released, noisy shares in the original: {told}"


def _annotations(column: DataField, name: str) -> list[dict[str, Any]]:
    """Return the released statistics of a column, in Croissant's form for descriptive statistics."""
    found = []

    def add(what: str, value: float, data_type: str, description: str, same_as: str | None = None) -> None:
        found.append(
            {
                "@type": "cr:Field",
                "@id": f"{name}/{what}",
                "name": f"{name}/{what}",
                "description": description,
                "value": value,
                "dataType": data_type,
                **({} if same_as is None else {"equivalentProperty": same_as}),
            }
        )

    if column.mean is not None:
        add("mean", column.mean, _MEAN, "Mean in the original, by its released, noisy histogram.")
    if column.limits is not None:
        low, high = column.limits
        add("minimum", low, "sc:Float", "Lowest value of the declared or released domain.", "sc:minValue")
        add("maximum", high, _MAXIMUM, "Highest value of the declared or released domain.", "sc:maxValue")
    if column.missing is not None:
        add(
            "missing",
            column.missing,
            "sc:Float",
            "Released, noisy share of the original's rows without a value.",
        )
    return found


def _responsible(contents: Contents) -> dict[str, Any]:
    """Return the fields for responsible AI."""
    losses = [f"{loss.column}: {loss.text}" for loss in contents.report.losses[:20]]
    missing = [f"{each.name} {each.missing:.1%}" for each in contents.fields if each.missing]
    epsilon, delta = contents.total
    return {
        "rai:dataCollection": "Rows were drawn by a program from a model; nobody was asked for them. The model "
        "was fitted "
        f"to an original table ({contents.terms.source or 'source not stated'}) with differential privacy.",
        "rai:dataCollectionType": ["Others: sampled from a generative model"],
        "rai:dataCollectionMissingData": (
            f"Released, noisy shares of missing values in the original: {', '.join(missing)}."
            if missing
            else "No released column has missing values in a share that the noise lets see."
        ),
        "rai:dataManipulationProtocol": [
            f"{contents.software} measured noisy counts of the original, fitted a generator to them, and sampled it.",
            "Each release is a line of ledger-extract.json.",
        ],
        "rai:personalSensitiveInformation": [
            "Rows are drawn, not taken; some may coincide with real ones, as a guess may.",
            f"The release of all that is here is ({epsilon:g}, {delta:g})-differentially private for one "
            f"{contents.privacy.unit.name} added or removed.",
        ],
        "rai:dataUseCases": [
            contents.terms.purpose
            or "Exploring data, testing software, training models where the original must not go."
        ],
        "rai:dataLimitations": [
            *not_covered(contents),
            "Noise hides patterns that few rows carry: findings about small groups need a check against the original.",
            *losses,
        ],
        "rai:dataBiases": "Biases of the original carry over, and can grow for small groups, whose values noise "
        "may hide.",
        "rai:dataSocialImpact": "Not meant for decisions about individuals.",
        "rai:dataReleaseMaintenancePlan": (
            f"Next review by the controller: {contents.terms.review_date}."
            if contents.terms.review_date
            else "The controller has not stated a date of review."
        ),
    }


def _provenance(contents: Contents) -> dict[str, Any]:
    """Return the provenance in PROV-O: original, fit and sample, software and controller."""
    controller = contents.terms.controller
    agent = (
        {}
        if controller is None
        else {"prov:wasAttributedTo": {"@type": "prov:Agent", "prov:label": controller}}
    )
    return {
        "prov:wasDerivedFrom": {
            "@id": "urn:tabgan:original",
            "@type": "prov:Entity",
            "prov:label": f"The original table, which is not part of this release. "
            f"Source: {contents.terms.source or 'not stated'}",
        },
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": "Fit under differential privacy, then sampling of synthetic rows",
            "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent", "prov:label": contents.software},
        },
        **agent,
    }
