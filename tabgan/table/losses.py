"""Losses of a fit: the values that no sample shows, in words, from released numbers only.

A count that does not stand above the noise is not released, so rare values, thin ranges and columns of rare values only
are missing from every sample. A fit says so, and so does a report; the shares are noisy, and nothing is named that was
not released.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, NamedTuple, Self

import numpy as np
import pandas as pd

from tabgan._util.yaml import key_of
from tabgan.columns.encoder import MISSING, ColumnEncoder
from tabgan.columns.kind import Column, is_text_dtype
from tabgan.columns.lattice import is_on_lattice
from tabgan.columns.named import line_of_name
from tabgan.columns.naming import says_code, says_length
from tabgan.columns.recurring import recurring
from tabgan.columns.vote import Verdict
from tabgan.rules.same import shared_key
from tabgan.schema import Schema
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder
from tabgan.table.merged import Merged
from tabgan.table.related import Related

logger = logging.getLogger(__name__)

#: Least share of rows without a released value that is reported.
TOLD_SHARE = 0.01

#: The same of rows that noise may hide in categories that were not released, of which most tables have none.
TOLD_CATEGORIES = 0.05

LossKind = Literal["unreleased", "unseen", "constant", "inexact", "converted", "ends", "unrelated"]

#: Kinds of columns by which no sample tells rows apart.
_TOTAL = ("unseen", "constant")

#: Kinds that the encoder of a fit does not show: its release knows of them, and a model file keeps them.
_OF_RELEASE = ("converted", "ends", "unreleased")

#: Share to multiples of which those of categories that noise may hide are rounded up, so that columns share a line.
_COARSE = 0.05

#: Integers of a range up to which none is missed: flags. Of a short scale, such as 0 to 9, noise hides an end as often
#: as of a long one, and more rows may have it.
SHORT = 2

#: Characters of the text and the remedy that a model file may hold, beside the column's name.
_MOST_WORDS = 300

#: Lines of the warning at the end of a fit.
_MOST_LINES = 20


@dataclass(frozen=True)
class Loss:
    """Values of a column that no sample shows.

    Attributes:
        column: Name of the column.
        kind: ``"unreleased"`` for categories and frequent numbers, ``"unseen"`` for a column without a released value,
            ``"constant"`` for one with a single one, ``"inexact"`` for integers that floats do not hold,
            ``"converted"`` for values that come back as missing, such as those of another kind than the column's,
            ``"ends"`` for a range that may end too early, categories or missing cells that noise may hide,
            ``"unrelated"`` for keys whose rows share no values.
        share: Noisy share of all rows that hold such values, from 0 to 1; ``None`` where no released number tells.
        text: The loss in words, which follow the column's name.
        remedy: The line of a schema that would save the values.
    """

    column: str
    kind: LossKind
    share: float | None
    text: str
    remedy: str

    @property
    def is_total(self) -> bool:
        """True if no sample tells rows apart by the column."""
        return self.kind in _TOTAL

    def to_dict(self) -> dict[str, object]:
        """Return the loss as plain data."""
        return asdict(self)

    @classmethod
    def of_release(cls, data: Mapping[str, object], names: Sequence[str]) -> Self:
        """Return a loss that a release has told of one of the columns ``names``, from plain data.

        Raises:
            TypeError, ValueError: the data are not a loss of a release.
        """
        loss = cls(**data)  # type: ignore[arg-type]
        words = (loss.column, loss.kind, loss.text, loss.remedy)
        if not all(isinstance(word, str) for word in words):
            raise TypeError
        is_share = isinstance(loss.share, float) and 0 <= loss.share <= 1
        has_share = loss.share is None if loss.kind == "ends" else is_share
        are_words = all(0 < len(word) <= _MOST_WORDS + 12 * len(loss.column) for word in words[2:])
        are_words &= loss.text.isprintable() and all(c.isprintable() or c in loss.column for c in loss.remedy)
        if loss.column not in names or loss.kind not in _OF_RELEASE or not has_share or not are_words:
            raise ValueError
        return loss


class Hidden(NamedTuple):
    """Rows of a column that noise may hide, and those of which it does.

    Attributes:
        beyond: Beyond either end of its range, or in categories that it lacks, at most.
        missing: With a missing cell, at most; 0 if samples have some.
        replaced: Released number of those whose numbers were not released: they show the nearest that were.
    """

    beyond: float = 0.0
    missing: float = 0.0
    replaced: float = 0.0


def losses_of(encoder: TableEncoder, n_rows: float, *, is_private: bool) -> tuple[Loss, ...]:
    """Return the losses of a fit, one at most for each column: the targets' first, then by their share.

    **Guarantee.** Post-processing of released numbers.

    Args:
        encoder: The encoder of the fit.
        n_rows: Released number of rows.
        is_private: False for a fit without noise, in which neither a constant nor an empty column is a loss.
    """
    found = [loss for column in encoder.columns if (loss := _loss(column, n_rows, is_private)) is not None]
    for part in () if encoder.reduction is None else encoder.reduction.merged:
        own = [loss for loss in found if loss.column == part.name]
        found = [loss for loss in found if loss.column != part.name]
        found += [replace(loss, column=name, remedy=part.remedy) for loss in own for name in part.members]
        found = _with_gaps(found, part, encoder, n_rows)
    found = _of_columns(found, encoder)
    told = {loss.column for loss in found}
    doubts = [_in_doubt(each, encoder) for each in encoder.related]
    doubts += _without_others(encoder, n_rows)
    found += [loss for loss in doubts if loss is not None and loss.column not in told]
    targets = encoder.schema.targets
    return tuple(sorted(found, key=lambda loss: (loss.column not in targets, -(loss.share or 0.0))))


def losses_of_release(
    encoder: TableEncoder, n_rows: float, converted: Mapping[str, Verdict], hidden: Mapping[str, Hidden]
) -> tuple[Loss, ...]:
    """Return the losses of a fit that its encoder does not show, one at most for each column.

    **Guarantee.** Post-processing of released numbers.

    Args:
        encoder: The encoder of the fit.
        n_rows: Released number of rows.
        converted: Votes on the kinds of columns.
        hidden: Rows that noise hides, by column.
    """
    found = {}
    for name, rows in hidden.items():
        column = encoder.columns[encoder.positions[name]].encoder if name in encoder.positions else None
        loss = None if column is None else _hidden(column, rows, n_rows)
        if loss is not None:
            found[name] = loss
    for name, verdict in converted.items():
        missing = _missing_share(encoder, name, n_rows) if verdict.doubtful else 0.0
        loss = _converted(name, verdict, _share_of_limits(encoder, name, n_rows), missing)
        if loss is not None:
            found[name] = loss
    return tuple(loss for loss in _of_columns(found.values(), encoder) if loss.column in encoder.schema)


def _without_others(encoder: TableEncoder, n_rows: float) -> Iterator[Loss]:
    """Return an iterator over the losses of columns that lie near others, in rows in which these are missing."""
    for each in () if encoder.reduction is None else encoder.reduction.differences:
        near = encoder.columns[encoder.positions[each.near]] if each.near in encoder.positions else None
        share = 0.0 if near is None or not near.encoder.is_nullable else float(near.weights[MISSING]) / n_rows
        if share >= TOLD_SHARE:
            text = f"about {100 * share:.0f}% of the rows lack {each.near!r}, and show none of it, either"
            remedy = f"rules without the one by which it lies near {each.near}"
            yield Loss(each.of, "converted", min(share, 1.0), text, remedy)


def _of_columns(found: Iterable[Loss], encoder: TableEncoder) -> list[Loss]:
    """Return losses in which those of distances are told of the columns that lie near others.

    A column that samples compute by a formula that was found loses nothing of its own.
    """
    computed = {rule.changes for rule in encoder.found}
    differences = () if encoder.reduction is None else encoder.reduction.differences
    of_name = {each.name: each for each in differences}
    told = []
    for loss in found:
        if loss.column in computed:
            continue
        distance = of_name.get(loss.column)
        if distance is not None:
            text = f"of its distance from {distance.near!r}: {loss.text}"
            loss = replace(loss, column=distance.of, text=text, remedy=distance.remedy)
        told.append(loss)
    return told


def unrelated_keys(schema: Schema) -> tuple[Loss, ...]:
    """Return the losses of keys that several rows share, where no rule says which columns are the same in these rows.

    **Guarantee.** The schema alone tells.
    """
    if shared_key(schema.rules) is not None:
        return ()
    text = (
        "rows that share a key are no more related than others: also columns that are the same in all of them, such as "
        "a birth date, change from row to row"
    )
    return tuple(
        Loss(c.name, "unrelated", None, text, f"rules: [{{same: [...], within: {key_of(c.name)}}}]")
        for c in schema
        if recurring(c) is not None
    )


def _missing_share(encoder: TableEncoder, name: str, n_rows: float) -> float:
    """Return the released share of the rows in which a column is missing."""
    if name not in encoder.positions:
        return 0.0
    return max(float(encoder.columns[encoder.positions[name]].weights[MISSING]) / n_rows, 0.0)


def _converted(name: str, verdict: Verdict, released: float, missing: float = 0.0) -> Loss | None:
    """Return the loss of values of another kind than the column's, of limits, or of signs beside numbers.

    Args:
        name: Of the column.
        verdict: The vote on its kind.
        released: Share of the rows that hold limits that were released.
        missing: Share of the rows in which it is missing, where noise may be all of its text.
    """
    lost, limits, flagged = verdict.lost, verdict.limits - released, verdict.flagged
    said, line = [], verdict.line
    if missing >= TOLD_SHARE and verdict.doubtful > missing / 2:
        said.append(
            f"about {100 * missing:.0f}% of its cells come back as missing, and some of them, or all, seem to hold text"
        )
        line = f"{verdict.marks_line} if it stands for numbers, else {line}" if verdict.marks_line else line
        lost = missing
    if not said and lost >= TOLD_SHARE:
        said.append(f"about {100 * lost:.0f}% of its values are something else, and come back as missing")
        line = (
            f"{verdict.marks_line} if others stand for numbers, else {line}" if verdict.marks_line else line
        )
    if limits >= TOLD_SHARE:
        said.append(
            f"about {100 * limits:.0f}% hold limits such as <0.6 that were not released, and show their number"
        )
        line = line if len(said) > 1 else verdict.marks_line
    if flagged >= TOLD_SHARE:
        said.append(
            f"about {100 * flagged:.0f}% have a sign beside their number, as 1.2* has, which is left out"
        )
        line = line if len(said) > 1 else f"{verdict.line} if the signs matter more than rare numbers"
    if not said:
        return None
    share = min(max(lost, 0.0) + max(limits, 0.0) + flagged, 1.0)
    return Loss(
        name, "converted", float(share), f"taken as {verdict.column.kind}: {', and '.join(said)}", line
    )


def _share_of_limits(encoder: TableEncoder, name: str, n_rows: float) -> float:
    """Return the released share of the rows that hold one of a column's limits, or the number that it stands for."""
    marks = getattr(encoder.schema[name], "marks", None) if name in encoder.positions else None
    if not marks:
        return 0.0
    column = encoder.columns[encoder.positions[name]]
    cells = np.unique(column.encoder.transform(pd.Series(list(marks), dtype=object)))
    return float(column.weights[cells].sum()) / n_rows


