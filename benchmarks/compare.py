"""The page of figures: tabgan beside its peers, and the contribution of its parts, in tables and charts.

    python -m pip install -e ".[bench]" && python benchmarks/compare.py

Writes ``docs/figures.md`` and the charts in ``docs/figures`` from ``benchmarks/results``; it measures nothing itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

import real_figures
from matplotlib import pyplot as plt

ROOT = Path(__file__).parent.parent
RESULTS, DOCS = ROOT / "benchmarks" / "results", ROOT / "docs"
FIGURES = {
    "tvd1": "tvd1",
    "tvd2": "tvd2",
    "tvd3": "tvd3",
    "shape": "shape",
    "trend": "trend",
    "tstr": "TSTR",
    "c2st": "c2st",
    "fit_seconds": "fit, s",
}
TABLES = ("adult", "magic", "credit", "telco", "housing", "compas")
COLOURS = {"tabgan": "#1b6ca8", "AIM": "#c8553d", "MST": "#7f9172", "CTGAN": "#8d6b94"}
SETTINGS = {
    "anchors only": "#7f9172",
    "both, 0.1": "#8d6b94",
    "both, 0.2": "#1b6ca8",
    "both, 0.35": "#c8553d",
}

Row = dict[str, Any]


def load(name: str) -> Row | None:
    """Return a result, ``None`` if there is none."""
    path = RESULTS / name
    return json.loads(path.read_text()) if path.exists() else None


def own(table: str) -> list[Row]:
    """Return tabgan's medians on a table with the public domain, one row per epsilon."""
    result = load(f"utility-{table}.json")
    rows = [] if result is None else result["median_min_max"]
    return [
        {
            "system": "tabgan",
            "epsilon": row["epsilon"],
            "seeds": row["seeds"],
            **{f: row[f][0] for f in FIGURES},
        }
        for row in rows
        if row["domain"] == "public"
    ]


def peers(table: str) -> list[Row]:
    """Return the peers' medians, one row per system and epsilon; of rounded rows if rounding changed any."""
    result = load(f"peers-{table}.json")
    groups: dict[tuple[str, float | None], list[Row]] = {}
    for run in (result or {"runs": []})["runs"]:
        figures = run.get("judge_rounded") or run.get("judge")
        if figures:
            key = (f"{run['system']} {run['method']}", run["epsilon"])
            groups.setdefault(key, []).append(figures | {"fit_seconds": run["fit_seconds"]})
    return [
        {"system": system, "epsilon": epsilon, "seeds": len(runs), **{f: median(runs, f) for f in FIGURES}}
        for (system, epsilon), runs in groups.items()
    ]


def median(runs: list[Row], figure: str) -> float:
    """Return the median of a figure."""
    values = sorted(float(run[figure]) for run in runs)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def comparison(table: str) -> list[str]:
    """Return the lines of a table's section; none if nothing was measured."""
    rows = own(table) + peers(table)
    if not rows:
        return []
    rows.sort(key=lambda row: (float("inf") if row["epsilon"] is None else row["epsilon"], row["system"]))
    lines = [f"## {table}", "", f"| system | epsilon | seeds | {' | '.join(FIGURES.values())} |"]
    lines.append("|---" * (len(FIGURES) + 3) + "|")
    for row in rows:
        epsilon = "none" if row["epsilon"] is None else f"{row['epsilon']:g}"
        cells = [f"{row[f]:.0f}" if f == "fit_seconds" else f"{row[f]:.3f}" for f in FIGURES]
        lines.append(f"| {row['system']} | {epsilon} | {row['seeds']} | {' | '.join(cells)} |")
    return [*lines, ""]


def picture(table: str, path: Path) -> bool:
    """Draw four figures against epsilon; return true if there was anything to draw."""
    rows = own(table) + peers(table)
    private = [row for row in rows if row["epsilon"] is not None]
    if len({row["epsilon"] for row in private}) < 2:
        return False
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), constrained_layout=True)
    for axis, name in zip(axes, ("tvd2", "tvd3", "tstr", "c2st"), strict=True):
        for system in dict.fromkeys(row["system"] for row in private):
            points = sorted((row["epsilon"], row[name]) for row in private if row["system"] == system)
            label = system.split()[-1]
            if label not in COLOURS:
                continue  # far off every axis
            axis.plot(*zip(*points, strict=True), "o-", label=label, color=COLOURS[label])
        axis.set_xscale("log")
        ticks = sorted({row["epsilon"] for row in private})
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        axis.set_xlabel("epsilon")
        axis.set_title(f"{FIGURES[name]} ({'higher' if name == 'tstr' else 'lower'} is better)", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    save(figure, path)
    return True


def ablation() -> list[str]:
    """Return the lines of the ablation's section."""
    result = load("ablation.json")
    if result is None:
        return []
    names = ("tvd2", "tvd3", "tstr", "c2st", "fit_seconds")
    lines = [
        "## Contribution of the parts",
        "",
        "At equal total epsilon, on splits of the training tables: anchors alone, and with a critic of the target for",
        "the given share of the budget.",
        "",
    ]
    lines += [f"| table | rows | epsilon | setting | {' | '.join(FIGURES[n] for n in names)} |"]
    lines += ["|---" * (4 + len(names)) + "|"]
    for row in result["medians"]:
        epsilon = "none" if row["epsilon"] is None else f"{row['epsilon']:g}"
        cells = [f"{row[n]:.0f}" if n == "fit_seconds" else f"{row[n]:.3f}" for n in names]
        lines.append(
            f"| {row['table']} | {row['rows']:,} | {epsilon} | {row['setting']} | {' | '.join(cells)} |"
        )
    ablation_picture(result["medians"], DOCS / "figures" / "ablation.svg")
    return [
        *lines,
        "",
        "![TSTR and c2st with and without the critic, by table](figures/ablation.svg)",
        "",
    ]


def ablation_picture(rows: list[Row], path: Path) -> None:
    """Draw TSTR and c2st of each setting, a place for each table, and a row of charts for each epsilon."""
    levels = list(dict.fromkeys(row["epsilon"] for row in rows))
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    figure, axes = plt.subplots(
        len(levels), 2, figsize=(11, 2.6 * len(levels)), squeeze=False, constrained_layout=True
    )
    for line, level in enumerate(levels):
        told = "no privacy" if level is None else f"epsilon {level:g}"
        for column, name in enumerate(("tstr", "c2st")):
            axis = axes[line][column]
            for setting in settings:
                chosen = [r for r in rows if r["epsilon"] == level and r["setting"] == setting]
                points = [r["table"] for r in chosen], [r[name] for r in chosen]
                axis.plot(*points, "o", label=setting, color=SETTINGS.get(setting))
            axis.set_title(f"{FIGURES[name]}, {told}", fontsize=10)
            axis.grid(axis="x", alpha=0.3)
            axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].legend(frameon=False)
    save(figure, path)


