"""The statement of differential privacy for programs: what is promised, by which mechanisms, and what is not covered.

It holds the same facts in three forms: its own, with a JSON Schema beside it; the fields of the Differential Privacy
Deployments Registry; and the items of a privacy label.

References:
    Nanayakkara, Ghazi & Vadhan (2025), *Practitioners' Perspectives on a Differential Privacy Deployment Registry*,
    arXiv 2509.13509; the registry's schema is that of opendp/deployments-registry-data.
    Dibia, Lu, Bhattacharjee, Near & Feng (2025), *"We Need a Standard": Toward an Expert-Informed Privacy Label for
    Differential Privacy*, arXiv 2507.15997.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

from tabgan.bundle.contents import Contents
from tabgan.privacy.events import MECHANISMS, Release
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.unit import PrivacyUnit

FORMAT, VERSION = "tabgan-dp-statement", 1

#: Text for what the controller has not stated.
NOT_STATED = "not stated"

#: Limits of the guarantee that hold for every release of this package; docs/privacy.md has all of them.
NOT_COVERED = (
    "Other releases from the same original: epsilons of all of them add up, and only the organisation's ledger knows "
    "the total.",
    "Facts that hold for many people: they stay visible, and a conclusion about somebody may be drawn from them "
    "even if "
    "that person's data were never used.",
    "The fact that the release exists, if a limit on figures of real rows, or a person who saw such figures, "
    "decided on "
    "it.",
    "Several units of one person at once: where the unit is a row, a person with several rows is protected less than "
    "one with a single row.",
    "A small probability, which delta limits in its order of magnitude only, that somebody's belief changes by more "
    "than the bounds say.",
    "Rows that were removed, added or edited after the model had drawn them.",
    "The time that the fit took.",
    "Information that others hold already, about one person or about the original as a whole.",
)

#: Public methods behind the accountant's number.
ACCOUNTING = (
    "All Gaussian releases compose to one Gaussian mechanism (Dong, Roth & Su 2022; Smith & Thakurta 2022 for a fixed "
    "total with adaptive parts). Privacy loss distributions, which round up, compose it with the steps of "
    "DP-SGD and the "
    "deltas of the threshold mechanisms."
)


def statement_of(contents: Contents) -> dict[str, object]:
    """Return the statement as plain data."""
    epsilon, delta = contents.total
    return {
        "format": FORMAT,
        "version": VERSION,
        "title": contents.title,
        "created": contents.created,
        "software": contents.software,
        "guarantee": {
            "definition": "(epsilon, delta)-differential privacy",
            "epsilon": epsilon,
            "delta": delta,
            "parts": [_part(what, privacy) for what, privacy in parts_of(contents)],
            "composition_of_parts": "basic: epsilons and deltas of the parts add up",
        },
        "unit": unit_of(contents.privacy.unit),
        "adjacency": {
            "relation": contents.privacy.neighboring_relation,
            "in_words": f"Two tables are neighbours if one has one {contents.privacy.unit.name} more than the other.",
        },
        "model_of_trust": "central: the organisation that holds the original runs the mechanisms",
        "mechanisms": mechanisms_of(
            release for _, privacy in parts_of(contents) for release in privacy.entries
        ),
        "accountant": {
            "library": "dp-accounting",
            "version": dict(contents.report.versions).get("dp-accounting"),
            "method": ACCOUNTING,
        },
        "assumed_to_be_public": list(contents.report.assumptions),
        "not_covered": list(not_covered(contents)),
        "belief_bounds": [
            {"before": odds.before, "at_least": odds.at_least, "at_most": odds.at_most}
            for odds in contents.report.odds
        ],
        "dp_deployments_registry": registry_record(contents),
        "privacy_label": privacy_label(contents),
    }


def not_covered(contents: Contents) -> tuple[str, ...]:
    """Return the limits of a guarantee, in sentences: those of every release, and the persons whom this one shows."""
    persons = tuple(
        f"The persons, accounts or contracts behind the values of {each.column}: many rows hold such a value, and the "
        "guarantee protects rows."
        for each in contents.report.persons
    )
    return (*NOT_COVERED, *persons)


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of the statement."""
    text = resources.files("tabgan.bundle").joinpath("dp-statement.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def parts_of(contents: Contents) -> tuple[tuple[str, PrivacyStatement], ...]:
    """Return the parts of the guarantee by their names: the fit, and private metrics if they were measured."""
    extra = contents.report.private_metrics
    return (("fit", contents.privacy), *(() if extra is None else (("private metrics", extra),)))


def _part(what: str, privacy: PrivacyStatement) -> dict[str, Any]:
    return {
        "what": what,
        "epsilon": privacy.epsilon,
        "delta": privacy.delta,
        "epsilon_spent": privacy.epsilon_spent,
        "releases": len(privacy.entries),
    }


def unit_of(unit: PrivacyUnit) -> dict[str, object]:
    """Return the unit of privacy as plain data."""
    return {
        "kind": unit.kind,
        "column": unit.entity,
        "max_rows": unit.max_rows,
        "in_words": f"One {unit.name}.",
    }


def mechanisms_of(releases: Iterable[Release]) -> list[dict[str, object]]:
    """Return the mechanisms that ran, each with the ranges of its parameters."""
    found: dict[str, list[Release]] = {name: [] for name in MECHANISMS}
    for release in releases:
        found[release.mechanism].append(release)
    return [
        {
            "name": name,
            "releases": len(own),
            "released": sorted({release.what for release in own}),
            "noise_multiplier": _ends(release.noise_multiplier for release in own),
            "l2_sensitivity": _ends(release.sensitivity for release in own),
            "delta": sum(release.delta for release in own),
            "sample_rate": _ends(release.sample_rate for release in own),
            "steps": sum(release.steps for release in own),
        }
        for name, own in found.items()
        if own
    ]


def _ends(values: Iterable[float]) -> dict[str, float]:
    known = sorted(values)
    return {"lowest": known[0], "highest": known[-1]}


def registry_record(contents: Contents) -> dict[str, object]:
    """Return the record of the DP Deployments Registry: a draft, whose blanks its author fills in."""
    terms, privacy, (epsilon, delta) = contents.terms, contents.privacy, contents.total
    named = ", ".join(str(each["name"]) for each in mechanisms_of(privacy.entries))
    sector = {} if terms.sector is None else {"data_product_sector": terms.sector}
    return {
        "url_slug": contents.slug,
        "status": "Draft",
        "tier": 3,
        "deployment": {
            "basic": {
                "name": contents.title,
                "data_curators": [terms.controller or NOT_STATED],
                "intended_use": terms.purpose or NOT_STATED,
                "data_product_type": "Synthetic data",
                "data_product_region": terms.region or NOT_STATED,
                "description": contents.description,
                "publication_date": contents.created or "1900-01-01",
                **sector,
            },
            "dp_variant": {
                "variant_name": "Approximate DP",
                "data_domain": f"Tables with the columns {_listed([each.name for each in contents.fields])}.",
                "unprotected_quantities": " ".join(contents.report.assumptions),
            },
            "privacy_loss": {
                "privacy_unit": privacy.unit.kind if privacy.entity is None else f"entity ({privacy.entity})",
                "privacy_unit_details": f"Neighbouring tables differ by one {privacy.unit.name} added or removed.",
                "privacy_parameters": {"epsilon": epsilon, "delta": delta},
                "privacy_parameters_details": "; ".join(
                    f"{what}: epsilon {each.epsilon:g}, delta {each.delta:g}"
                    for what, each in parts_of(contents)
                ),
            },
            "deployment_model": {
                "model_name": "Central",
                "actors": "The controller holds the original and runs the mechanisms. Recipients get the release only.",
                "release_type": "One release",
                "release_type_details": NOT_COVERED[0],
                "data_source_type": "Static",
                "access_type": "Non-interactive",
            },
            "accounting": {
                "post_processing": "The synthetic rows, the model, the completed schema and the report are "
                "computed from "
                "the noisy releases alone.",
                "composition": ACCOUNTING,
            },
            "implementation": {
                "preprocessing_and_hyperparameter_tuning": "Kinds, bounds and categories that were not declared were "
                "found under the same epsilon. That other arguments were not tuned on the original is an assumption.",
                "mechanisms": f"{named}. Noise on counts: OpenDP, on a grid, from the operating system's entropy. "
                f"Software: {contents.software}.",
                "justification": NOT_STATED,
            },
            "administrative": {
                "sources": terms.url or NOT_STATED,
                "registry_authors": [terms.contact or terms.controller or NOT_STATED],
            },
        },
    }


def privacy_label(contents: Contents) -> dict[str, object]:
    """Return the items of a privacy label: the parameters that experts want to see together, in words."""
    privacy, (epsilon, delta) = contents.privacy, contents.total
    return {
        "privacy_loss_epsilon": epsilon,
        "failure_probability_delta": delta,
        "definition": "approximate differential privacy",
        "unit_of_privacy": privacy.unit.name,
        "neighbouring_relation": "one unit added or removed",
        "trust_model": "central",
        "mechanisms": [each["name"] for each in mechanisms_of(privacy.entries)],
        "sensitivity": f"bounded: at most {privacy.max_rows} row(s) of a unit are used",
        "accounting": "privacy loss distributions; basic composition of fit and private metrics",
        "releases_over_time": "one; others from the same original add to it",
        "invariants": "none among the numbers; public facts are listed as assumptions",
        "purpose": contents.terms.purpose or NOT_STATED,
        "curator": contents.terms.controller or NOT_STATED,
    }


def _listed(names: list[str], most: int = 30) -> str:
    further = len(names) - most
    return ", ".join(names[:most]) + (f" and {further} more" if further > 0 else "")
