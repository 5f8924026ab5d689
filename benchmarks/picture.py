"""A whole report of a public table, UCI Adult, for the documents, and the picture of its top for the README.

    python -m pip install -e ".[browser]" && python benchmarks/picture.py --data FOLDER

FOLDER holds ``train.csv`` and ``test.csv``: UCI Adult (Becker & Kohavi 1996, CC BY 4.0), its own training and test
files, with a line of column names. Writes ``docs/figures/report-adult.html``, the internal edition, which only a public
table lets out, and ``docs/figures/report.png``. It takes the screenshot with the system's Chromium.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pandas as pd
from playwright.sync_api import sync_playwright

from tabgan import Schema, TabGAN

FOLDER = Path(__file__).parent.parent / "docs" / "figures"
PAGE, PICTURE = FOLDER / "report-adult.html", FOLDER / "report.png"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
STATED = {
    "source": "UCI Adult (Becker and Kohavi 1996), CC BY 4.0",
    "author": "benchmarks/picture.py",
    "purpose": "Sample report of a public table",
    "recipient": "Readers of the documents",
}
SIZE = {"width": 1_100, "height": 860}


def main() -> None:
    """Fit, evaluate, render the internal edition and take the screenshot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    real, holdout = (pd.read_csv(folder / f"{part}.csv") for part in ("train", "test"))
    model = TabGAN(epsilon=1.0, schema=Schema(target="income"), random_state=0).fit(real)
    report = model.evaluate(real, holdout, gate="standard", title="UCI Adult at epsilon 1", stated=STATED)
    report.to_html(PAGE)
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=list(ARGUMENTS)).new_page()
        page.set_viewport_size(SIZE)
        page.goto(PAGE.as_uri())
        page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
