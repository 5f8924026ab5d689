"""The critic of a column: a discriminator whose log-ratio corrects the generator's conditional.

The anchors' conditional of a target is log-linear, so it lacks every interaction of two columns, and carries the noise
of all tables. The critic's ``D(x, b)`` estimates ``log p(b | x) - log anchor(b | x)``: it distinguishes the target of a
real row from one that the generator would draw for the same row. The generator draws from ``anchor * exp(D)``, so it
follows the critic at once, and the game of the two is maximum likelihood (Goodfellow 2014).

``D`` is linear in features that cost nothing: waves of the place of a number among the released counts, indicators
of frequent categories, the anchors' own log-odds, and products of two such features from different columns. Among the
generator's rows they vary in few directions, and the training step treats the other directions as noise
(:mod:`tabgan.model.adversary.natural`).

References:
    Goodfellow et al. (2014), *Generative Adversarial Nets*.
    Goodfellow (2014), *On Distinguishability Criteria for Estimating Generative Models*, arXiv 1412.6515.
    Gutmann & Hyvarinen (2010), *Noise-Contrastive Estimation*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from tabgan._util.tensors import one_hot_product
from tabgan.table.coded import CodedColumn

#: Categories with an indicator, and classes of a target with an output of their own, at most: the most frequent ones.
INDICATORS, CLASSES = 4, 8

#: Values above which an ordered column has waves instead of indicators, the least share that makes a code one of
#: them, and the least share of missing values that has an indicator.
FEW_VALUES, SEEN, SEEN_MISSING = 6, 1e-4, 0.01

#: Waves of an ordered target that are corrected, and their size: with it few rows' gradients exceed the clipping bound.
TARGET_WAVES, TARGET_SIZE = 3, 0.5

#: Most single features, and most features divided by the root of the number of outputs: a step works with their square.
MOST_SINGLE, MOST_FEATURES = 300, 900

#: Lengths of the single features, of the products and of the constant, and factor on the anchors' own log-odds, whose
#: weight corrects what the anchors overstate. A row's gradient has the length of its features times its error, and is
#: clipped at 1: shorter features are lost in the noise, longer ones bias the steps.
SINGLE, PRODUCTS, CONSTANT, OWN = 1.5, 2.0, 0.3, 3.0

#: Least log-probability by the anchors in a feature, and the most standard deviations of any feature.
_LEAST_LOG, _MOST = -8.0, 3.0

#: Added to the standard deviation of a feature: rare indicators stay small.
_LEAST_SPREAD = 0.02

#: Owner of the anchors' own log-odds among the columns.
_ANCHORS = -1


class Critic(nn.Module):
    """A linear discriminator of one column's codes, given the earlier ones.

    **Shape.** ``log_ratio``: one-hot blocks of the earlier columns ``(batch, before)`` and the anchors' logits
    ``(batch, size)`` to ``(batch, size)``.

    Args:
        table: ``(before, P)`` single features of each code of the earlier columns.
        owner: ``(P + K,)`` the column of each single feature; ``-1`` for the ``K`` of the anchors.
        basis: ``(size, K)`` functions of the column's codes.
        mean: ``(P + K,)`` means of the single features among drawn rows.
        spread: ``(P + K,)`` their standard deviations.
        crossed: ``(C,)`` places of the features that have products.
        scale: Factor on all features, in (0, 1].
        offset: ``(size,)`` added to ``D``, so that codes stay as frequent as by the anchors; 0 by default.
    """

    table: torch.Tensor
    owner: torch.Tensor
    basis: torch.Tensor
    mean: torch.Tensor
    spread: torch.Tensor
    crossed: torch.Tensor
    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(
        self,
        table: torch.Tensor,
        owner: torch.Tensor,
        basis: torch.Tensor,
        mean: torch.Tensor,
        spread: torch.Tensor,
        crossed: torch.Tensor,
        scale: torch.Tensor,
        offset: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("table", table)
        self.register_buffer("owner", owner)
        self.register_buffer("basis", basis)
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.register_buffer("crossed", crossed)
        self.register_buffer("scale", scale)
        self.register_buffer("offset", torch.zeros(len(basis)) if offset is None else offset)
        owners = owner[crossed]
        #: For each crossed feature, the later ones of other columns, by their places among the crossed features.
        self._partners = [
            place + 1 + (owners[place + 1 :] != owners[place]).nonzero().ravel()
            for place in range(len(crossed))
        ]
        n_features = len(self._lengths(torch.float32))
        # Left empty: torch would fill it from the global random generator.
        self.network = nn.Linear(n_features, basis.shape[1], bias=False, device="meta").to_empty(device="cpu")
        nn.init.zeros_(self.network.weight)

    def features(self, before: torch.Tensor, anchor: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, features)``, each row from its own codes alone; its length is about 3 times ``scale``.

        Args:
            before: ``(batch, earlier columns)`` positions of the ones in the earlier columns' one-hot blocks.
            anchor: ``(batch, size)`` the anchors' logits.
        """
        # By feature, so that a product reads whole lines of memory.
        single = self._standardised(before, anchor).T.contiguous()
        crossed = single[self.crossed]
        lengths = self._lengths(single.dtype)
        features = single.new_empty(len(lengths), single.shape[1])
        row = len(single)
        features[:row] = single
        for place, partners in enumerate(self._partners):
            features[row : row + len(partners)] = crossed[place] * crossed[partners.to(crossed.device)]
            row += len(partners)
        features[row:] = 1.0
        features *= lengths[:, None]
        return features.T.contiguous()

    def _standardised(self, before: torch.Tensor, anchor: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, P + K)`` single features, standardised."""
        table, mean, spread = (each.to(anchor.dtype) for each in (self.table, self.mean, self.spread))
        ordered = one_hot_product(before, table), _log_odds(anchor, self.basis.to(anchor.dtype))
        single = torch.cat(ordered, dim=1)
        return single.sub_(mean).div_(spread).clamp_(-_MOST, _MOST)

    def _lengths(self, dtype: torch.dtype) -> torch.Tensor:
        """Return ``(features,)`` factors: of single features, of products, and of the constant."""
        n_single, n_products = len(self.owner), sum(map(len, self._partners))
        single = torch.where(self.owner == _ANCHORS, OWN, 1.0) * (SINGLE / n_single**0.5)
        products = single.new_full((n_products,), PRODUCTS / max(n_products, 1) ** 0.5)
        lengths = torch.cat([single, products, single.new_tensor([CONSTANT])])
        return (lengths * self.scale).to(dtype)

    def log_ratio(self, before: torch.Tensor, anchor: torch.Tensor) -> torch.Tensor:
        """Return ``D``, which is added to the anchors' logits, from products by a quadratic form of each output."""
        single = self._standardised(before, anchor)
        weight = self.network.weight * self._lengths(single.dtype)
        n_single, n_crossed = single.shape[1], len(self.crossed)
        counts = torch.tensor([len(partners) for partners in self._partners])
        forms = weight.new_zeros(len(weight), n_crossed, n_crossed)
        forms[:, torch.arange(n_crossed).repeat_interleave(counts), torch.cat(self._partners)] = weight[
            :, n_single:-1
        ]
        crossed = single[:, self.crossed]
        products = (crossed @ forms).mul_(crossed).sum(2).T
        return (single @ weight[:, :n_single].T + products + weight[:, -1]) @ self.basis.T + self.offset

    @classmethod
    def of_columns(
        cls, columns: Sequence[CodedColumn], before: torch.Tensor, anchor: torch.Tensor, max_rows: int = 1
    ) -> Critic:
        """Return a critic of the last of ``columns`` that corrects nothing yet.

        Its features follow from released counts, and from rows drawn by the generator.

        Args:
            columns: Coded columns in the order in which they are drawn, up to the critic's own.
            before: ``(rows, earlier columns)`` positions of the ones in drawn rows' one-hot blocks.
            anchor: ``(rows, size)`` the anchors' logits for them.
            max_rows: The most rows of a unit of privacy: features are shortened by it, as each row's gradient is.
        """
        tables = [_singles(column) for column in columns[:-1]]
        owner = np.repeat(np.arange(len(tables)), [table.shape[1] for table in tables])
        table = np.zeros((sum(map(len, tables)), len(owner)))
        row = column = 0
        for each in tables:
            table[row : row + len(each), column : column + each.shape[1]] = each
            row, column = row + each.shape[0], column + each.shape[1]
        basis = torch.as_tensor(_basis(columns[-1]), dtype=torch.float32)
        single = one_hot_product(before, torch.as_tensor(table, dtype=torch.float32))
        relevance = _correlation(single, torch.softmax(anchor, dim=1) @ basis)
        kept = torch.argsort(-relevance, stable=True)[:MOST_SINGLE].sort().values
        table, owner = table[:, kept.numpy()], owner[kept.numpy()]
        single = torch.cat([single[:, kept], _log_odds(anchor, basis)], dim=1)
        owners = torch.cat([torch.as_tensor(owner), torch.full((basis.shape[1],), _ANCHORS)])
        relevance = torch.cat([relevance[kept], torch.full((basis.shape[1],), torch.inf)])
        most = _most_crossed(MOST_FEATURES / basis.shape[1] ** 0.5 - len(owners))
        crossed = torch.argsort(-relevance, stable=True)[:most].sort().values
        return cls(
            torch.as_tensor(table, dtype=torch.float32),
            owners,
            basis,
            single.mean(0),
            single.std(0) + _LEAST_SPREAD,
            crossed,
            torch.tensor(1.0 / max_rows),
        )

    @classmethod
    def of_state(cls, sizes: Sequence[int], position: int, state: Mapping[str, torch.Tensor]) -> Critic:
        """Return a critic with the shapes and values of a state dictionary's tensors.

        Raises:
            KeyError, ValueError, RuntimeError: the tensors do not belong together.
        """
        if not 0 <= position < len(sizes):
            raise ValueError("no such column")
        parts = {name: value for name, value in state.items() if name != "network.weight"}
        before, n_single, n_outputs = sum(sizes[:position]), state["table"].shape[1], state["basis"].shape[1]
        n_all = n_single + n_outputs
        shapes = {
            "table": (before, n_single),
            "owner": (n_all,),
            "basis": (sizes[position], n_outputs),
            "mean": (n_all,),
            "spread": (n_all,),
            "crossed": (len(state["crossed"]),),
            "scale": (),
            "offset": (sizes[position],),
        }
        if {name: tuple(value.shape) for name, value in parts.items()} != shapes:
            raise ValueError("tensors do not belong together")
        owner, crossed = state["owner"], state["crossed"]
        numbers = [value for name, value in state.items() if name not in ("owner", "crossed")]
        is_usable = owner.dtype == crossed.dtype == torch.int64
        is_usable &= all(each.dtype == torch.float32 and bool(each.isfinite().all()) for each in numbers)
        is_usable &= bool((state["spread"] > 0).all()) and 0 < float(state["scale"]) <= 1
        is_usable &= n_single <= MOST_SINGLE and 1 <= n_outputs <= CLASSES
        # Before products are counted: those of many features would fill memory.
        is_usable &= len(crossed) <= _most_crossed(MOST_FEATURES / max(n_outputs, 1) ** 0.5 - n_all)
        is_usable &= bool(((crossed >= 0) & (crossed < n_all)).all())
        is_usable &= bool(((owner >= _ANCHORS) & (owner < position)).all())
        if not is_usable or len(crossed.unique()) != len(crossed):
            raise ValueError("not a critic")
        critic = cls(**parts)
        critic.load_state_dict(dict(state), strict=True)
        return critic


