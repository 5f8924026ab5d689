"""Tables of places, as door 1 counts them: for each row the cell that it lies in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch

from tabgan._util.tensors import one_thread
from tabgan.model.formulas import NearFormula
from tabgan.model.generator import Generator
from tabgan.model.places import LEAST_AGREEMENT, LEAST_PUSH, LEAST_PUSHES, LEVELS, PARTNERS, PUSHES, Places
from tabgan.model.sampling import CodeSampler
from tabgan.model.suggested import suggested_formulas
from tabgan.table.codes import TableEncoder
from tabgan.table.placing import may_have_places, placed_columns

#: Shape of a table of places.
SHAPE = (len(PUSHES) + 1, LEVELS)

#: Rows that the generator draws to find the columns that push another, and rows that are tallied at a time.
DRAWN, ROWS = 2_048, 16_384

#: Rows, and rounds, in which codes are made as frequent as before.
SHARED, ROUNDS = 8_192, 3


class PlaceTally:
    """The table of one column's ``s`` and ``u``: a function of a row's codes and places, and of released numbers.

    Args:
        generator: The generator, on the CPU.
        position: The column's position.
        places: The column's places, or the formula that may give them, without a table yet.
        is_excluded: ``(size,)`` true for codes that are never drawn.
    """

    def __init__(
        self, generator: Generator, position: int, places: Places | NearFormula, is_excluded: torch.Tensor
    ) -> None:
        self.position, self.places = position, places
        first = int(generator.offsets[position])
        block = slice(first + places.block.start, first + places.block.stop)
        self._offsets = generator.offsets[:position]
        self._direct = generator.direct[:first, block].detach().double().contiguous()
        self._bias = (
            generator.bias[block].detach().double().masked_fill(is_excluded[places.block], -torch.inf)
        )
        self._weights = [each.double() for each in generator.weights_of(position, places)]

    def _logits(self, codes: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, values)`` logits, each row's as a sum of its own: no product of matrices mixes rows."""
        rows = codes[:, : self.position].long() + self._offsets
        return torch.nn.functional.embedding_bag(rows, self._direct, mode="sum") + self._bias

    def cells(self, codes: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return ``(batch,)`` cells of rows, flat; -1 for a row that has no value in the column.

        Args:
            codes: ``(batch, columns)``.
            places: ``(batch, columns)`` places within the codes.
        """
        found = [np.zeros(0, dtype=np.int64)]
        with torch.no_grad(), one_thread(torch.device("cpu")):
            for first in range(0, len(codes), ROWS):
                rows = slice(first, first + ROWS)
                found.append(self._cells(torch.as_tensor(codes[rows]).long(), torch.as_tensor(places[rows])))
        return np.concatenate(found)

    def _cells(self, codes: torch.Tensor, places: torch.Tensor) -> np.ndarray:
        logits = self._logits(codes)
        return np.asarray(self.places.cells(logits, codes, places, self.position, self._weights).numpy())

    def agreement(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``(P,)`` mean sizes of each partner's push among rows, and the agreement of both of its sides."""
        logits, places = self._logits(codes), cast(Places, self.places)
        pushes = places.pushes(logits, codes, self._weights)
        above, below = pushes[..., 0], pushes[..., 1]
        agreement = (above * below).mean(0) / ((above.square() + below.square()).mean(0) / 2 + 1e-12)
        # A place is a quarter of a code away from the middle, on average.
        return (pushes.mean(2) / places.spread(logits)[:, None]).abs().mean(0) / 4, agreement


def tallies_of(generator: Generator, encoder: TableEncoder, rng: torch.Generator) -> list[PlaceTally]:
    """Return tables of the columns that others push, or may give, in order: post-processing of released numbers.

    A column may have two: that of a formula comes first, and counts if it bears the formula out. Columns with a critic
    have none: their conditionals are not sums of weights.

    Args:
        generator: The generator, on the CPU.
        encoder: The table's encoder.
        rng: Source of the drawn rows, on the CPU.
    """
    if not may_have_places(encoder):
        return []
    drawn = generator.draw(DRAWN, rng)
    within = torch.rand(drawn.shape, generator=rng)
    every = placed_columns(encoder)
    placed = [each for each in every if str(each) not in generator.critics]
    formulas, found = suggested_formulas(encoder, placed, drawn, within), list[PlaceTally]()
    for position in placed:
        is_excluded = torch.as_tensor(~encoder.columns[position].exists)
        formula = formulas.get(position)
        partners = [each for each in every if each < position]
        pushed = _pushed(generator, encoder, position, partners, drawn) if partners else None
        found += [
            PlaceTally(generator, position, each, is_excluded)
            for each in (formula, pushed)
            if each is not None
        ]
    return found


def _pushed(
    generator: Generator, encoder: TableEncoder, position: int, partners: Sequence[int], drawn: torch.Tensor
) -> Places | None:
    """Return the places of a column that partners push, by rows of the generator; ``None`` if they hardly do."""
    is_excluded = torch.as_tensor(~encoder.columns[position].exists)
    every = _places(encoder, position, partners)
    size, agreement = PlaceTally(generator, position, every, is_excluded).agreement(drawn)
    size = torch.where(agreement > LEAST_AGREEMENT, size, 0.0)
    kept = [i for i in torch.argsort(-size, stable=True)[:PARTNERS].tolist() if size[i] > LEAST_PUSH]
    if sum(float(size[i]) for i in kept) <= LEAST_PUSHES:
        return None
    return _places(encoder, position, [partners[i] for i in kept])


@torch.no_grad()
def keep_shares(generator: Generator, exists: Sequence[np.ndarray], rng: torch.Generator) -> None:
    """Move the biases of columns with places until their codes are as frequent as without: free post-processing.

    Args:
        generator: Changed in place.
        exists: One mask ``(size,)`` a column: codes that may be drawn.
        rng: Source of the drawn rows, on the generator's device.
    """
    sampler = CodeSampler(generator, exists)
    codes, places = sampler.start(SHARED, rng)
    for position in range(len(generator.sizes)):
        logits = sampler.logits(codes, position)
        own = generator.places_at(position) if str(position) in generator.places else None
        if isinstance(own, Places):
            first = int(generator.offsets[position])
            bias = generator.bias[first + own.block.start : first + own.block.stop]
            weights, before = generator.weights_of(position, own), torch.softmax(logits, dim=1)[:, own.block]
            value = before.sum(1, keepdim=True)
            for _ in range(ROUNDS):
                masses = own.masses(logits[:, own.block], codes, places, weights) * value
                change = torch.log((before.mean(0) + 1e-6) / (masses.mean(0) + 1e-6)).to(bias.dtype)
                bias += change
                logits[:, own.block] += change
        codes[:, position] = generator.draw_column(logits, codes, places, position, rng)


def _places(encoder: TableEncoder, position: int, partners: Sequence[int]) -> Places:
    """Return a column's places by its released counts, with ``u`` uniform."""
    values = encoder.columns[position].values
    weights = np.where(encoder.columns[position].exists, encoder.columns[position].code_weights, 0.0)[values]
    widths = weights / max(weights.sum(), 1e-300)
    ends = [(encoder.columns[i].values.start, encoder.columns[i].values.stop - 1) for i in partners]
    return Places(
        torch.tensor([values.start, values.stop]),
        torch.as_tensor(np.cumsum(widths) - widths / 2, dtype=torch.float32),
        torch.as_tensor(widths, dtype=torch.float32),
        torch.tensor(list(partners)),
        torch.tensor(ends),
        torch.full((len(PUSHES) + 1, LEVELS), 1 / LEVELS),
    )
