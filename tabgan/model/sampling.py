"""Sampling of codes from a trained generator, with or without conditions. Nothing private is read here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import torch

from tabgan.errors import ConditionError
from tabgan.model.generator import Generator
from tabgan.model.lookahead import Lookahead
from tabgan.model.meeting import MetCodes, met_by_codes, met_by_places
from tabgan.model.tabulated import DrawTables
from tabgan.table.stretches import Chances, Stretches

#: Rows drawn at once; larger batches are assembled from parts.
BATCH_SIZE = 16_384

#: Candidates per requested row under conditions: at first, and at most, if their weights differ so much that their
#: effective size is below ENOUGH times the requested number of rows; the least number in all; and the number in all up
#: to which more are drawn however few rows are requested. Rows drawn from candidates vary more than the candidates do.
CANDIDATES, MOST_CANDIDATES, MIN_CANDIDATES, AMPLE, ENOUGH = 8, 32, 4_096, 2**18, 4

#: Candidates for each row that is completed: at least, at most, and for all rows together.
LEAST_EACH, MOST_EACH, EACH_IN_ALL = 32, 2_048, 2**15

#: Share of the rows meeting the conditions so far below which the next one practically never holds.
LEAST_SHARE = 1e-8

#: Codes, and the places within them.
Drawn = tuple[torch.Tensor, torch.Tensor]


class CodeSampler:
    """A sampler that draws codes column by column.

    The code that pools unreleased categories must not appear in a sample. It is drawn like any other, so that later
    columns follow all rows and not only those whose value was released; once a row is complete, its pooled cells are
    redrawn.

    Args:
        generator: The trained generator.
        exists: One mask ``(size,)`` per column: codes that may be drawn.
        pooled: Weights ``(size,)`` for redrawing pooled cells, by the position of a column whose last code is pooled;
            not negative, 0 at the end and above 0 somewhere.
        names: Names of the columns, for errors.

    Attributes:
        effective_size: Effective size (Kish) of the rows drawn so far under conditions: the number of independent rows
            that they are worth in the columns up to the last one with a condition.
    """

    def __init__(
        self,
        generator: Generator,
        exists: Sequence[np.ndarray],
        pooled: Mapping[int, np.ndarray] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self._generator = generator
        device = generator.device
        #: Codes that must not be drawn; ``None`` where all may.
        self._excluded = [None if mask.all() else torch.as_tensor(~mask, device=device) for mask in exists]
        self._pooled = {
            position: torch.as_tensor(weights, dtype=torch.float64, device=device)
            for position, weights in (pooled or {}).items()
        }
        self._names = list(names or map(str, range(len(exists))))
        self.effective_size = 0.0
        self._tables = DrawTables([len(mask) for mask in exists], generator.parents, self.logits, device)
        self._n_drawn = 0

    @torch.no_grad()
    def batches(
        self,
        n_rows: int,
        rng: torch.Generator,
        fixed: Mapping[int, Chances] | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> Iterator[np.ndarray]:
        """Yield ``(batch, columns)`` int16 codes, exactly ``n_rows`` rows in total; see :meth:`rows`."""
        for codes, _ in self.rows(n_rows, rng, fixed, batch_size):
            yield codes

    @torch.no_grad()
    def rows(
        self,
        n_rows: int,
        rng: torch.Generator,
        fixed: Mapping[int, Chances] | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield ``(batch, columns)`` int16 codes, exactly ``n_rows`` rows in total, and their places within the codes.

        Places are NaN in columns without, and ``(batch, 0)`` if no column has any. Under a condition they are those
        within the part of a code that meets it.

        Conditions are met by sequential importance resampling: columns are drawn in order; one with a condition is
        drawn in proportion to the chance with which each code meets it, and the row weighted by the probability of
        meeting it. After the last of them, the requested rows are drawn from the weighted candidates by systematic
        resampling, so that none repeats while the requested rows times its weight are at most one, and completed
        independently. Candidates are drawn until their effective size (Kish) reaches ENOUGH times the number of rows,
        or their number MOST_CANDIDATES times it and AMPLE: for rarer conditions, rows repeat in the columns up to the
        last one with a condition. Every row always meets them.

        Args:
            n_rows: Total number of rows, at least 0.
            rng: Source of all draws, on the generator's device.
            fixed: Chances that rows meet the conditions, by position of the column; the product of a row's is that of
                the whole row.
            batch_size: Most rows per batch.

        Raises:
            ConditionError: a condition practically never holds: fewer than LEAST_SHARE of the rows that meet those
                before have a code that may meet it.

        References:
            Gordon, Salmond & Smith (1993), *Novel Approach to Nonlinear/Non-Gaussian Bayesian State Estimation*.
            Kish (1965), *Survey Sampling*, section 11.7: the effective size of a weighted sample.
            Carpenter, Clifford & Fearnhead (1999), *Improved Particle Filter for Nonlinear Problems*: systematic
            resampling.
        """
        for first in range(0, n_rows, batch_size):
            drawn = self._parts(min(batch_size, n_rows - first), rng, fixed or {})
            yield self._shown(drawn, rng, fixed or {})

    @torch.no_grad()
    def raw_rows(
        self, n_rows: int, rng: torch.Generator, fixed: Mapping[int, Chances] | None = None
    ) -> Drawn:
        """Return ``(rows, columns)`` codes and places as they are drawn, pooled codes among them; see :meth:`rows`."""
        return _joined([self.start(0, rng), *self._parts(n_rows, rng, fixed or {})])

    @torch.no_grad()
    def shown(
        self, drawn: Drawn, rng: torch.Generator, fixed: Mapping[int, Chances] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the codes and places of raw rows that samples show; the raw ones stay as they are."""
        codes, places = drawn
        return self._shown([(codes.clone(), places.clone())], rng, fixed or {})

    @torch.no_grad()
    def alike(
        self,
        drawn: Drawn,
        positions: Sequence[int],
        rng: torch.Generator,
        fixed: Mapping[int, Chances] | None = None,
    ) -> tuple[Drawn, np.ndarray]:
        """Return raw rows with the codes and places of given ones in some columns, drawn given these in all others.

        If these columns come first, the others are drawn as in any row: column after column, exactly. Else, and under
        conditions on other columns, each row has candidates of its own as in :meth:`completed`.

        Args:
            drawn: Raw rows, which meet the conditions.
            positions: Of the columns that stay.
            rng: Source of all draws, on the generator's device.
            fixed: As of :meth:`rows`.

        Returns:
            The rows, and ``(rows,)`` true for those that meet the conditions.
        """
        others = {
            position: each for position, each in (fixed or {}).items() if position not in set(positions)
        }
        given, places = drawn
        if not others and sorted(positions) == list(range(len(positions))):
            codes, new_places = self.start(len(given), rng)
            kept = slice(0, len(positions))
            codes[:, kept] = given[:, kept]
            new_places[:, kept] = places[:, kept]
            return self._go_on(codes, new_places, len(positions), rng), np.ones(len(given), dtype=bool)
        wanted = torch.full_like(given, -1)
        wanted[:, positions] = given[:, positions]
        ends = torch.full((*given.shape, 2), torch.nan, dtype=torch.float64, device=given.device)
        if places.shape[1]:
            ends[:, positions] = places[:, positions, None].double()
        stop, each = max([*positions, *others], default=-1) + 1, _each(len(given))
        parts, are_met = [self.start(0, rng)], [np.zeros(0, dtype=bool)]
        for first in range(0, len(given), BATCH_SIZE // each):
            rows = slice(first, first + BATCH_SIZE // each)
            found, is_met = self._chosen(wanted[rows], ends[rows], each, stop, rng, {}, others)
            parts.append(found)
            are_met.append(is_met.cpu().numpy())
        return _joined(parts), np.concatenate(are_met)

    def _parts(self, n_rows: int, rng: torch.Generator, fixed: Mapping[int, Chances]) -> list[Drawn]:
        """Return raw rows in parts that are drawn at once."""
        parts = [min(BATCH_SIZE, n_rows - start) for start in range(0, n_rows, BATCH_SIZE)]
        return [self._conditional(part, rng, fixed) if fixed else self._free(part, rng) for part in parts]

    def _shown(
        self, drawn: Sequence[Drawn], rng: torch.Generator, fixed: Mapping[int, Chances]
    ) -> tuple[np.ndarray, np.ndarray]:
        places = torch.cat([each.cpu() for _, each in drawn]).numpy()
        self._place_within(places, drawn, fixed)
        whole = [self._without_pooled(codes, rng) for codes, _ in drawn]
        return torch.cat([codes.to(torch.int16).cpu() for codes in whole]).numpy(), places

    @torch.no_grad()
    def completed(
        self,
        given: np.ndarray,
        rng: torch.Generator,
        chances: Mapping[int, np.ndarray] | None = None,
        places: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(rows, columns)`` int16 codes, the given ones and others drawn given these, and places as of rows.

        Each row has candidates of its own, weighted by the probability of its given codes and places; one of them is
        chosen after its last given column, and completed.

        Args:
            given: ``(rows, columns)`` codes that may be drawn, -1 where there is none.
            rng: Source of all draws, on the generator's device.
            chances: ``(rows, codes)`` chances that each code of a column agrees with the known part of a row, by the
                column's position; 1 where nothing is known.
            places: ``(rows, columns, 2)`` places within the codes at which given cells begin and end; NaN where there
                is none.
        """
        known = {position: each for position, each in (chances or {}).items() if len(each)}
        is_given = given >= 0
        for position, own in known.items():
            is_given[:, position] |= (own != 1.0).any(axis=1)
        stops = np.where(is_given, np.arange(1, given.shape[1] + 1), 0).max(axis=1, initial=0)
        order = np.argsort(stops, kind="stable")
        each = _each(len(given))
        found = np.empty(given.shape, dtype=np.int16)
        ends = np.full((*given.shape, 2), np.nan) if places is None else places
        found_places = np.empty((len(given), given.shape[1] if self._generator.placed else 0), np.float32)
        for first in range(0, len(order), BATCH_SIZE // each):
            rows = order[first : first + BATCH_SIZE // each]
            (codes, drawn_places), _ = self._chosen(
                torch.as_tensor(given[rows], device=self._generator.device),
                torch.as_tensor(ends[rows], device=self._generator.device),
                each,
                stops[rows[-1]],
                rng,
                {position: own[rows] for position, own in known.items()},
            )
            found_places[rows] = drawn_places.cpu().numpy()
            found[rows] = self._without_pooled(codes, rng).to(torch.int16).cpu().numpy()
        return found, found_places

    def _place_given(
        self, places: torch.Tensor, ends: torch.Tensor, position: int, rng: torch.Generator
    ) -> None:
        """Write places of a column's given cells, uniform between their ends: each candidate has its own."""
        rows = ends[:, position, 0].isfinite().nonzero().squeeze(1)
        low, high = ends[rows, position].T
        part = torch.rand(len(rows), generator=rng, device=places.device, dtype=ends.dtype)
        places[rows, position] = (low + part * (high - low)).to(places.dtype)

    @cached_property
    def _ahead(self) -> Lookahead:
        """The look ahead of this sampler, by rows of a seed of its own: no draw depends on those before it."""
        rng = torch.Generator(self._generator.device).manual_seed(0)
        return Lookahead(lambda n_rows: self._free(n_rows, rng)[0], self._generator.sizes)

    def _chosen(
        self,
        given: torch.Tensor,
        ends: torch.Tensor,
        each: int,
        stop: int,
        rng: torch.Generator,
        chances: Mapping[int, np.ndarray],
        fixed: Mapping[int, Chances] | None = None,
    ) -> tuple[Drawn, torch.Tensor]:
        """Return whole rows with the codes, or chances of codes, that are given in the columns before ``stop``.

        And ``(rows,)`` true for rows that may have them, and meet what is ``fixed`` for all rows.
        """
        n_rows = len(given)
        wanted, ends = (part.repeat_interleave(each, dim=0) for part in (given.long(), ends))
        codes, places = self.start(len(wanted), rng)
        log_weight = torch.zeros(len(wanted), device=codes.device, dtype=torch.float64)
        for position in range(stop):
            logits, own = self.logits(codes, position), wanted[:, position]
            if position in chances:
                own_chances = np.repeat(chances[position], each, axis=0)
                met = met_by_codes(logits, own_chances, codes[:, :0], rng)
                codes[:, position] = met.codes
                log_weight += met.log_chance
                continue
            if fixed and position in fixed:
                log_weight += self._met(logits, fixed[position], codes, places, position, rng).log_chance
                continue
            pull = self._ahead.pull(given[:, :stop], position)
            proposed = logits if pull is None else logits + pull.repeat_interleave(each, dim=0)
            drawn = self._generator.draw_column(proposed, codes, places, position, rng)
            is_given = own >= 0
            codes[:, position] = torch.where(is_given, own, drawn)
            if places.shape[1]:
                self._place_given(places, ends, position, rng)
            log_p = self._generator.log_drawn(logits, codes, places, position)
            log_q = log_p if pull is None else self._generator.log_drawn(proposed, codes, places, position)
            log_weight += torch.where(is_given, log_p, log_p - log_q)
        is_possible = log_weight.view(n_rows, each).isfinite()
        log_weight = torch.where(is_possible, log_weight.view(n_rows, each), -1e30)
        weights = torch.softmax(log_weight, dim=1)
        kept = torch.multinomial(weights, 1, generator=rng).squeeze(1)
        chosen = torch.arange(n_rows, device=codes.device) * each + kept
        return self._go_on(codes[chosen], places[chosen], stop, rng), is_possible.any(1)

    def _met(
        self,
        logits: torch.Tensor,
        chances: Chances,
        codes: torch.Tensor,
        places: torch.Tensor,
        position: int,
        rng: torch.Generator,
    ) -> MetCodes:
        """Write codes of a column, and places, that meet a condition, and return them with its probability."""
        if isinstance(chances, Stretches) and position in self._generator.placed:
            met = met_by_places(self._generator, logits, chances, codes, places, position, rng)
        else:
            met = met_by_codes(logits, chances, codes[:, :position], rng)
        codes[:, position] = met.codes
        return met

    def _without_pooled(self, codes: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Return the codes of complete rows with pooled codes redrawn, each column independently."""
        for position, weights in self._pooled.items():
            rows = (codes[:, position] == len(weights) - 1).nonzero().squeeze(1)
            if len(rows):
                codes[rows, position] = torch.multinomial(weights, len(rows), replacement=True, generator=rng)
        return codes

    def _place_within(self, places: np.ndarray, drawn: Sequence[Drawn], fixed: Mapping[int, Chances]) -> None:
        """Write places of columns with conditions anew, as those within the part of a code that meets them."""
        for position in self._generator.placed:
            wanted = fixed.get(position)
            if isinstance(wanted, Stretches):
                codes = torch.cat([each[:, position].cpu() for each, _ in drawn]).numpy()
                places[:, position] = wanted.within(codes, places[:, position])

    def _free(self, n_rows: int, rng: torch.Generator) -> Drawn:
        return self._go_on(*self.start(n_rows, rng), 0, rng)

    def _conditional(self, n_rows: int, rng: torch.Generator, fixed: Mapping[int, Chances]) -> Drawn:
        least = max(CANDIDATES * n_rows, MIN_CANDIDATES)
        most = max(MOST_CANDIDATES * n_rows, AMPLE)
        stop, placed = max(fixed) + 1, self._generator.placed
        parts: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        masses: dict[int, list[torch.Tensor]] = {position: [] for position in fixed}
        drawn, worth = 0, 0.0
        while drawn < least or (worth < ENOUGH * n_rows and drawn < most):
            size = min(BATCH_SIZE, least - drawn) if drawn < least else BATCH_SIZE
            codes, places, log_weight = self._candidates(size, rng, fixed, masses)
            parts.append((codes[:, :stop].to(torch.int16), places[:, placed], log_weight))
            drawn += size
            worth = _effective_size(torch.cat([log_weight for *_, log_weight in parts]))
        self._check(masses, worth)
        first, at_places, log_weight = (torch.cat(part) for part in zip(*parts, strict=True))
        kept = resampled(log_weight, n_rows, rng)
        times = torch.bincount(kept).double()
        self.effective_size += min(worth, n_rows**2 / float(times @ times))
        codes = torch.zeros(n_rows, len(self._excluded), dtype=torch.int64, device=first.device)
        codes[:, :stop] = first[kept].long()
        places = torch.full((n_rows, len(self._excluded) if placed else 0), torch.nan, device=first.device)
        places[:, placed] = at_places[kept]
        return self._go_on(codes, places, stop, rng)

    def _candidates(
        self,
        n_rows: int,
        rng: torch.Generator,
        fixed: Mapping[int, Chances],
        masses: Mapping[int, list[torch.Tensor]],
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return codes and places up to the last column with a condition, and the log-weights of new rows.

        Adds to ``masses``, for each of these columns, the log of the summed weights before it, and of these times the
        probability of a code that may meet its condition.
        """
        codes, places = self.start(n_rows, rng)
        log_weight = torch.zeros(n_rows, device=codes.device, dtype=torch.float64)
        for position in range(max(fixed) + 1):
            logits = self.logits(codes, position)
            chances = fixed.get(position)
            if chances is None:
                codes[:, position] = self._generator.draw_column(logits, codes, places, position, rng)
            else:
                met = self._met(logits, chances, codes, places, position, rng)
                mass = torch.stack([log_weight, log_weight + met.log_possible]).logsumexp(1)
                masses[position].append(mass)
                log_weight += met.log_chance
        return codes, places, log_weight

    def _check(self, masses: Mapping[int, list[torch.Tensor]], worth: float) -> None:
        """Raise if a condition practically never holds among the rows that meet those before.

        Args:
            masses: By position of a column with a condition; see :meth:`_candidates`.
            worth: Effective size of the candidates; 0 if none meets all conditions.

        Raises:
            ConditionError: such a row practically never occurs.
        """
        for position in sorted(masses):
            before, after = torch.stack(masses[position]).logsumexp(0).tolist()
            share = math.exp(after - before) if after > -math.inf else 0.0
            if share < LEAST_SHARE or (worth == 0.0 and position == max(masses)):
                others = " that meet those on other columns" if position > min(masses) else ""
                raise ConditionError(
                    f"conditions: column {self._names[position]!r}: what is asked for practically never occurs: under "
                    f"the model in about {share:.0e} of the rows{others}, below the limit of {LEAST_SHARE:.0e}. "
                    "Loosen a condition.",
                    share,
                )

    def start(self, n_rows: int, rng: torch.Generator) -> Drawn:
        """Return an array for the codes of new rows, and their places, uniform at first."""
        device, placed = self._generator.device, self._generator.placed
        codes = torch.zeros(n_rows, len(self._excluded), dtype=torch.int64, device=device)
        if not placed:
            return codes, torch.empty(n_rows, 0, device=device)
        places = torch.full(codes.shape, torch.nan, device=device)
        places[:, placed] = torch.rand(n_rows, len(placed), generator=rng, device=device)
        return codes, places

    def _go_on(self, codes: torch.Tensor, places: torch.Tensor, start: int, rng: torch.Generator) -> Drawn:
        """Draw every column from ``start`` on, and return codes and places."""
        self._n_drawn += len(codes)
        for position in range(start, len(self._excluded)):
            table = self._tables.of(position, self._n_drawn)
            if table is None:
                logits = self.logits(codes, position)
                codes[:, position] = self._generator.draw_column(logits, codes, places, position, rng)
            else:
                codes[:, position] = table.draw(codes, rng)
        return codes, places

    def logits(self, codes: torch.Tensor, position: int) -> torch.Tensor:
        """Return ``(batch, size)`` logits of a column, minus infinity for codes that must not be drawn."""
        logits, excluded = self._generator.logits(codes, position), self._excluded[position]
        return logits if excluded is None else logits.masked_fill(excluded, -torch.inf)


def resampled(log_weight: torch.Tensor, n_rows: int, rng: torch.Generator) -> torch.Tensor:
    """Return ``(n_rows,)`` places of weighted candidates in random order, each in proportion to its weight.

    Draws with replacement would repeat rows by chance, and vary more than the same number of independent rows.
    """
    device = log_weight.device
    ends = torch.cumsum(torch.softmax(log_weight, dim=0), dim=0)
    start = torch.rand(1, generator=rng, device=device, dtype=torch.float64)
    steps = (torch.arange(n_rows, device=device, dtype=torch.float64) + start) * (ends[-1] / n_rows)
    last = int((ends < ends[-1]).sum())  # with a weight: a step that is rounded up passes the whole
    places = torch.searchsorted(ends, steps, right=True).clamp(max=last)
    return places[torch.randperm(n_rows, generator=rng, device=device)]


def _each(n_rows: int) -> int:
    """Return the number of candidates of each of some rows that are completed."""
    return int(np.clip(EACH_IN_ALL // max(n_rows, 1), LEAST_EACH, MOST_EACH))


def _joined(parts: Sequence[Drawn]) -> Drawn:
    codes, places = zip(*parts, strict=True)
    return torch.cat(codes), torch.cat(places)


def _effective_size(log_weight: torch.Tensor) -> float:
    """Return the effective size of weighted rows: ``sum(w)**2 / sum(w**2)``; 0 if no weight is positive."""
    size = float(torch.exp(2 * torch.logsumexp(log_weight, 0) - torch.logsumexp(2 * log_weight, 0)))
    return size if math.isfinite(size) else 0.0
