"""Sampling of codes from a trained generator, with or without conditions. Nothing private is read here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from tabgan._util.tensors import draw_codes
from tabgan.model.generator import Generator

#: Rows drawn at once; larger batches are assembled from parts.
BATCH_SIZE = 16_384

#: Candidates per requested row under conditions: at first, and at most, if their weights differ so much that their
#: effective size is below the requested number of rows; and the least number in all.
CANDIDATES, MOST_CANDIDATES, MIN_CANDIDATES = 8, 32, 4_096


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
    """

    def __init__(
        self,
        generator: Generator,
        exists: Sequence[np.ndarray],
        pooled: Mapping[int, np.ndarray] | None = None,
    ) -> None:
        self._generator = generator
        device = generator.device
        #: Codes that must not be drawn; ``None`` where all may.
        self._excluded = [None if mask.all() else torch.as_tensor(~mask, device=device) for mask in exists]
        self._pooled = {
            position: torch.as_tensor(weights, dtype=torch.float64, device=device)
            for position, weights in (pooled or {}).items()
        }

    @torch.no_grad()
    def batches(
        self,
        n_rows: int,
        rng: torch.Generator,
        fixed: Mapping[int, int] | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> Iterator[np.ndarray]:
        """Yield ``(batch, columns)`` int16 codes, exactly ``n_rows`` rows in total.

        Conditions are met by sequential importance resampling: columns are drawn in order; a fixed one is
        set, and the row weighted by the probability of drawing that code. After the last fixed column, the
        requested rows are drawn from the weighted candidates and completed independently. Candidates are drawn until
        their effective size (Kish) reaches the number of rows, or their number MOST_CANDIDATES times it: for rarer
        conditions, rows repeat in the columns up to the last fixed one. Every row always has the fixed codes.

        Args:
            n_rows: Total number of rows, at least 0.
            rng: Source of all draws, on the generator's device.
            fixed: Required codes, by position of the column.
            batch_size: Most rows per batch.

        References:
            Gordon, Salmond & Smith (1993), *Novel Approach to Nonlinear/Non-Gaussian Bayesian State Estimation*.
            Kish (1965), *Survey Sampling*, section 11.7: the effective size of a weighted sample.
        """
        for first in range(0, n_rows, batch_size):
            size = min(batch_size, n_rows - first)
            parts = [min(BATCH_SIZE, size - start) for start in range(0, size, BATCH_SIZE)]
            drawn = [
                self._conditional(part, rng, fixed) if fixed else self._free(part, rng) for part in parts
            ]
            whole = [self._without_pooled(codes, rng) for codes in drawn]
            yield torch.cat([codes.to(torch.int16).cpu() for codes in whole]).numpy()

    def _without_pooled(self, codes: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Return the codes of complete rows with pooled codes redrawn, each column independently."""
        for position, weights in self._pooled.items():
            rows = (codes[:, position] == len(weights) - 1).nonzero().squeeze(1)
            if len(rows):
                codes[rows, position] = torch.multinomial(weights, len(rows), replacement=True, generator=rng)
        return codes

    def _free(self, n_rows: int, rng: torch.Generator) -> torch.Tensor:
        state, codes = self._start(n_rows)
        return self._go_on(state, codes, 0, rng)

    def _conditional(self, n_rows: int, rng: torch.Generator, fixed: Mapping[int, int]) -> torch.Tensor:
        least = max(CANDIDATES * n_rows, MIN_CANDIDATES)
        most = max(MOST_CANDIDATES * n_rows, MIN_CANDIDATES)
        parts: list[tuple[torch.Tensor, torch.Tensor]] = []
        drawn, worth = 0, 0.0
        while drawn < least or (worth < n_rows and drawn < most):
            size = min(BATCH_SIZE, least - drawn) if drawn < least else BATCH_SIZE
            parts.append(self._candidates(size, rng, fixed))
            drawn += len(parts[-1][0])
            worth = _effective_size(torch.cat([log_weight for _, log_weight in parts]))
        codes, log_weight = (torch.cat(part) for part in zip(*parts, strict=True))
        weights = torch.softmax(log_weight, dim=0)
        kept = torch.multinomial(weights, n_rows, replacement=True, generator=rng)
        state, codes = self._generator.start(n_rows), codes[kept]
        last = max(fixed)
        for position in range(last + 1):
            state = self._generator.advance(state, codes[:, position], position)
        return self._go_on(state, codes, last + 1, rng)

    def _candidates(
        self, n_rows: int, rng: torch.Generator, fixed: Mapping[int, int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the codes up to the last fixed column, and the log-weights of new rows."""
        state, codes = self._start(n_rows)
        log_weight = torch.zeros(n_rows, device=codes.device, dtype=torch.float64)
        for position in range(max(fixed) + 1):
            logits = self._logits(state, position)
            if position in fixed:
                log_weight += torch.log_softmax(logits, dim=1)[:, fixed[position]]
                codes[:, position] = fixed[position]
            else:
                codes[:, position] = draw_codes(logits, rng)
            state = self._generator.advance(state, codes[:, position], position)
        return codes, log_weight

    def _start(self, n_rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the initial state of new rows, and an empty array for their codes."""
        device = self._generator.device
        codes = torch.empty(n_rows, len(self._excluded), dtype=torch.int64, device=device)
        return self._generator.start(n_rows), codes

    def _go_on(
        self, state: torch.Tensor, codes: torch.Tensor, start: int, rng: torch.Generator
    ) -> torch.Tensor:
        """Draw every column from ``start`` on, and return the codes."""
        for position in range(start, len(self._excluded)):
            codes[:, position] = draw_codes(self._logits(state, position), rng)
            state = self._generator.advance(state, codes[:, position], position)
        return codes

    def _logits(self, state: torch.Tensor, position: int) -> torch.Tensor:
        logits, excluded = self._generator.logits(state, position), self._excluded[position]
        return logits if excluded is None else logits.masked_fill(excluded, -torch.inf)


def _effective_size(log_weight: torch.Tensor) -> float:
    """Return the effective size of weighted rows: ``sum(w)**2 / sum(w**2)``."""
    return float(torch.exp(2 * torch.logsumexp(log_weight, 0) - torch.logsumexp(2 * log_weight, 0)))
