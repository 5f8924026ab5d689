"""Names of the files of a release and of its bundle."""

from __future__ import annotations

#: Names of a bundle's files; tables, model, schema and reports have the names that a job gives them.
SYNTHETIC_CSV, SYNTHETIC_PARQUET = "synthetic.csv", "synthetic.parquet"
MODEL, MARGINALS, SCHEMA = "model.tabgan", "marginals.parquet", "schema.yaml"
REPORT_HTML, REPORT_JSON, REPORT_PDF, CARD = "report.html", "report.json", "report.pdf", "data-card.md"
SUMMARY_PDF = "summary.pdf"
README, CROISSANT, DATAPACKAGE, CATALOGUE = "README.md", "croissant.json", "datapackage.json", "dcat.jsonld"
DP_STATEMENT, DP_SCHEMA = "dp-statement.json", "dp-statement.schema.json"
LEDGER_EXTRACT, DE_IDENTIFICATION = "ledger-extract.json", "de-identification-statement.md"
MANIFEST, SIGNATURE, PUBLIC_KEY = "manifest.json", "manifest.json.sig", "manifest.json.pub"
MODEL_SIGNATURE, SIGSTORE = "model.sig", "bundle.sigstore.json"

#: The secret that opens a bundle's commitment to its input; it stays in the organisation.
INPUT_KEY = "input-key.json"

#: Files that a bundle adds to a release folder.
DESCRIPTIONS = (
    README,
    CROISSANT,
    DATAPACKAGE,
    CATALOGUE,
    DP_STATEMENT,
    DP_SCHEMA,
    LEDGER_EXTRACT,
    DE_IDENTIFICATION,
)
SEALS = (MANIFEST, SIGNATURE, PUBLIC_KEY, MODEL_SIGNATURE, SIGSTORE)

#: Media types of files, by their suffix.
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".html": "text/html",
    ".pdf": "application/pdf",
    ".md": "text/markdown",
    ".yaml": "application/yaml",
    ".tabgan": "application/octet-stream",
}