def _hidden(encoder: ColumnEncoder, hidden: Hidden, n_rows: float) -> Loss | None:
    """Return the loss of the rows of a column that noise hides; ``None`` for few."""
    beyond, missing, replaced = (min(rows / n_rows, 1.0) for rows in hidden)
    name, key, said = encoder.name, key_of(encoder.name), []
    if replaced >= TOLD_SHARE:
        text = (
            f"about {100 * replaced:.0f}% of the rows hold numbers that were not released; the nearest that were take "
            "their place"
        )
        line = f"{key}: {{kind: categorical, categories: [...]}} if its numbers are public"
        return Loss(name, "unreleased", replaced, text, line)
    line = f"{key}: {{kind: {encoder.column.kind}, nullable: false}} if none is missing"
    if is_on_lattice(encoder):
        if encoder.is_unseen:
            return None
        if beyond >= TOLD_SHARE and encoder.edges[-1] - encoder.edges[0] > SHORT:
            said.append(
                f"up to {100 * beyond:.0f}% of the rows beyond either end of its range, which show the end"
            )
    elif beyond >= TOLD_CATEGORIES:
        share = 100 * min(math.ceil(beyond / _COARSE) * _COARSE, 1.0)
        said.append(
            f"up to {share:.0f}% of the rows in categories that were not released; others take their place"
        )
    if said:
        line = f"{key}: {encoder.column.saving_line}"
    if missing >= TOLD_SHARE:
        rows = "" if said else " of the rows"
        said.append(f"up to {100 * missing:.0f}%{rows} with a missing cell, which show a value")
    return Loss(name, "ends", None, "noise may hide " + ", and ".join(said), line) if said else None


