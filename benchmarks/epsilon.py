"""Pictures of epsilon for the owner of a table: beliefs, noise, and one column at several values of epsilon.

    python -m pip install -e ".[bench]" && python benchmarks/epsilon.py

Fits 4,000 made-up patients at each epsilon, writes ``benchmarks/results/epsilon.json`` and draws the pictures of
``docs/concepts/data-owner.md`` from it. ``--draw`` draws them from the file alone.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

import numpy as np
from environment import environment
from inference import SCHEMA
from matplotlib import pyplot as plt

from tabgan import TabGAN
from tabgan.datasets import make_people
from tabgan.report.content import odds

ROOT = Path(__file__).parent.parent
PATH, FIGURES = ROOT / "benchmarks" / "results" / "epsilon.json", ROOT / "docs" / "figures"
PAGE = ROOT / "docs" / "concepts" / "data-owner.md"
EPSILONS = (0.1, 0.3, 1.0, 3.0, 10.0)
N_ROWS = 4_000
DECADES = range(0, 110, 10)
BLUE, RED = "#1b6ca8", "#c8553d"


def ages(values: Any) -> list[int]:
    """Return the number of people by decade."""
    return [int(n) for n in np.histogram(values, bins=[*DECADES, 120])[0]]


def measure() -> dict[str, Any]:
    """Return the noise of counts and the ages of synthetic people at each epsilon."""
    people = make_people(N_ROWS).drop(columns="patient")
    runs = []
    for epsilon in EPSILONS:
        model = TabGAN(epsilon=epsilon, schema=SCHEMA, random_state=0).fit(people)
        counts = model.marginals()
        single = counts[(counts["column_1"] == "ward") & counts["column_2"].isna()]
        runs.append(
            {
                "epsilon": epsilon,
                "noise_of_a_ward": float(single["noise_stddev"].iloc[0]),
                "wards": {str(row["value_1"]): float(row["count"]) for _, row in single.iterrows()},
                "ages": ages(model.sample(N_ROWS, random_state=0)["age"]),
                "epsilon_spent": float(model.privacy_.epsilon_spent),
            }
        )
    wards = people["ward"].value_counts()
    real = {"ages": ages(people["age"]), "wards": {str(name): int(n) for name, n in wards.items()}}
    return {
        "question": "What does epsilon do to a table of 4,000 people?",
        "command": "python benchmarks/epsilon.py",
        **environment(),
        "settings": {"rows": N_ROWS, "delta": 1e-6},
        "real": real,
        "runs": runs,
    }


def draw(result: dict[str, Any]) -> None:
    """Write the pictures."""
    plt.rcParams.update(
        {"svg.hashsalt": "tabgan", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    )
    figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    grid = np.geomspace(0.05, 10, 80)
    for before, colour in ((0.5, RED), (0.1, BLUE)):
        after = [next(row.at_most for row in odds(float(e)) if row.before == before) for e in grid]
        axes.plot(grid, after, color=colour, label=f"{before:.0%} before")
    axes.set(xscale="log", xlabel="epsilon", ylabel="largest belief afterwards", ylim=(0, 1.02))
    axes.set_xticks(EPSILONS, [f"{e:g}" for e in EPSILONS])
    axes.legend(frameon=False, loc="upper left")
    _save(figure, "epsilon-beliefs")

    figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    noise = [run["noise_of_a_ward"] for run in result["runs"]]
    axes.plot([run["epsilon"] for run in result["runs"]], noise, "o-", color=BLUE)
    for run, value in zip(result["runs"], noise, strict=True):
        axes.annotate(f"{value:.0f}", (run["epsilon"], value), textcoords="offset points", xytext=(6, 6))
    axes.set(xscale="log", yscale="log", xlabel="epsilon", ylabel="noise of a count, people")
    axes.set_xticks(EPSILONS, [f"{e:g}" for e in EPSILONS])
    _save(figure, "epsilon-noise")

    shown = [run for run in result["runs"] if run["epsilon"] in (0.1, 1.0, 10.0)]
    figure, several = plt.subplots(1, 3, figsize=(9, 2.9), sharey=True, layout="constrained")
    for axes, run in zip(several, shown, strict=True):
        axes.bar(list(DECADES), result["real"]["ages"], width=9, align="edge", color="#d9d9d9", label="real")
        axes.step(
            [*DECADES, 110], [*run["ages"], run["ages"][-1]], where="post", color=BLUE, label="synthetic"
        )
        axes.set(title=f"epsilon {run['epsilon']:g}", xlabel="age")
    several[0].set_ylabel("people")
    figure.legend(*several[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    _save(figure, "epsilon-ages")


def table(result: dict[str, Any]) -> str:
    """Return the table of noise and counts of wards by epsilon."""
    real = result["real"]["wards"]
    lines = [
        "| epsilon | noise of a ward's count | "
        + " | ".join(f"{ward} (real: {n:,})" for ward, n in real.items())
        + " |",
        "|---" * (2 + len(real)) + "|",
    ]
    for run in result["runs"]:
        cells = [
            f"{run['epsilon']:g}",
            f"{run['noise_of_a_ward']:.1f}",
            *(f"{run['wards'][ward]:,.0f}" for ward in real),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def replaced(page: str, result: dict[str, Any]) -> str:
    """Return the page with the table in its place."""
    start, end = "<!-- epsilon -->\n", "<!-- /epsilon -->"
    before, rest = page.split(start)
    return f"{before}{start}{table(result)}\n{end}{rest.split(end)[1]}"


def _save(figure: Any, name: str) -> None:
    figure.savefig(FIGURES / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draw", action="store_true")
    if not parser.parse_args().draw:
        PATH.write_text(json.dumps(measure(), indent=1) + "\n")
    found = json.loads(PATH.read_text())
    draw(found)
    PAGE.write_text(replaced(PAGE.read_text(), found))