def _singles(coded: CodedColumn) -> np.ndarray:
    """Return ``(width, features)`` of a column's codes: two waves of the place of a number, or indicators."""
    weights = coded.code_weights
    numbers = _numbers(coded, weights)
    if numbers is not None:
        place = _places(weights[numbers])
        waves = np.zeros((coded.width, 2))
        waves[numbers] = np.stack([place, 0.7 * np.cos(np.pi * (place + 1))], axis=1)
        if coded.encoder.is_nullable and weights[0] > SEEN_MISSING * weights.sum():
            return np.column_stack([waves, np.arange(coded.width) == 0])
        return waves
    frequent = [code for code in np.argsort(-weights, kind="stable") if weights[code] > 0][:INDICATORS]
    chosen = frequent[1:] if len(frequent) == 2 else frequent
    return np.asarray(np.arange(coded.width)[:, None] == np.array(chosen, dtype=int), dtype=np.float64)


def _numbers(coded: CodedColumn, weights: np.ndarray) -> slice | None:
    """Return the codes of the values of an ordered column that has many by their weights; ``None`` for others."""
    values = slice(int(coded.encoder.is_nullable), coded.width - int(coded.encoder.has_other))
    n_seen = int((weights[values] > SEEN * weights.sum()).sum())
    return values if coded.encoder.is_ordered and n_seen > FEW_VALUES else None