def _in_doubt(related: Related, encoder: TableEncoder) -> Loss | None:
    """Return the loss of numbers for which noise hides the other column's value, if it is large enough to report."""
    number, other = related.names
    share = related.doubtful_share(encoder.columns[encoder.positions[number]])
    if share < TOLD_SHARE:
        return None
    text = (
        f"about {100 * share:.0f}% of the rows hold values of which noise hides the value of {other!r} that goes with "
        "them; the nearest others take their place"
    )
    remedy = f"the combinations of {number}, {other}: the key allowed of their rule"
    return Loss(number, "unreleased", share, text, remedy)


def _with_gaps(found: list[Loss], part: Merged, encoder: TableEncoder, n_rows: float) -> list[Loss]:
    """Return losses with those of merged columns whose values were not released together."""
    column = encoder.columns[encoder.positions[part.name]]
    if column.encoder.n_values == 0:  # told of all of them; a label stands in each, not in the one
        own = repr(column.encoder.column.other_label)
        return [
            replace(
                each,
                text=each.text.replace(own, repr(getattr(encoder.schema[each.column], "other_label", None))),
            )
            if each.column in part.members
            else each
            for each in found
        ]
    gaps = {} if _is_made_up(column) else part.gaps(column.encoder.column)
    for name, is_gap in gaps.items():
        weights = column.weights[1 : 1 + column.encoder.n_values]
        share = min(float(weights[is_gap].sum() + column.weights[-1]) / n_rows, 1.0)
        if share >= TOLD_SHARE:
            label = encoder.schema[name].other_label
            shown = (
                "another one that goes with these"
                if label is None
                else f"{label!r}, or another one that goes with these"
            )
            text = (
                f"about {100 * share:.0f}% of the rows hold no value that was released beside those of the other "
                f"columns of its rule; they show {shown}"
            )
            kind: LossKind = "unseen" if encoder.schema[name].is_empty else "unreleased"
            found = [loss for loss in found if loss.column != name]
            found.append(Loss(name, kind, share, text, part.remedy))
    return found


