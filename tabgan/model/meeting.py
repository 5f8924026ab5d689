"""Codes and places of one column, drawn under a condition and weighted by its probability."""

from __future__ import annotations

from typing import NamedTuple

import torch

from tabgan._util.tensors import draw_codes
from tabgan.model.generator import Generator
from tabgan.table.stretches import Chances, Stretches

#: Numbers that are held at once for the stretches of a condition.
_HELD = 2**22


class MetCodes(NamedTuple):
    """Draws under a condition, with the probability of meeting it: three of ``(rows,)``.

    Attributes:
        codes: Codes that meet it.
        log_chance: Log of the probability of meeting it.
        log_possible: Log of the probability of a code that may meet it.
    """

    codes: torch.Tensor
    log_chance: torch.Tensor
    log_possible: torch.Tensor


def met_by_codes(
    logits: torch.Tensor, chances: Chances, before: torch.Tensor, rng: torch.Generator
) -> MetCodes:
    """Return codes that meet a condition, whatever the places within them.

    Args:
        logits: ``(rows, width)``.
        chances: Of the column.
        before: ``(rows, columns before)`` codes.
        rng: Source of the draws.
    """
    log_p = torch.log_softmax(logits, dim=1)
    if isinstance(chances, int):
        log_chance = log_p[:, chances]
        codes = torch.full((len(logits),), chances, dtype=torch.int64, device=logits.device)
        return MetCodes(codes, log_chance, log_chance)
    if isinstance(chances, Stretches):
        chances = chances.chances
    given = chances(before.cpu().numpy()) if callable(chances) else chances
    log_given = torch.as_tensor(given, dtype=torch.float64, device=logits.device).log()
    joint = log_p + log_given
    possible = torch.where(log_given > -torch.inf, log_p, -torch.inf)
    return MetCodes(draw_codes(joint, rng), joint.logsumexp(1), possible.logsumexp(1))


def met_by_places(
    generator: Generator,
    logits: torch.Tensor,
    wanted: Stretches,
    codes: torch.Tensor,
    places: torch.Tensor,
    position: int,
    rng: torch.Generator,
) -> MetCodes:
    """Return codes that meet a condition, and write places within them that do, by the columns that push this one.

    Args:
        generator: Of the rows.
        logits: ``(rows, width)`` of the column.
        wanted: The stretches of its codes that meet the condition.
        codes: ``(rows, columns)``, those of the columns before drawn.
        places: ``(rows, columns)``; those of this column are written.
        position: The column's.
        rng: Source of the draws.
    """
    at_once = max(_HELD // (len(wanted.codes) + logits.shape[1]), 1)
    if len(logits) > at_once:
        parts = [
            met_by_places(generator, logits[rows], wanted, codes[rows], places[rows], position, rng)
            for rows in (slice(first, first + at_once) for first in range(0, len(logits), at_once))
        ]
        return MetCodes(*(torch.cat(each) for each in zip(*parts, strict=True)))
    device = logits.device
    own, others = (torch.as_tensor(each, device=device) for each in (wanted.codes, wanted.others))
    lows, highs = (torch.as_tensor(each, device=device) for each in (wanted.lows, wanted.highs))
    chances = torch.as_tensor(wanted.chances, dtype=torch.float64, device=device)
    p = torch.softmax(logits.double(), dim=1)
    pushed = generator.place_distribution(logits, codes, places, position)
    if pushed is None:
        masses = p[:, own] * (highs - lows)
    else:
        block = generator.places_at(position).block
        low, high = (pushed.at(own - block.start, each) for each in (lows, highs))
        widths = pushed.shares[:, own - block.start] * (highs - lows)
        masses = p[:, block].sum(1, keepdim=True) * pushed.between(low, high, widths)
    joint = torch.cat([masses, p[:, others] * chances[others]], dim=1).clamp_min(0.0).log()
    drawn = draw_codes(joint, rng)
    rows = (drawn < len(own)).nonzero().squeeze(1)
    which = drawn[rows]
    part = torch.rand(len(rows), generator=rng, device=device, dtype=torch.float64)
    if pushed is not None:
        first, last = low[rows, which], high[rows, which]
        u = pushed.of_rows(rows).drawn_between(first, last, part)
        part = (u - first) / (last - first).clamp_min(1e-300)
    places[rows, position] = (lows[which] + part.clamp(0.0, 1.0) * (highs - lows)[which]).to(places.dtype)
    possible = torch.where(chances > 0, p, 0.0).sum(1).log()
    return MetCodes(torch.cat([own, others])[drawn], joint.logsumexp(1), possible)
