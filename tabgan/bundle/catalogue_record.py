"""A DCAT-AP record in JSON-LD, with HealthDCAT-AP's terms: the protected dataset, and the synthetic rows as its sample.

Nothing is said of the protected dataset but public facts, what the controller states, and released numbers.

References:
    SEMIC (2024), *DCAT-AP 3.0*. HealthData@EU (2026), *HealthDCAT-AP*, releases 6 to 8.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from tabgan.bundle.contents import Contents, DataField
from tabgan.bundle.manifest import FileFact
from tabgan.bundle.names import CARD, MEDIA_TYPES, REPORT_HTML, SYNTHETIC_CSV, SYNTHETIC_PARQUET
from tabgan.bundle.terms import HealthTerms

_EU = "http://publications.europa.eu/resource/authority"
_HEALTH = "https://hdeu-dcat.data.health.europa.eu/resource/authority"

#: Regulation (EU) 2025/327 on the European Health Data Space.
EHDS = "http://data.europa.eu/eli/reg/2025/327/oj"

CONTEXT = {
    "adms": "http://www.w3.org/ns/adms#",
    "csvw": "http://www.w3.org/ns/csvw#",
    "cv": "http://data.europa.eu/m8g/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geodcatap": "http://data.europa.eu/930/",
    "healthdcatap": "http://healthdataportal.eu/ns/health#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}

#: Names of CSVW's datatypes.
_DATATYPES = {"number": "double", "datetime": "dateTime", "duration": "string"}

_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+")


def record_of(contents: Contents, files: Mapping[str, FileFact]) -> dict[str, object]:
    """Return the record as plain data.

    HealthData@EU takes one dataset a record: of data about health, the synthetic rows are a sample and no dataset.

    Args:
        contents: The bundle's contents.
        files: The files of the bundle that it describes, by their names.
    """
    base = contents.terms.url or f"urn:uuid:{_uuid(files)}"
    ids = {name: f"{base}#{name}" for name in ("original", "synthetic", "variables", "controller", *files)}
    samples = [name for name in (SYNTHETIC_PARQUET, SYNTHETIC_CSV) if name in files]
    reports = [name for name in (REPORT_HTML, CARD) if name in files]
    graph = [
        _original(contents, ids, samples, reports),
        *([] if contents.terms.health else [_synthetic(contents, ids, samples)]),
        *(_distribution(contents, files[name], ids[name]) for name in (*samples, *reports)),
        _variables(contents, ids["variables"]),
    ]
    return {"@context": CONTEXT, "@graph": [_without_blanks(node) for node in graph]}


def _uuid(files: Mapping[str, FileFact]) -> uuid.UUID:
    """Return a name that follows from the data: the same files have the same."""
    return uuid.uuid5(uuid.NAMESPACE_OID, " ".join(files[name].sha256 for name in sorted(files)))


def _link(value: str | None) -> dict[str, str] | None:
    return None if value is None else {"@id": value}


def _number(value: int) -> dict[str, str]:
    return {"@value": str(value), "@type": "xsd:nonNegativeInteger"}


def _agent(name: str | None, contact: str | None, **more: Any) -> dict[str, Any] | None:
    """Return a person or body with its contact, a mail address or a page."""
    if name is None:
        return None
    found = {"@type": "foaf:Agent", "foaf:name": name, **more}
    if contact is not None:
        key, value = ("cv:email", contact) if _EMAIL.fullmatch(contact) else ("rdfs:label", contact)
        page = {"cv:contactPage": _link(contact)} if contact.startswith("https://") else {key: value}
        found["cv:contactPoint"] = {"@type": "cv:ContactPoint", **page}
    return found


def _kind(contact: str | None) -> dict[str, Any] | None:
    """Return a contact as a vCard; ``None`` for one that is neither a mail address nor a page."""
    if contact is not None and _EMAIL.fullmatch(contact):
        return {"@type": "vcard:Kind", "vcard:hasEmail": _link(f"mailto:{contact}")}
    if contact is not None and contact.startswith("https://"):
        return {"@type": "vcard:Kind", "vcard:hasURL": _link(contact)}
    return None


def _without_blanks(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if value is not None and value != []}


def _original(
    contents: Contents, ids: Mapping[str, str], samples: list[str], reports: list[str]
) -> dict[str, Any]:
    """Return the protected dataset."""
    terms = contents.terms
    health = terms.health
    controller = _agent(terms.controller, terms.contact, **{"@id": ids["controller"]})
    node = {
        "@id": ids["original"],
        "@type": "dcat:Dataset",
        "dct:title": f"{contents.title}: the protected original",
        "dct:description": "The original table, which is not part of the release. "
        + (f"Source: {terms.source}. " if terms.source else "")
        + "Its synthetic rows are given as a sample.",
        "dct:identifier": ids["original"],
        "dct:accessRights": _link(f"{_EU}/access-right/NON_PUBLIC"),
        "dct:publisher": controller,
        "geodcatap:custodian": None if controller is None else _link(ids["controller"]),
        "dct:provenance": {
            "@type": "dct:ProvenanceStatement",
            "rdfs:label": terms.source or "Not stated by the controller.",
        },
        "dcat:contactPoint": _kind(terms.contact),
        "dct:spatial": {"@type": "dct:Location", "rdfs:label": terms.region} if terms.region else None,
        "dcat:keyword": list(terms.keywords) or ["protected dataset with a synthetic sample"],
        "dcat:landingPage": _link(terms.url),
        "adms:sample": [_link(ids[name]) for name in samples],
        "healthdcatap:analytics": [_link(ids[name]) for name in reports],
        "healthdcatap:numberOfRecords": _number(contents.report.evaluation.n_real),
        "rdfs:comment": "The number of records is a released, noisy number.",
        "healthdcatap:hasStructuredData": {"@value": "true", "@type": "xsd:boolean"},
        "healthdcatap:hasVariables": _link(ids["variables"]),
    }
    return node | ({} if health is None else _health(health, contents))


def _health(health: HealthTerms, contents: Contents) -> dict[str, Any]:
    """Return HealthDCAT-AP's terms as the controller states them."""
    access = None
    if health.access_url is not None:
        access = {
            "@type": "dcat:Distribution",
            "dct:title": "Access on request",
            "dcatap:applicableLegislation": _link(EHDS),
            "dcat:accessURL": _link(health.access_url),
        }
    purpose = contents.terms.purpose
    return {
        "dcat:theme": _link(f"{_EU}/data-theme/HEAL"),
        "dcatap:applicableLegislation": _link(EHDS),
        "healthdcatap:healthCategory": _coded("healthcategories", health.category),
        "healthdcatap:healthTheme": _coded("health-theme", health.theme),
        "healthdcatap:hdab": _agent(health.access_body, health.access_body_contact),
        "dct:type": _link(f"{_EU}/dataset-type/{health.dataset_type}") if health.dataset_type else None,
        "healthdcatap:populationCoverage": health.population,
        "healthdcatap:hasCodingSystem": [_coded("coding-system", code) for code in health.coding_systems],
        "healthdcatap:minTypicalAge": None if health.min_age is None else _number(health.min_age),
        "healthdcatap:maxTypicalAge": None if health.max_age is None else _number(health.max_age),
        "dpv:hasLegalBasis": {"@type": "dpv:LegalBasis", "dct:description": health.legal_basis}
        if health.legal_basis
        else None,
        "dpv:hasPurpose": {"@type": "dpv:Purpose", "dct:description": purpose} if purpose else None,
        "dcat:distribution": access,
    }


