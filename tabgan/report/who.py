"""The people whom a synthetic table does not show, or does not serve, from figures that were computed before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tabgan.evaluation.result import Evaluation, Metric, SubgroupResult, UnshownCategory
from tabgan.table.losses import Loss

#: Share of the rows, of a column's cells, or loss of a group's score, beyond which the finding is red: a convention.
RED_SHARE = 0.05

#: Least share of a column's rows that is listed.
LISTED_SHARE = 0.001


@dataclass(frozen=True)
class MissingColumn:
    """A column with missing rows.

    Attributes:
        name: The column.
        share: Share of all rows; in the shareable edition a noisy one; ``None`` if unknown.
        categories: Its largest missing categories; internal.
        loss: The cause, from released numbers; ``None`` for a category that is only rare.
    """

    name: str
    share: float | None
    categories: tuple[UnshownCategory, ...] = ()
    loss: Loss | None = None


@dataclass(frozen=True)
class WhoIsMissing:
    """The people whom a table does not show, or does not serve.

    Attributes:
        rows: The figure of rows with a value that is not shown, or was not released; ``None`` for none.
        columns: Columns with missing rows, the largest share first.
        empty: Columns without a value in any synthetic row.
        impossible: Columns with impossible values, and the share of such cells, the largest first.
        groups: Groups that lose more utility than all rows do: even the low end of the interval is above.
        n_groups: Number of groups with a figure.
        loss_of_all: Loss of a model's score over all rows.
        ends: Losses of columns whose range, or categories, may go on beyond what the noise shows.
        unrelated: Losses of keys whose rows share no values.
    """

    rows: Metric | None
    columns: tuple[MissingColumn, ...]
    empty: tuple[str, ...]
    impossible: tuple[tuple[str, float], ...]
    groups: tuple[SubgroupResult, ...]
    n_groups: int
    loss_of_all: float
    ends: tuple[Loss, ...] = ()
    unrelated: tuple[Loss, ...] = ()

    @property
    def up_to(self) -> float:
        """The largest share of rows that the figure allows: of released shares, which are by column, their sum."""
        if self.rows is None or self.rows.value is None:
            return 0.0
        if self.rows.reference is not None:
            return self.rows.value
        return max(self.rows.value, min(sum(column.share or 0.0 for column in self.columns), 1.0))

    @property
    def is_red(self) -> bool:
        """True if a share, or the loss of a group, is beyond ``RED_SHARE``."""
        rows = self.rows
        beyond = 0.0 if rows is None else self.up_to - (rows.reference or 0.0)
        shares = [beyond, *(share for _, share in self.impossible)]
        return max(shares) > RED_SHARE or any(self._excess(group) > RED_SHARE for group in self.groups)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are named, each once."""
        named = (
            *(column.name for column in self.columns),
            *self.empty,
            *(name for name, _ in self.impossible),
            *(loss.column for loss in (*self.ends, *self.unrelated)),
        )
        return tuple(dict.fromkeys(named))

    def _excess(self, group: SubgroupResult) -> float:
        return 0.0 if group.interval is None else group.interval.low - self.loss_of_all


def who_is_missing(evaluation: Evaluation, losses: Sequence[Loss]) -> WhoIsMissing:
    """Return the people whom a table does not show, or does not serve."""
    figures = {metric.name: metric for metric in evaluation.metrics}
    rows = figures.get("missing_rows") or figures.get("missing_rows_released")
    results = evaluation.columns
    empty = tuple(c.name for c in results if c.tvd is not None and c.missing_synthetic >= 1 > c.missing_real)
    impossible = sorted(((c.name, 1.0 - c.valid) for c in results if c.valid < 1), key=lambda each: -each[1])
    loss_of_all = _loss_of_all(figures)
    judged = [group for group in evaluation.subgroups if group.gap is not None and group.interval is not None]
    falling = [g for g in judged if g.interval is not None and g.interval.low > loss_of_all]
    return WhoIsMissing(
        rows=rows if rows is not None and rows.is_computed else None,
        columns=_columns(evaluation, [loss for loss in losses if loss.kind not in ("ends", "unrelated")]),
        empty=empty,
        impossible=tuple(impossible),
        groups=tuple(sorted(falling, key=lambda group: -(group.gap or 0.0))),
        n_groups=len(judged),
        loss_of_all=loss_of_all,
        ends=tuple(loss for loss in losses if loss.kind == "ends"),
        unrelated=tuple(loss for loss in losses if loss.kind == "unrelated"),
    )


def _loss_of_all(figures: dict[str, Metric]) -> float:
    """Return the loss of a model's score over all rows; 0 for none."""
    tstr, trtr = (figures.get(name) for name in ("tstr", "trtr"))
    if tstr is None or trtr is None or tstr.value is None or trtr.value is None:
        return 0.0
    return max(trtr.value - tstr.value, 0.0)


def _columns(evaluation: Evaluation, losses: Sequence[Loss]) -> tuple[MissingColumn, ...]:
    causes = {loss.column: loss for loss in losses}
    found = {
        column.name: MissingColumn(
            column.name,
            column.unshown,
            tuple(each for each in evaluation.unshown if each.column == column.name),
            causes.get(column.name),
        )
        for column in evaluation.columns
        if column.name in causes or (column.unshown or 0.0) >= LISTED_SHARE
    }
    for name, loss in causes.items():  # of columns without a result
        found.setdefault(name, MissingColumn(name, loss.share, (), loss))
    return tuple(sorted(found.values(), key=lambda each: -(each.share or 0.0)))