def unreleased_shares(losses: Sequence[Loss]) -> dict[str, float]:
    """Return, by column, the noisy share of the rows that hold a value that was not released, where it is reported."""
    return {loss.column: loss.share for loss in losses if loss.share is not None}


def _loss(column: CodedColumn, n_rows: float, is_private: bool) -> Loss | None:
    encoder, name = column.encoder, column.encoder.name
    key = key_of(name)
    line = f"{key}: {encoder.column.saving_line}"
    share = float(column.weights[-1]) / n_rows if encoder.has_other else 0.0
    if not is_private and share < TOLD_SHARE and (column.is_unseen or encoder.n_values == 0):
        return None  # without noise, it holds no value
    if encoder.has_other and (share >= TOLD_SHARE or encoder.n_values == 0):
        kind: LossKind = "unreleased"
        if encoder.n_values == 0 or _is_made_up(column):
            kind = "unseen"
        if encoder.column.has_categories and not encoder.column.is_made_up and is_text_dtype(encoder.dtype):
            line = _line_of_text(encoder.column, kind)
        return Loss(name, kind, min(share, 1.0), _unreleased(column, share), line)
    values = slice(1, 1 + encoder.n_values)
    shown = np.flatnonzero((column.weights[values] > 0) & column.is_sampled[column.code_of_cell[values]])
    if column.is_unseen or len(shown) == 0:
        share = min(max(1.0 - float(column.weights[MISSING]) / n_rows, 0.0), 1.0)
        return Loss(
            name, "unseen", share, "no value stands out from the noise, so every cell is missing", line
        )
    is_wide = is_on_lattice(encoder) and bool(np.diff(encoder.edges)[shown[0]] > 1)
    if encoder.column.is_beyond_exact:
        text = "it has integers of 2**53 or beyond, which are not kept exactly"
        return Loss(name, "inexact", None, text, f"{key}: {{kind: identifier}} if it is a key, else {line}")
    if is_private and (loss := _unreleased_codes(column, n_rows)) is not None:
        return loss
    if not is_private or len(shown) > 1 or is_wide or encoder.shows_other or encoder.column.is_made_up:
        return None
    text = "one value alone stands out from the noise, so every cell shows it, or is missing"
    return Loss(name, "constant", None, text, line)


