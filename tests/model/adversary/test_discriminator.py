from __future__ import annotations

import math

import torch
from torch import nn

from tabgan.model.adversary.discriminator import Discriminator, generator_loss


def test_shape():
    assert Discriminator(5, 3)(torch.zeros(7, 5)).shape == (7, 1)


def test_no_row_sees_another():
    """Pitfall 12: a layer that mixes rows would void the per-row sensitivity."""
    module = Discriminator(5, 8).train()
    rows = torch.rand(6, 5, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([module(row[None]) for row in rows])
    torch.testing.assert_close(module(rows), alone)
    assert not any(isinstance(layer, nn.modules.batchnorm._NormBase) for layer in module.modules())


def test_generator_loss_worked_by_hand():
    assert math.isclose(generator_loss(torch.zeros(4, 1)).item(), math.log(2), rel_tol=1e-6)
    assert generator_loss(torch.full((4, 1), 30.0)).item() < 1e-6
    assert math.isclose(generator_loss(torch.full((4, 1), -30.0)).item(), 30.0, rel_tol=1e-6)


def test_generator_loss_falls_when_fakes_pass_for_real():
    logits = torch.zeros(4, 1, requires_grad=True)
    generator_loss(logits).backward()
    assert (logits.grad < 0).all()
