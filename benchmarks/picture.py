"""Picture of a report for the README: the top of its first page, for a fit to made-up patients.

    python -m pip install -e ".[browser]" && python benchmarks/picture.py

Writes ``docs/figures/report.png``. It takes the screenshot with the system's Chromium.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tabgan import Categorical, Numeric, Schema, TabGAN
from tabgan.datasets import make_people

PATH = Path(__file__).parent.parent / "docs" / "figures" / "report.png"
SCHEMA = Schema(
    columns=[
        Numeric(name="age", bounds=(0, 105), decimals=0),
        Categorical(name="sex", categories=("female", "male")),
        Categorical(name="ward", categories=("surgery", "cardiology", "geriatrics")),
        Numeric(name="weight", bounds=(20, 140), decimals=1),
    ],
    target="readmitted",
)
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
GATE = {
    "epsilon": 1.1,
    "fidelity": {"tvd2": {"within": 0.05}},
    "attacks": {"singling_out": 0.2, "membership_auc": 0.1},
}
SIZE = {"width": 1_100, "height": 1_070}


def main() -> None:
    """Fit, evaluate, render the internal edition and take the screenshot."""
    real = make_people(20_000).drop(columns="patient")
    holdout = make_people(5_000, random_state=1).drop(columns="patient")
    model = TabGAN(epsilon=1.0, schema=SCHEMA, random_state=0).fit(real)
    report = model.evaluate(real, holdout, gate=GATE, title="Patients", stated={"source": "made-up patients"})
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        address = report.to_html(Path(scratch) / "report.html").as_uri()
        page = playwright.chromium.launch(executable_path=browser, args=list(ARGUMENTS)).new_page()
        page.set_viewport_size(SIZE)
        page.goto(address)
        page.screenshot(path=PATH)


if __name__ == "__main__":
    main()
