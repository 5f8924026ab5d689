"""The figures of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PlannedRelease:
    """Releases of one name.

    Attributes:
        what: The ledger's name.
        releases: Their number.
        noise_low: Standard deviation of the least noise among them, in rows.
        noise_high: That of the most.
        follows_from: ``"public facts"``, then a fit has these noises exactly; or ``"assumptions"``, then their number,
            and so their noise, follows from what the fit finds.
    """

    what: str
    releases: int
    noise_low: float
    noise_high: float
    follows_from: Literal["public facts", "assumptions"]


@dataclass(frozen=True)
class ExpectedError:
    """An expected total variation distance, from 0 to 1: half the sum of the differences of shares.

    Attributes:
        value: Between a table of the rows and one of as many synthetic rows.
        low: The lower end of the interval.
        high: The upper end.
        sampling: The same of rows drawn from a perfect model.
    """

    value: float
    low: float
    high: float
    sampling: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class PlannedColumn:
    """A modelled column.

    Attributes:
        name: Its name.
        kind: The name of its kind.
        is_assumed: True if the kind is arbitrary, since a vote will decide it: the column's own figures say little.
        noise_stddev: Of each count in its histogram, in rows.
        threshold: Rows below which a category is likely not released; ``None`` where the domain is not an open list.
        error: Expected error of its table.
    """

    name: str
    kind: str
    is_assumed: bool
    noise_stddev: float
    threshold: float | None
    error: ExpectedError


@dataclass(frozen=True)
class CurvePoint:
    """The expectation at one epsilon.

    Attributes:
        epsilon: Of the fit.
        one_way: Mean expected error of single columns; ``None`` where a fit is hopeless.
        two_way: That of pairs.
        threshold: Rows below which an open category is likely lost; ``None`` if there is none.
    """

    epsilon: float
    one_way: ExpectedError | None
    two_way: ExpectedError | None
    threshold: float | None


@dataclass(frozen=True)
class Lever:
    """A change that would lower the error.

    Attributes:
        change: In words.
        two_way: Mean expected error of pairs after it.
    """

    change: str
    two_way: ExpectedError