def _places(weights: np.ndarray) -> np.ndarray:
    """Return the middle of each code in the distribution of the values, in [-1, 1]."""
    below = np.cumsum(weights) - weights / 2
    return np.asarray(2 * below / max(weights.sum(), 1e-9) - 1)


def _basis(coded: CodedColumn) -> np.ndarray:
    """Return ``(width, outputs)`` functions of a target's codes: waves of a number, or indicators of classes."""
    weights = np.where(coded.exists, coded.code_weights, 0.0)
    numbers = _numbers(coded, weights)
    if numbers is not None:
        place = _places(weights[numbers])
        basis = np.zeros((coded.width, TARGET_WAVES))
        waves = [place, *(np.cos(np.pi * k * (place + 1)) for k in range(1, TARGET_WAVES))]
        basis[numbers] = TARGET_SIZE * np.stack(waves, axis=1)
        return basis
    frequent = [code for code in np.argsort(-weights, kind="stable") if coded.exists[code]]
    chosen = np.array(frequent[1 : 1 + CLASSES] or frequent[:1], dtype=int)
    return np.asarray(np.arange(coded.width)[:, None] == chosen, dtype=np.float64)


def _correlation(single: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Return the largest absolute correlation of each feature with the expectations of the target's functions."""
    if not single.shape[1]:  # no column comes before the target, and torch warns
        return single.new_zeros(0)
    first = (single - single.mean(0)) / (single.std(0) + _LEAST_SPREAD)
    second = (expected - expected.mean(0)) / (expected.std(0) + 1e-6)
    return (first.T @ second / len(single)).abs().amax(dim=1)


def _most_crossed(products: float) -> int:
    """Return the largest number of features, at least 2, with no more products than that."""
    return max(int((1 + (1 + 8 * max(products, 1.0)) ** 0.5) / 2), 2)


def _log_odds(anchor: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    """Return ``(batch, K)`` coefficients of the anchors' log-probabilities on a target's functions."""
    centred = basis - basis.mean(0)
    odds = torch.log_softmax(anchor, dim=1).clamp_min(_LEAST_LOG) @ centred
    return odds / centred.square().sum(0).clamp_min(1e-6)
