"""Entries of the group ``utility``: on held-out rows, and of private metrics."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

from tabgan.evaluation.catalog.entry import Entry

_ANY = "ROC AUC or R2"

#: By score of a model, how it is to be read.
SCALES = {
    "ROC AUC": "0.5 is guessing, 1 is perfect.",
    "R2": "0 is guessing the mean, 1 is perfect.",
    _ANY: "1 is perfect.",
}

_TESTED = f"tested on held-out real rows; the interval is over those rows. {_ANY}: {SCALES[_ANY]}"

_entry = partial(Entry, group="utility", format="score", range=(-math.inf, 1.0), needs="target")
_private = partial(
    Entry, group="utility", direction="higher", format="percent", needs="target", editions="shareable"
)


def scored(entry: Entry, score: str) -> Entry:
    """Return an entry whose words name the score that a target asks for: ``"ROC AUC"`` or ``"R2"``."""
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
            meaning=f"How well {models} predict the target when trained on synthetic rows, {_TESTED} "
            "The reference was trained on as many real rows.",
            good="Not below the interval of the reference: the synthetic table then serves as well as the real one.",
            told=f"{models} trained on synthetic, tested on held-out rows",
            source="Esteban et al. (2017)",
            reference="real",
            gate="at_least",
            headline=headlines[0],
        ),
        _entry(
            name=f"trtr{suffix}",
            label=f"Trained on real, tested on real ({models}, {_ANY})",
            direction="higher",
            meaning=f"How well {models} predict the target when trained on as many real rows, {_TESTED}",
            good="What there is to learn; it bounds what the synthetic table can be expected to teach.",
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
        meaning="How much worse boosted trees do on one group of held-out people when they learn from synthetic "
        "instead of real rows, for the group that may lose most, by the upper end of its interval: the score of the "
        "model from real rows less that of the model from synthetic rows. The interval is over the rows of that group. "
        "The largest of many such figures is high by chance alone.",
        good="About the loss over all rows: the table then serves every group as well as the others.",
        told="loss of the group that may lose most by training on the synthetic table, by the upper end of its "
        "interval; good near 0",
        range=(-math.inf, math.inf),
        gate="at_most",
    ),
    _private(
        name="accuracy_private",
        label="Accuracy of a model trained on synthetic rows",
        meaning="Private metric, released with noise for an epsilon of its own: share of the real rows whose target "
        "boosted trees guess that were trained on synthetic rows. The reference is their accuracy on synthetic rows "
        "that they have not seen.",
        good="Close to the reference: what the synthetic table says of the target then holds for real rows. Compare it "
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
        good="Accuracy is worth something above it only.",
        told="accuracy on real rows of guessing one class, a private metric",
        source="[privacy.md](privacy.md)",
    ),
)
