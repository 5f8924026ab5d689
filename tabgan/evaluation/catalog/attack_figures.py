"""Entries of the groups ``attacks``, ``copies`` and ``audit``."""

from __future__ import annotations

import math
from functools import partial

from tabgan.evaluation.catalog.entry import Entry

#: Largest error of a right guess at a number, as a share of the span from its 1st to its 99th percentile.
TOLERANCE = 0.05

#: False accusation rates with a figure of their own: 1% and 0.1%.
RATES = (0.01, 0.001)

#: Share of holdout rows that are as close to a training row as a near copy is; 1% is a convention.
NEAR_SHARE = 0.01

_NO_GUARANTEE = "One attack of many: a low figure is no guarantee."
_NO_MEASURE = "A check for copies, not a measure of privacy."
_CONTROL = "The control is its success on holdout rows"
_NO_MORE = "No more than the control: the risk's interval then contains 0."
_OF_ANYONE = "No more than the control: a guess that works as well for anyone follows from the population."
_GUESSED = (
    f"a guess at a number is right if it is off by at most {TOLERANCE:.0%} of the column's span. The secret is the "
    "column, of several, that was most at risk on other rows. "
    f"{_CONTROL}; the baseline always guesses the most likely value. {_NO_GUARANTEE}"
)
_DENSITIES = (
    "The attacker compares the distance to the closest synthetic row with that to the closest row of half the "
    "holdout. "
)

_attack = partial(
    Entry, group="attacks", direction="none", format="percent", reference="control", gate="at_most"
)
_copies = partial(Entry, group="copies", direction="none", format="percent", gate="at_most")


def _found(name: str, rate: float) -> Entry:
    return _attack(
        name=f"membership_tpr_{name}",
        label=f"Membership, found at {100 * rate:g}% false positives",
        meaning=f"Share of training rows that an attacker recognises while taking at most {rate:.1%} of other "
        f"rows for training rows; easily recognised rows show here even if the average hides them. {_DENSITIES}"
        "The control is the share of false positives; the interval takes the threshold as given, the risk's interval "
        f"includes the threshold's error. {_NO_GUARANTEE}",
        good=f"About {rate:.1%}, as by guessing: the risk's interval then contains 0.",
        told=f"training rows found at {100 * rate:g}% false positives, by density ratio",
        source="Carlini et al. (2022)",
    )


ATTACKS = (
    _attack(
        name="singling_out",
        label="Singling out",
        meaning="Share of descriptions by two to six columns, each fitting exactly one synthetic row, that fit exactly "
        "one row of a sample of the training rows: singling out in the sense of WP216. "
        f"{_CONTROL}, equally many; the baseline describes rows assembled column by column. "
        f"{_NO_GUARANTEE}",
        good=_NO_MORE,
        told="descriptions that fit exactly one synthetic row and exactly one real row",
        source="WP216's first risk",
    ),
    _attack(
        name="linkability",
        label="Linkability",
        meaning="Share of training rows for which two halves of the columns, each known to the attacker from another "
        "source, have the same closest synthetic row, which links them: linkability in the sense of WP216. "
        f"{_CONTROL}; the baseline is a random guess. {_NO_GUARANTEE}",
        good=_NO_MORE,
        told="rows of which two halves of the columns have the same closest synthetic row",
        source="WP216's second risk",
    ),
    _attack(
        name="inference",
        label="Inference from the closest row",
        meaning="Share of training rows whose secret cell is guessed right by an attacker who knows all other columns "
        f"and copies the closest synthetic row, inference in the sense of WP216; {_GUESSED}",
        good=_OF_ANYONE,
        told="secret cells guessed by copying the closest synthetic row; the secret most at risk",
        source="WP216's third risk",
    ),
    _attack(
        name="attribute_inference",
        label="Inference by a model",
        meaning="Share of training rows whose secret cell is guessed right from all other columns by boosted trees "
        f"trained on the synthetic table, inference in the sense of WP216; {_GUESSED}",
        good=_OF_ANYONE,
        told="the same, guessed by boosted trees trained on the synthetic table",
    ),
    _attack(
        name="membership_auc",
        label="Membership, ROC AUC",
        format="score",
        meaning="ROC AUC of telling training rows from the other half of the holdout. "
        f"{_DENSITIES}{_NO_GUARANTEE}",
        good="0.5, within the interval: no better than guessing. 1 means that every training row is recognised.",
        told="ROC AUC of telling training rows from holdout rows by density ratio",
        source="van Breugel et al. (2023)",
        reference="chance",
        best=0.5,
    ),
    _found("1", RATES[0]),
    _found("01", RATES[1]),
)

COPIES = (
    _copies(
        name="dcr_share",
        label="Closer to training rows than to others",
        meaning="Share of synthetic rows that are closer to a sample of the training rows than to equally many "
        f"holdout rows; ties count half. {_NO_MEASURE}",
        good="50%, within the interval: training rows are no closer than rows that the model never saw.",
        told="rows closer to training rows than to holdout rows",
        reference="chance",
        best=0.5,
        headline="DCR share",
    ),
    _copies(
        name="near_copies",
        label="Near copies of training rows",
        meaning="Share of synthetic rows that are as close to a row of a sample of the training rows as only the "
        f"closest {NEAR_SHARE:.0%} of holdout rows are. The reference is the same share of other holdout rows. "
        f"{_NO_MEASURE}",
        good="No more than the reference: that many rows come as close by chance.",
        told=f"rows as close to a training row as the closest {NEAR_SHARE:.0%} of holdout rows are",
        reference="holdout",
    ),
    _copies(
        name="exact_copies",
        label="Exact copies of training rows",
        meaning="Share of synthetic rows that equal a training row, up to the schema's precision and without "
        f"identifiers. The reference is the same share of holdout rows. {_NO_MEASURE}",
        good="No more than the reference: that many rows coincide by chance.",
        told="rows that equal a training row",
        reference="holdout",
    ),
)

AUDIT = (
    Entry(
        name="audit_bound",
        label="Epsilon shown by an audit",
        group="audit",
        direction="none",
        format="score",
        meaning="Lower bound on epsilon from an attack on this installation's own code: the attacker knew everything "
        "but which of thousands of made-up rows were in a made-up table. The reference is the bound that a mechanism "
        "shows when it is as stated.",
        good="At most the stated epsilon. Passing proves nothing; a bound above it disproves the statement.",
        told="lower bound on epsilon shown by an audit of the installation; good: at most the stated epsilon",
        source="Steinke et al. (2023)",
        range=(0.0, math.inf),
        reference="stated",
        editions="both",
    ),
)
