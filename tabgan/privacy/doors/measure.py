"""The only way from rows to numbers at door 1: charge, count, add the charged noise, keep the answer.

Releases are charged before a row is counted, and the noise is the noise that was charged. An answer kept before an
interruption is returned unchanged: no row is read and no noise is drawn for it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tabgan.errors import PrivacyError
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.events import Release
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.ledger.journal import Journal
from tabgan.privacy.released import LOST, Discovered
from tabgan.table.summed import Observed


class Measurer:
    """The object that charges for, counts and noises the releases of one fit.

    **Guarantee.** Every number that a method returns carries the noise of its release, which the filter admitted
    before ``exact`` was called; ``exact`` is the only thing here that reads rows. The caller states the sensitivity in
    the release: the L2 norm of the largest change that one privacy unit makes to the result of ``exact``.

    Args:
        privacy_filter: The filter that is charged before rows are read.
        journal: Answers that survive an interruption; ``None`` keeps none.
    """

    def __init__(self, privacy_filter: PrivacyFilter, journal: Journal | None = None) -> None:
        self.privacy_filter = privacy_filter
        self._journal = journal
        self._calls = 0

    def counts(
        self,
        releases: Sequence[Release],
        exact: Sequence[Callable[[], np.ndarray]],
        *,
        is_dispensable: bool = False,
    ) -> list[np.ndarray] | None:
        """Return one array of noisy integer counts for each release.

        Args:
            releases: One for each array; charged together, before any is counted.
            exact: Functions that return the exact counts.
            is_dispensable: Flag: after an interruption between charge and answer, which leaves the charge spent,
                return ``None`` instead of charging again.
        """
        if not releases:
            return []
        call = self._next_call(releases)
        answer = self._recall(call, releases, is_dispensable)
        if answer is None:
            return None
        if "arrays" not in answer:
            arrays = [
                mechanisms.noisy_vector(count(), release.noise_stddev)
                for release, count in zip(releases, exact, strict=True)
            ]
            self._keep(call, {"arrays": [_plain(array) for array in arrays]})
            return arrays
        return [_array(plain) for plain in answer["arrays"]]

    def scores(self, releases: Sequence[Release], exact: Callable[[], np.ndarray]) -> np.ndarray:
        """Return ``(len(releases),)`` noisy real numbers, one for each release; all have the same noise.

        Numbers are rounded to the noise's grid, which may add one step to their sensitivity; the noise is scaled up to
        match.
        """
        call = self._next_call(releases)
        answer = self._recall(call, releases) or {}
        if "scores" in answer:
            return np.asarray(answer["scores"], dtype=np.float64)
        noise = releases[0].noise_stddev * mechanisms.ROUNDING
        noisy = mechanisms.noisy_vector(exact(), noise)
        self._keep(call, {"scores": noisy.tolist()})
        return noisy

    def drawn(self, release: Release, mechanism: Callable[[], np.ndarray]) -> np.ndarray | None:
        """Return the flat array of a mechanism that adds its own noise, and is charged before it is called.

        ``None`` if an interruption lost it after its charge: it is not drawn again.
        """
        call = self._next_call([release])
        answer = self._recall(call, [release], is_dispensable=True)
        if answer is None:
            return None
        if "drawn" not in answer:
            answer = {"drawn": mechanism().tolist()}
            self._keep(call, answer)
        return np.asarray(answer["drawn"], dtype=np.float64)

    def discover(
        self, release: Release, exact: Callable[[], Iterable[Observed]], max_rows: int, is_once: bool = False
    ) -> Discovered:
        """Return the categories that pass the threshold, and noisy counts of them and of missing values.

        Missing values, and public ones, are cells that every table has: they share the histogram and its sensitivity,
        and have no threshold. ``exact`` may return the histogram in pieces, whose categories differ: each category has
        noise and a threshold of its own. ``LOST`` if it ``is_once`` and was lost to an interruption after its charge.
        """
        call = self._next_call([release])
        answer = self._recall(call, [release], is_once)
        if answer is None:
            return LOST
        if "values" not in answer:
            values, found, certain = [], [np.zeros(0)], np.zeros(1)
            for observed in exact():
                shown, counts = mechanisms.discover(
                    observed.counts, release.noise_stddev, release.delta, max_rows, len(release.columns)
                )
                values += [observed.values[position] for position in shown]
                found.append(counts)
                certain = certain + np.array([observed.n_missing, *observed.public])
            counts = np.concatenate(found)
            noisy = mechanisms.noisy_vector(certain, release.noise_stddev)
            # Sorted by value, because the order in which they were found is that of the rows.
            order = sorted(range(len(values)), key=lambda i: (type(values[i]).__name__, values[i]))
            answer = {
                "values": [values[i] for i in order],
                "counts": counts[order].tolist(),
                "missing": float(noisy[0]),
                "public": noisy[1:].tolist(),
            }
            self._keep(call, answer)
        counts, public = (np.asarray(answer.get(key, ()), dtype=np.float64) for key in ("counts", "public"))
        return Discovered(answer["values"], counts, answer["missing"], public)

    def _next_call(self, releases: Sequence[Release]) -> str:
        """Return the name of the next call, which is the same when the fit is resumed."""
        self._calls += 1
        return f"{self._calls} {releases[0].what}"

    def _recall(
        self, call: str, releases: Sequence[Release], is_dispensable: bool = False
    ) -> dict[str, Any] | None:
        """Return the answer that was kept for a call; otherwise charge for it and return an empty answer.

        ``None`` stands for a dispensable answer that was charged and not kept.

        Raises:
            PrivacyError: charges and answers of the interrupted fit do not match.
        """
        past = self.privacy_filter.recall(call)
        answer = None if self._journal is None else self._journal.answer(call)
        is_same = all(_names(charged) == _names(releases) for charged in past)
        if not is_same or (answer is not None and not past and self.privacy_filter.is_private):
            raise PrivacyError(
                f"checkpoint: its ledger and its answers do not match at {call!r}. One of them was replaced, or "
                "written by another version; start a new fit with a new checkpoint."
            )
        if answer is not None:
            return dict(answer)
        if past and is_dispensable:
            return None
        self.privacy_filter.charge(*releases, call=call)
        return {}

    def _keep(self, call: str, answer: dict[str, Any]) -> None:
        if self._journal is not None:
            self._journal.keep(call, answer)


def _names(releases: Sequence[Release]) -> list[tuple[str, tuple[str, ...], str]]:
    return [(release.what, release.columns, release.mechanism) for release in releases]


def _plain(array: np.ndarray) -> dict[str, Any]:
    return {"shape": list(array.shape), "values": array.ravel().tolist()}


def _array(plain: dict[str, Any]) -> np.ndarray:
    return np.asarray(plain["values"], dtype=np.float64).reshape(plain["shape"])
