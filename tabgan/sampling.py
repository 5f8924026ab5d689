"""Codes out of a trained generator, with or without conditions. Nothing private is left to be read here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from tabgan.model.generator import Generator, draw_codes

#: Rows drawn at once; larger batches are put together from parts.
BATCH_SIZE = 16_384

#: Candidates drawn for each row asked for under conditions, and the least number of them.
CANDIDATES, MIN_CANDIDATES = 8, 4_096


class CodeSampler:
    """Draws codes column by column.

    Args:
        generator: Trained.
        is_sampled: One mask ``(size,)`` a column: codes that may be drawn.
    """

    def __init__(self, generator: Generator, is_sampled: Sequence[np.ndarray]) -> None:
        self._generator = generator
        self._masks = [torch.as_tensor(mask, device=generator.device) for mask in is_sampled]

    @torch.no_grad()
    def batches(
        self,
        n_rows: int,
        rng: torch.Generator,
        fixed: Mapping[int, int] | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> Iterator[np.ndarray]:
        """Yield ``(batch, columns)`` int16 codes, exactly ``n_rows`` rows together.

        Fixed columns are met by sequential importance resampling: columns are drawn in order; a fixed one is
        set, and the row weighted with the probability that it would have been drawn so. After the last fixed
        column, the rows that are needed are drawn from the weighted candidates and go on by themselves. Exact as
        the candidates grow in number; for any number, every row has the fixed codes.

        Args:
            n_rows: Rows in all, at least 0.
            rng: All draws, on the generator's device.
            fixed: Codes that columns, by position, must have.
            batch_size: Rows a batch at most.

        References:
            Gordon, Salmond & Smith (1993), *Novel Approach to Nonlinear/Non-Gaussian Bayesian State Estimation*.
        """
        for first in range(0, n_rows, batch_size):
            size = min(batch_size, n_rows - first)
            parts = [min(BATCH_SIZE, size - start) for start in range(0, size, BATCH_SIZE)]
            drawn = [
                self._conditional(part, rng, fixed) if fixed else self._free(part, rng) for part in parts
            ]
            yield torch.cat([codes.to(torch.int16).cpu() for codes in drawn]).numpy()

    def _free(self, n_rows: int, rng: torch.Generator) -> torch.Tensor:
        state, codes = self._start(n_rows, rng)
        return self._go_on(state, codes, 0, rng)

    def _conditional(self, n_rows: int, rng: torch.Generator, fixed: Mapping[int, int]) -> torch.Tensor:
        state, codes = self._start(max(CANDIDATES * n_rows, MIN_CANDIDATES), rng)
        log_weight = torch.zeros(len(codes), device=codes.device)
        last = max(fixed)
        for position in range(last + 1):
            logits = self._logits(state, position)
            if position in fixed:
                log_weight += torch.log_softmax(logits, dim=1)[:, fixed[position]]
                codes[:, position] = fixed[position]
            else:
                codes[:, position] = draw_codes(logits, rng)
            state = self._generator.advance(state, codes[:, position], position)
        weights = torch.softmax(log_weight.double(), dim=0)
        kept = torch.multinomial(weights, n_rows, replacement=True, generator=rng)
        return self._go_on(state[kept], codes[kept], last + 1, rng)

    def _start(self, n_rows: int, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the first state of new rows and their codes, still empty."""
        device = self._generator.device
        latent = torch.randn(n_rows, self._generator.latent, generator=rng, device=device)
        codes = torch.empty(n_rows, len(self._masks), dtype=torch.int64, device=device)
        return self._generator.start(latent), codes

    def _go_on(
        self, state: torch.Tensor, codes: torch.Tensor, start: int, rng: torch.Generator
    ) -> torch.Tensor:
        """Return the codes after every column from ``start`` on was drawn."""
        for position in range(start, len(self._masks)):
            codes[:, position] = draw_codes(self._logits(state, position), rng)
            state = self._generator.advance(state, codes[:, position], position)
        return codes

    def _logits(self, state: torch.Tensor, position: int) -> torch.Tensor:
        return self._generator.logits(state, position).masked_fill(~self._masks[position], -torch.inf)
