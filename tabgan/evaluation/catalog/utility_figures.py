"""Entries of the group ``utility``: figures on holdout rows, and private metrics."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

from tabgan.evaluation.catalog.entry import Entry

_ANY = "ROC AUC or R2"

#: Reading aid for each score of a model.
SCALES = {
    "ROC AUC": "0.5 is guessing, 1 is perfect.",
    "R2": "0 is guessing the mean, 1 is perfect.",
    _ANY: "1 is perfect.",
}

_TESTED = f"tested on holdout rows; the interval is over those rows. {_ANY}: {SCALES[_ANY]}"

_entry = partial(Entry, group="utility", format="score", range=(-math.inf, 1.0), needs="target")
_private = partial(
    Entry, group="utility", direction="higher", format="percent", needs="target", editions="shareable"
)


def scored(entry: Entry, score: str) -> Entry:
    """Return an entry that names the score of a target: ``"ROC AUC"`` or ``"R2"``."""
    scale = f"{score}: {SCALES[score]}"
    return replace(
        entry,
        label=entry.label.replace(_ANY, score),
        meaning=entry.meaning.replace(f"{_ANY}: {SCALES[_ANY]}", scale),
    )


def _models(
    suffix: str, models: str, headlines: tuple[str | None, str | None] = (None, None)
) -> tuple[Entry, Entry]:
    return (
        _entry(
            name=f"tstr{suffix}",
            label=f"Trained on synthetic, tested on real ({models}, {_ANY})",
            direction="higher",
            meaning=f"Score of {models} that predict the target, trained on synthetic rows and {_TESTED} "
            "The reference was trained on as many real rows.",
            good="Not below the interval of the reference: the synthetic table then serves as well as the real one.",
            told=f"{models} trained on synthetic, tested on holdout rows",
            source="Esteban et al. (2017)",
            reference="real",
            gate="at_least",
            headline=headlines[0],
        ),
        _entry(
            name=f"trtr{suffix}",
            label=f"Trained on real, tested on real ({models}, {_ANY})",
            direction="higher",
            meaning=f"Score of {models} that predict the target, trained on as many real rows and {_TESTED}",
            good="The best score that a model trained on the synthetic table can be expected to reach.",
            told=f"{models} trained on as many real rows",
            headline=headlines[1],
        ),
    )


ENTRIES = (
    *_models("", "boosted trees", ("TSTR", "TRTR")),
    *_models("_linear", "linear models"),
    _entry(
        name="tstr_subgroups",
        label="Largest loss of a group",
        direction="lower",
        meaning="Loss of boosted trees on one group of holdout rows from training on synthetic instead of real rows: "
        "the score of the model from real rows minus that of the model from synthetic rows. The group is the one whose "
        "interval has the highest upper end. The interval is over the rows of that group. The largest of many such "
        "figures is high by chance alone.",
        good="About the loss over all rows: the table then serves every group equally well.",
        told="loss from training on the synthetic table, of the group with the highest upper end of the interval; "
        "good near 0",
        range=(-math.inf, math.inf),
        gate="at_most",
    ),
    _private(
        name="accuracy_private",
        label="Accuracy of a model trained on synthetic rows",
        meaning="Private metric, released with noise for an epsilon of its own: share of the real rows whose target is "
        "guessed right by boosted trees trained on synthetic rows. The reference is their accuracy on synthetic rows "
        "that they never saw.",
        good="Close to the reference: the synthetic table's relations to the target then hold for real rows. Compare "
        "with the share of the most frequent class below.",
        told="accuracy on real rows of a model trained on synthetic ones, a private metric",
        source="[privacy.md](privacy.md)",
        reference="synthetic",
    ),
    _private(
        name="majority_private",
        label="Share of the most frequent class",
        meaning="Private metric, released with noise for an epsilon of its own: accuracy, on the real rows, of always "
        "guessing the class that most synthetic rows have.",
        good="A baseline: accuracy counts only as far as it exceeds this.",
        told="accuracy on real rows of always guessing one class, a private metric",
        source="[privacy.md](privacy.md)",
    ),
)