def stability() -> list[str]:
    """Return the lines of the section on twenty seeds."""
    result = load("stability.json")
    if result is None:
        return []
    names = ("duplicates", "duplicates_real", "coverage", "tvd2", "tvd3", "tstr", "c2st")
    titles = ("repeated rows", "in the real table", "categories", *(FIGURES[name] for name in names[3:]))
    seeds = len(next(iter(result["tables"].values()))["runs"])
    lines = [
        f"## {seeds} seeds",
        "",
        f"Median and range of {seeds} fits at epsilon {result['epsilon']:g}. No fit failed and",
    ]
    lines += [
        "no value was infinite. Categories: the share of those with at least ten real rows that occur.",
        "",
    ]
    lines += [f"| table | {' | '.join(titles)} |", "|---" * (1 + len(names)) + "|"]
    for table, found in result["tables"].items():
        spread = found["min_median_max_std"]
        cells = [f"{spread[n][1]:.3f} ({spread[n][0]:.3f}–{spread[n][2]:.3f})" for n in names]
        lines.append(f"| {table} | {' | '.join(cells)} |")
    return [*lines, ""]


def speed() -> list[str]:
    """Return the lines of the section on time and memory."""
    result = load("speed.json")
    if result is None:
        return []
    lines = [
        "## Speed",
        "",
        f"Fits of {result['table']} at epsilon {result['epsilon']:g} on {result['cores']} cores.",
        *([result["note"]] if "note" in result else []),
        "",
    ]
    lines += ["| rows | columns | fit, s | largest memory, MB (after the imports) |", "|---|---|---|---|"]
    fits = result["fit_by_bootstrapped_rows"] + result["fit_by_columns"]
    for fit in fits:
        memory = f"{fit['peak_megabytes']:.0f} ({fit['peak_megabytes_before']:.0f})"
        lines.append(f"| {fit['rows']:,} | {fit['columns']:.0f} | {fit['seconds']:.1f} | {memory} |")
    lines += ["", "A step of the critic, with clipping and noise and without:", ""]
    lines += ["| rows | rows of a batch | features | private, ms | plain, ms | ratio |", "|---" * 6 + "|"]
    for step in result["critic_step"]:
        spent = step["milliseconds"]
        lines.append(
            f"| {step['rows']:,} | {step['batch']:,} | {step['features']} | {spent['private']:.0f} | "
            f"{spent['plain']:.0f} | {step['ratio_to_plain']:.1f} |"
        )
    sampled = result["sample"]
    rate = sampled["table"]["rows_per_second"]
    return [*lines, "", f"Sampling {sampled['columns']} columns into a table: {rate:,} rows per second.", ""]


def save(figure: Any, path: Path) -> None:
    """Write a chart; the same figures give the same bytes."""
    path.parent.mkdir(exist_ok=True)
    with plt.rc_context({"svg.hashsalt": "tabgan"}):
        figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Write the page and its charts."""
    lines = [
        "# Figures",
        "",
        "Generated by `benchmarks/compare.py` from `benchmarks/results`, where each file names its command, commit and",
        "versions. Medians over seeds; the domain of every table is public, delta is 1e-6. tvd: distance of 1-, 2-",
        "and 3-way marginals. TSTR: score on real rows of a model trained on synthetic ones. c2st: AUC of telling real",
        "from synthetic, .5 is best. Peers run at their defaults; those that do not accept decimals are rounded first.",
        "The credit table is simulated (`benchmarks/simulate.py`). AIM at epsilon 3 was stopped after 1,848 seconds.",
        "",
    ]
    for table in TABLES:
        section = comparison(table)
        name = f"{table}.svg"
        if section and picture(table, DOCS / "figures" / name):
            section[1:1] = ["", f"![{table}: figures against epsilon](figures/{name})"]
        lines += section
    real = load("real-tables.json")
    lines += ablation() + stability() + speed() + ([] if real is None else real_figures.lines_of(real))
    (DOCS / "figures.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
