"""Entries of the groups ``attacks``, ``copies`` and ``audit``."""

from __future__ import annotations

import math
from functools import partial

from tabgan.evaluation.catalog.entry import Entry

#: How near a guess at a number has to be, as a share of the span from its 1st to its 99th percentile.
TOLERANCE = 0.05

#: Shares of wrong accusations whose finds are told as figures: 1% and 0.1%.
RATES = (0.01, 0.001)

#: Share of held-out rows that are as close to a training row as a near copy is; 1% is a convention.
NEAR_SHARE = 0.01

_NO_GUARANTEE = "One attack of many: a low figure is no guarantee."
_NO_MEASURE = "A check for copies, not a measure of privacy."
_CONTROL = "The control is its success on rows that were held out"
_NO_MORE = "No more than the control: the risk's interval then holds 0."
_OF_ANYONE = "No more than the control: what is guessed as well of anyone follows from the population."
_GUESSED = (
    f"a number counts when it is at most {TOLERANCE:.0%} of the column's span off. The secret is the one of several "
    "columns that was most at risk on other rows. "
    f"{_CONTROL}; the baseline is always guessing the most likely value. {_NO_GUARANTEE}"
)
_DENSITIES = (
    "The attacker compares how far the closest synthetic row and the closest row of half of the holdout are. "
)

_attack = partial(
    Entry, group="attacks", direction="none", format="percent", reference="control", gate="at_most"
)
_copies = partial(Entry, group="copies", direction="none", format="percent", gate="at_most")


def _found(name: str, rate: float) -> Entry:
    return _attack(
        name=f"membership_tpr_{name}",
        label=f"Membership, found at {rate:.1%} false accusations",
        meaning=f"Share of training rows that an attacker recognises who wrongly accuses at most {rate:.1%} of other "
        f"rows; rows that are easily recognised show here when the average hides them. {_DENSITIES}"
        "The control is the share that was wrongly accused; the interval takes the threshold as given, the risk's adds "
        f"the threshold's error. {_NO_GUARANTEE}",
        good=f"About {rate:.1%}, as by guessing: the risk's interval then holds 0.",
        told=f"training rows found at {100 * rate:g}% false accusations, by density ratio",
        source="Carlini et al. (2022)",
    )


ATTACKS = (
    _attack(
        name="singling_out",
        label="Singling out",
        meaning="Share of descriptions by two to six columns, each of exactly one synthetic row, that fit exactly one "
        "row of a sample of the training rows: singling out in the sense of WP216. "
        f"{_CONTROL}, equally many; the baseline describes rows that are put together column by column. "
        f"{_NO_GUARANTEE}",
        good=_NO_MORE,
        told="descriptions that fit one synthetic row fit exactly one row",
        source="WP216's first risk",
    ),
    _attack(
        name="linkability",
        label="Linkability",
        meaning="Share of training rows of which two halves of the columns, each known to the attacker from another "
        "source, have the same closest synthetic row, so that they are linked: linkability in the sense of WP216. "
        f"{_CONTROL}; the baseline is a guess at random. {_NO_GUARANTEE}",
        good=_NO_MORE,
        told="two halves of somebody's columns have the same closest synthetic row",
        source="WP216's second",
    ),
    _attack(
        name="inference",
        label="Inference from the closest row",
        meaning="Share of training rows whose secret cell is guessed right by an attacker who knows all other columns "
        f"and copies the closest synthetic row, inference in the sense of WP216; {_GUESSED}",
        good=_OF_ANYONE,
        told="a secret cell is copied from the closest synthetic row; the secret most at risk",
        source="WP216's third",
    ),
    _attack(
        name="attribute_inference",
        label="Inference by a model",
        meaning="Share of training rows whose secret cell is guessed right from all other columns by boosted trees "
        f"that were trained on the synthetic table, inference in the sense of WP216; {_GUESSED}",
        good=_OF_ANYONE,
        told="the same by boosted trees that were trained on the synthetic table",
    ),
    _attack(
        name="membership_auc",
        label="Membership, ROC AUC",
        format="score",
        meaning="How well training rows are told from the other half of the holdout. "
        f"{_DENSITIES}{_NO_GUARANTEE}",
        good="0.5, within the interval: no better than guessing. 1 means that every row is found out.",
        told="training rows told from held-out ones, by density ratio: ROC AUC",
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
        f"held-out rows; ties count half. {_NO_MEASURE}",
        good="50%, within the interval: training rows are no closer than rows that the model never saw.",
        told="rows that are closer to training than to held-out rows",
        reference="chance",
        best=0.5,
        headline="DCR share",
    ),
    _copies(
        name="near_copies",
        label="Near copies of training rows",
        meaning="Share of synthetic rows that are as close to a row of a sample of the training rows as only the "
        f"closest {NEAR_SHARE:.0%} of held-out rows are. The reference is the same share of other held-out rows. "
        f"{_NO_MEASURE}",
        good="No more than the reference: that many rows come as close by chance.",
        told=f"rows as close to a training row as the closest {NEAR_SHARE:.0%} of held-out rows are",
        reference="holdout",
    ),
    _copies(
        name="exact_copies",
        label="Exact copies of training rows",
        meaning="Share of synthetic rows that equal a training row, up to the schema's precision and without "
        f"identifiers. The reference is the same share of held-out rows. {_NO_MEASURE}",
        good="No more than the reference: that many rows coincide by chance.",
        told="rows that equal a training row",
        reference="holdout",
    ),
)

AUDIT = (
    Entry(
        name="audit_bound",
        label="Epsilon that an audit could show",
        group="audit",
        direction="none",
        format="score",
        meaning="Lower bound of epsilon that an attacker reached who knew all but which of thousands of made-up rows "
        "were in a made-up table, by this installation's own code. The reference is what a mechanism shows that is as "
        "stated.",
        good="At most the epsilon that is stated. To pass proves nothing; a bound above it disproves the statement.",
        told="lower bound of epsilon that an audit of the installation shows; good at most at epsilon",
        source="Steinke et al. (2023)",
        range=(0.0, math.inf),
        reference="stated",
        editions="both",
    ),
)
