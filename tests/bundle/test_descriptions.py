"""The descriptions of a bundle against the specifications of their formats, and against the schema and the report."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
import yaml

from tabgan.bundle.contents import Contents
from tabgan.bundle.croissant import CONTEXT, _id_of
from tabgan.bundle.de_identification import de_identification_of
from tabgan.bundle.dp_statement import json_schema
from tabgan.bundle.names import (
    CATALOGUE,
    CROISSANT,
    DATAPACKAGE,
    DE_IDENTIFICATION,
    DP_SCHEMA,
    DP_STATEMENT,
    LEDGER_EXTRACT,
    MANIFEST,
    README,
)
from tabgan.bundle.terms import Terms
from tabgan.bundle.wording import worded
from tabgan.errors import PrivacyError
from tabgan.evaluation.result import Metric
from tests.bundle.conftest import ODD

TERMS_CONTROLLER, SPDX = "Ward | office <b>", "https://spdx.org/licenses"


@pytest.fixture
def read(made):
    return lambda name: json.loads((made / name).read_text())


class TestCroissant:
    @pytest.mark.filterwarnings("ignore")
    def test_the_librarys_own_validation(self, made):
        library = pytest.importorskip("mlcroissant")
        dataset = library.Dataset(str(made / CROISSANT))
        assert dataset.metadata.name == "people"
        assert not dataset.metadata.ctx.issues.errors
        assert len(list(dataset.records("synthetic"))) == 60

    def test_what_the_specification_requires(self, read):
        data = read(CROISSANT)
        required = {"@context", "@type", "conformsTo", "description", "license", "name", "url", "creator"}
        assert required | {"datePublished", "version", "distribution"} <= set(data)
        assert data["conformsTo"] == [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/RAI/1.0",
        ]
        assert data["@context"] == CONTEXT

    def test_identifiers_are_unique_and_hold_no_space(self):
        names = ["age", "a b", "column-1", "a b", "ä"]
        assert [_id_of(name, place) for place, name in enumerate(names)] == [
            "synthetic/age",
            *(f"synthetic/column-{place}" for place in range(1, 5)),
        ]

    def test_files_and_fields(self, read, made):
        data = read(CROISSANT)
        manifest = {each["name"]: each["sha256"] for each in read(MANIFEST)["files"]}
        for file in data["distribution"]:
            assert file["sha256"] == manifest[file["name"]]
        (records,) = data["recordSet"]
        fields = {each["name"]: each["dataType"] for each in records["field"]}
        assert list(fields) == list(pd.read_csv(made / "synthetic.csv").columns)
        assert fields == {
            "age": "sc:Integer",
            "town": "sc:Text",
            "income": "sc:Float",
            "seen": "sc:DateTime",
            "stay": "sc:Text",
            ODD: "sc:Boolean",
        }

    def test_statistics_follow_from_released_numbers(self, read, made):
        """They are those of the shareable report, whose counts are noisy."""
        columns = {card["name"]: card for card in read("report.json")["columns"]}
        n_rows = read("report.json")["evaluation"]["n_real"]
        for field in read(CROISSANT)["recordSet"][0]["field"]:
            told = {each["@id"].rpartition("/")[2]: each["value"] for each in field.get("annotation", ())}
            overlay = columns[field["name"]]["overlay"]
            assert told["missing"] == round(max(overlay["missing"]["real"], 0) / n_rows, 4)
            if field["name"] in ("age", "income"):
                ends = [(one["low"] + one["high"]) / 2 for one in overlay["bins"]]
                counts = [one["counts"]["real"] for one in overlay["bins"]]
                mean = sum(e * c for e, c in zip(ends, counts, strict=True)) / sum(counts)
                assert told["mean"] == pytest.approx(mean, rel=1e-3)
                bounds = yaml.safe_load((made / "schema.yaml").read_text())["columns"][field["name"]][
                    "bounds"
                ]
                assert [told["minimum"], told["maximum"]] == bounds

    def test_provenance_and_responsible_ai(self, read):
        data = read(CROISSANT)
        assert data["prov:wasGeneratedBy"]["prov:wasAssociatedWith"]["prov:label"].startswith("tabgan ")
        assert "ward records" in data["prov:wasDerivedFrom"]["prov:label"]
        known = {"dataCollection", "dataCollectionType", "dataCollectionMissingData", "dataManipulationProtocol",
                 "personalSensitiveInformation", "dataUseCases", "dataLimitations", "dataBiases", "dataSocialImpact",
                 "dataReleaseMaintenancePlan"}  # fmt: skip
        assert {key.removeprefix("rai:") for key in data if key.startswith("rai:")} == known


class TestDataPackage:
    @pytest.mark.filterwarnings("ignore")
    def test_the_librarys_own_validation(self, made):
        library = pytest.importorskip("frictionless")
        report = library.Package(str(made / DATAPACKAGE)).validate()
        assert report.valid, report.flatten(["title", "message"])

    def test_fields(self, read):
        parquet, csv = read(DATAPACKAGE)["resources"]
        assert (parquet["path"], csv["path"]) == ("synthetic.parquet", "synthetic.csv")
        fields = {field["name"]: field for field in csv["schema"]["fields"]}
        assert fields["age"]["type"] == "integer"
        assert fields["town"]["constraints"]["enum"][:2] == ["Bonn", "Ulm"]
        assert "constraints" not in {k for field in parquet["schema"]["fields"] for k in field}


class TestCatalogue:
    def test_the_synthetic_rows_are_a_sample_of_the_protected_dataset(self, read):
        graph = {node["@id"].rpartition("#")[2]: node for node in read(CATALOGUE)["@graph"]}
        original = graph["original"]
        assert original["dct:accessRights"]["@id"].endswith("/NON_PUBLIC")
        assert [each["@id"].rpartition("#")[2] for each in original["adms:sample"]] == [
            "synthetic.parquet",
            "synthetic.csv",
        ]
        assert original["healthdcatap:healthCategory"]["@id"].endswith("/healthcategories/EHRS")
        assert original["healthdcatap:hdab"]["foaf:name"] == "The body"
        assert "synthetic" not in graph

    def test_data_that_is_not_about_health_is_two_datasets(self, model):
        from tabgan.bundle.catalogue_record import record_of

        record = record_of(contents(model), {})
        graph = {node["@id"].rpartition("#")[2]: node for node in record["@graph"]}
        assert graph["synthetic"]["dct:source"]["@id"] == graph["original"]["@id"]
        assert not [key for key in graph["original"] if "healthCategory" in key or "hdab" in key]

    def test_what_healthdata_eu_requires_of_a_protected_dataset(self, read):
        """Of the shapes of HealthDCAT-AP, release 8, for NON_PUBLIC data."""
        graph = {node["@id"].rpartition("#")[2]: node for node in read(CATALOGUE)["@graph"]}
        required = """dct:title dct:description dct:accessRights dcatap:applicableLegislation dcat:distribution
            dct:identifier dct:publisher dcat:theme healthdcatap:hdab healthdcatap:healthCategory dct:provenance
            healthdcatap:hasStructuredData healthdcatap:hasVariables dcat:contactPoint dcat:keyword dct:type"""
        assert set(required.split()) <= set(graph["original"])
        for agent in ("dct:publisher", "healthdcatap:hdab"):
            assert graph["original"][agent]["cv:contactPoint"]["cv:email"]
        assert graph["original"]["dcat:contactPoint"]["vcard:hasEmail"]["@id"].startswith("mailto:")
        for name in ("synthetic.csv", "report.html"):
            assert {"dcatap:applicableLegislation", "dcat:accessURL"} <= set(graph[name])
        table = graph["variables"]["csvw:table"]
        assert all((graph["variables"]["dct:title"], table["dct:title"], table["csvw:url"]["@id"]))
        assert [column["csvw:name"] for column in table["csvw:column"]] == [
            "age",
            "town",
            "income",
            "seen",
            "stay",
            ODD,
        ]
        types = [column["csvw:datatype"] for column in table["csvw:column"]]
        assert types == ["integer", "string", "double", "dateTime", "string", "boolean"]
        assert all(column["dct:description"] for column in table["csvw:column"])

    def test_its_number_of_records_is_the_released_one(self, read):
        graph = read(CATALOGUE)["@graph"]
        told = int(graph[0]["healthdcatap:numberOfRecords"]["@value"])
        assert told == read("report.json")["evaluation"]["n_real"]

    @pytest.mark.filterwarnings("ignore")
    def test_it_is_rdf(self, made):
        rdflib = pytest.importorskip("rdflib")
        graph = rdflib.Graph().parse(made / CATALOGUE, format="json-ld", publicID="https://example.org/b/")
        dcat = rdflib.Namespace("http://www.w3.org/ns/dcat#")
        assert len(set(graph.subjects(rdflib.RDF.type, dcat.Dataset))) == 1


class TestDpStatement:
    def test_its_schema(self, read):
        library = pytest.importorskip("jsonschema")
        library.validate(read(DP_STATEMENT), json_schema(), cls=library.Draft202012Validator)
        with pytest.raises(library.ValidationError):
            library.validate(read(DP_STATEMENT) | {"version": 2}, json_schema())

    def test_the_schema_lies_beside_it_and_names_every_key(self, read):
        assert read(DP_SCHEMA) == json_schema()
        assert set(json_schema()["properties"]) == set(json_schema()["required"]) == set(read(DP_STATEMENT))

    def test_what_it_says(self, read, model):
        told = read(DP_STATEMENT)
        assert (told["guarantee"]["epsilon"], told["guarantee"]["delta"]) == (5.0, 1e-6)
        assert told["unit"] == {"kind": "row", "column": None, "max_rows": 1, "in_words": "One row."}
        assert sum(each["releases"] for each in told["mechanisms"]) == len(model.privacy_.entries)
        assert set(model.privacy_.assumptions) < set(told["assumed_to_be_public"])
        assert told["accountant"]["library"] == "dp-accounting"

    def test_the_registrys_record(self, read):
        """The keys of opendp/deployments-registry-data, as far as they are required or filled in."""
        record = read(DP_STATEMENT)["dp_deployments_registry"]
        assert set(record) == {"url_slug", "status", "tier", "deployment"}
        parts = record["deployment"]
        assert set(parts) == {"basic", "dp_variant", "privacy_loss", "deployment_model", "accounting",
                              "implementation", "administrative"}  # fmt: skip
        assert (record["status"], parts["basic"]["data_product_type"]) == ("Draft", "Synthetic data")
        assert parts["privacy_loss"]["privacy_parameters"] == {"epsilon": 5.0, "delta": 1e-6}
        assert parts["dp_variant"]["variant_name"] == "Approximate DP"
        assert parts["basic"]["data_curators"] == [TERMS_CONTROLLER]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", parts["basic"]["publication_date"])


class TestDocuments:
    def test_the_readmes_header(self, made):
        _, header, body = (made / README).read_text().split("---\n", 2)
        data = yaml.safe_load(header)
        assert (data["license"], data["size_categories"]) == ("cc-by-4.0", ["n<1K"])
        assert data["configs"][0]["data_files"][0]["path"] == "synthetic.parquet"
        assert data["task_categories"] == ["tabular-classification"]
        assert {"synthetic", "differential-privacy"} <= set(data["tags"])
        assert body.lstrip().startswith("# people\n")

    @pytest.mark.parametrize(
        ("license", "told"),
        [
            (None, {}),
            ("MIT", {"license": "mit"}),
            ("X-1", {"license": "other", "license_name": "X-1", "license_link": f"{SPDX}/X-1"}),
        ],
    )
    def test_the_readmes_licence(self, model, license, told):
        from tabgan.bundle.dataset_card import card_of

        header = yaml.safe_load(card_of(contents(model, Terms(license=license)), []).split("---\n")[1])
        assert {key: header[key] for key in header if key.startswith("license")} == told

    def test_the_statement_takes_no_decision(self, made, model):
        texts = [(made / DE_IDENTIFICATION).read_text(), de_identification_of(contents(model), ATTACKS)]
        for text in texts:
            assert not re.search(r"anonym|complian|comply|GDPR|safe to", text, re.IGNORECASE)
            for heading in ("recipient", "purpose", "means reasonably likely to be used", "next review"):
                assert heading in text.lower()

    def test_the_statement_is_filled_in(self, made):
        text = (made / DE_IDENTIFICATION).read_text()
        assert "| Purpose | testing software |" in text
        assert "| Recipient | ____" in text
        assert "right in at most 99.3% of cases" in text  # e^5 / (1 + e^5)

    def test_figures_of_attacks_stay_in_the_internal_edition(self, made, model):
        inside = de_identification_of(contents(model), ATTACKS)
        assert "INTERNAL" in inside
        assert "| Singling out | 12.3% |" in inside
        assert "12.3%" not in (made / DE_IDENTIFICATION).read_text()

    def test_text_of_a_person_stays_text(self, made):
        text = (made / DE_IDENTIFICATION).read_text()
        assert r"| Controller | Ward \| office \<b\> |" in text
        assert worded("# <script>`x` [a](javascript:b)") == r"\# \<script\>\`x\` \[a\](javascript:b)"

    def test_no_edition_on_real_rows(self, model):
        from dataclasses import replace

        good = contents(model)
        with pytest.raises(PrivacyError, match="expected the shareable edition"):
            replace(good, report=replace(good.report, edition="internal"))


ATTACKS = [
    Metric("singling_out", "Singling out", "attacks", 0.123, "lower", "percent", "meaning", "good"),
    Metric(
        "linkability", "Linkability", "attacks", None, "lower", "percent", "meaning", "good", reason="too few"
    ),
]


def contents(model, terms=None):
    from tabgan.io.part_files import types_of

    synthetic = model.sample(20, random_state=0)
    report = model.shareable_report(synthetic=synthetic, title="people").data
    return Contents(report, model.schema_, types_of(synthetic), 20, terms=terms or Terms())


def test_one_extract_for_both(read, model):
    assert len(read(LEDGER_EXTRACT)["parts"][0]["releases"]) == len(model.privacy_.entries)