def _coded(vocabulary: str, code: str | None) -> dict[str, str] | None:
    """Return a term of one of the HealthData@EU vocabularies."""
    return None if code is None else {"@id": code if "://" in code else f"{_HEALTH}/{vocabulary}/{code}"}


def _synthetic(contents: Contents, ids: Mapping[str, str], samples: list[str]) -> dict[str, Any]:
    """Return the synthetic dataset, which was derived from the protected one."""
    terms = contents.terms
    return {
        "@id": ids["synthetic"],
        "@type": "dcat:Dataset",
        "dct:title": contents.title,
        "dct:description": contents.description,
        "dct:identifier": ids["synthetic"],
        "dct:issued": None if contents.created is None else {"@value": contents.created, "@type": "xsd:date"},
        "dcat:version": terms.version,
        "dcat:keyword": ["synthetic data", "differential privacy", *terms.keywords],
        "dct:source": _link(ids["original"]),
        "dct:publisher": None if terms.controller is None else _link(ids["controller"]),
        "dcat:distribution": [_link(ids[name]) for name in samples],
        "prov:wasDerivedFrom": _link(ids["original"]),
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "rdfs:label": f"Fit under differential privacy and sampling, by {contents.software}",
        },
    }


def _distribution(contents: Contents, fact: FileFact, id_: str) -> dict[str, Any]:
    suffix = fact.name.rpartition(".")[2]
    is_table = fact.name in (SYNTHETIC_CSV, SYNTHETIC_PARQUET)
    about = "Synthetic rows" if is_table else "Report on the synthetic rows, of released numbers alone"
    file_type = {"csv": "CSV", "parquet": "PARQUET", "html": "HTML", "md": "MARKDOWN"}[suffix]
    epsilon, delta = contents.total
    return _without_blanks(
        {
            "@id": id_,
            "@type": "dcat:Distribution",
            "dct:title": f"{about}: {fact.name}",
            "dct:description": contents.description if is_table else about,
            "dcatap:applicableLegislation": _link(EHDS) if contents.terms.health else None,
            "dcat:accessURL": _link(contents.terms.url or fact.name),
            "dcat:downloadURL": _link(fact.name),
            "dct:format": _link(f"{_EU}/file-type/{file_type}"),
            "dcat:mediaType": _link(
                f"https://www.iana.org/assignments/media-types/{MEDIA_TYPES[f'.{suffix}']}"
            ),
            "dcat:byteSize": _number(fact.bytes),
            "spdx:checksum": {
                "@type": "spdx:Checksum",
                "spdx:algorithm": _link("http://spdx.org/rdf/terms#checksumAlgorithm_sha256"),
                "spdx:checksumValue": fact.sha256,
            },
            "dct:license": _link(contents.terms.license_url),
            "dct:rights": {
                "@type": "dct:RightsStatement",
                "rdfs:label": f"Made under ({epsilon:g}, {delta:g})-differential privacy; see dp-statement.json.",
            },
            "adms:status": _link(f"{_EU}/distribution-status/COMPLETED"),
        }
    )


def _variables(contents: Contents, id_: str) -> dict[str, Any]:
    """Return the variables as a group of one CSVW table."""
    return {
        "@id": id_,
        "@type": "csvw:TableGroup",
        "dct:title": f"Variables of {contents.title}",
        "csvw:table": {
            "@type": "csvw:Table",
            "dct:title": contents.title,
            "csvw:url": _link(SYNTHETIC_CSV),
            "csvw:column": [_column(each) for each in contents.fields],
        },
    }


def _column(column: DataField) -> dict[str, Any]:
    about = ": ".join(part for part in (column.kind, column.text) if part)
    return {
        "@type": "csvw:Column",
        "csvw:name": column.name,
        "csvw:title": column.name,
        "csvw:datatype": _DATATYPES.get(column.type, column.type),
        "dct:description": about or "true in every row: it is synthetic",
    }