def _unreleased_codes(column: CodedColumn, n_rows: float) -> Loss | None:
    """Return the loss of whole numbers that are codes by their name, where many are drawn between released ones."""
    encoder, name = column.encoder, column.encoder.name
    is_key = "kind: identifier" in (line_of_name(name) or "")
    if not is_on_lattice(encoder) or not encoder.column.is_counting or not (is_key or says_code(name)):
        return None
    share = min(float(column.weights[1 : 1 + encoder.n_values][encoder.is_wide].sum()) / n_rows, 1.0)
    if share < TOLD_CATEGORIES:
        return None
    text = (
        f"codes or keys, by its name; about {100 * share:.0f}% of the rows hold some that were not released, for which "
        "numbers in between are drawn, which may be no code"
    )
    line = (
        f"{key_of(name)}: {{kind: categorical, categories: [...]}} for codes, {{kind: identifier}} for keys"
    )
    return Loss(name, "unreleased", share, text, f"{key_of(name)}: {{kind: identifier}}" if is_key else line)


def _line_of_text(column: Column, kind: LossKind) -> str:
    """Return the line of a schema for text of which categories were not released: by its name, or of several kinds."""
    key, named = key_of(column.name), line_of_name(column.name)
    if named is not None:
        return f"{key}: {named}"
    line = f"{key}: {column.saving_line}"
    if kind == "unreleased":
        return line
    duration = ", {kind: duration} for lengths of time such as 38:31:00" if says_length(column.name) else ""
    return (
        f"{key}: {{kind: identifier}} if it is a key, {{kind: text}} if the form of its cells is enough{duration}, "
        f"else {line}"
    )


def _is_made_up(column: CodedColumn) -> bool:
    """Return true if nothing was released of a column, and one made-up value stands for all of its values."""
    n_values = column.encoder.n_values
    return n_values > 0 and column.encoder.has_other and bool(column.weights[1 : 1 + n_values].sum() <= 1)


def _unreleased(column: CodedColumn, share: float) -> str:
    encoder = column.encoder
    said = {
        "other": f"they show {encoder.column.other_label!r}"
        if encoder.column.tail is None
        else "they show declared values, drawn at random",
        "missing": "their cells are missing",
        "redistribute": "others take their place, in proportion to their counts",
    }[encoder.column.unreleased_as]
    if encoder.n_values == 0:
        said = said if encoder.column.unreleased_as == "other" else "their cells are missing"
        return f"no value is frequent enough to be released; of the rows that have one, {said}"
    if _is_made_up(column):
        return "no value is frequent enough to be released; every cell shows one that is made up"
    n_values = encoder.n_values
    others = "the one category that was" if n_values == 1 else f"the {n_values:,} categories that were"
    return f"about {100 * share:.0f}% of the rows hold none of {others} declared or released; {said}"


def say(losses: Sequence[Loss], targets: Sequence[str]) -> None:
    """Log the losses of a fit: those of its targets first."""
    lost = [loss for loss in losses if loss.column in targets and loss.is_total]
    for loss in lost:
        logger.warning(
            "The target %r is lost: %s. Nothing can be predicted from a sample. Declare it, as in %s, raise epsilon, "
            "or drop columns.",
            loss.column,
            loss.text,
            loss.remedy,
        )
    for loss in (each for each in losses if each.kind == "unrelated"):
        logger.warning("The key %r: %s. Declare these, as in %s.", loss.column, loss.text, loss.remedy)
    others = [loss for loss in losses if loss not in lost and loss.kind != "unrelated"]
    if not others:
        return
    ends = [loss for loss in others if loss.kind == "ends"]
    others = [loss for loss in others if loss.kind != "ends"]
    lines = [f"  {loss.column}: {loss.text}. Declare {loss.remedy}" for loss in others[:_MOST_LINES]]
    if len(others) > _MOST_LINES:
        lines.append(f"  and {len(others) - _MOST_LINES} more: see losses_")
    for text in dict.fromkeys(loss.text for loss in ends):
        alike = [loss for loss in ends if loss.text == text]
        lines.append(f"  {', '.join(loss.column for loss in alike)}: {text}. Declare {alike[0].remedy}")
    logger.warning(
        "Samples of this model may lack values of %d column%s. Declare what is publicly known of them, raise "
        "epsilon, or drop columns:\n%s",
        len(others) + len(ends),
        "" if len(others) + len(ends) == 1 else "s",
        "\n".join(lines),
    )
