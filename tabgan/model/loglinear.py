"""The generator's wide layer: the maximum-entropy conditionals that agree with the measured tables.

Column ``j`` is drawn from ``p(b | x)`` proportional to ``exp(bias_b + sum_{i<j} theta_ij[x_i, b])``. With columns
drawn in sequence, agreement with the table of every measured pair ``(i, j)`` is a convex problem per column,

    minimise  E_x log sum_b exp(bias_b + sum_i theta_ij[x_i, b]) - sum_i <T_ij, theta_ij> + penalty,

with ``x`` drawn from the earlier columns; its gradient is the model's table minus the measured one. The penalty is
the negative logarithm of a Gaussian prior, whose variance is estimated from the noisy table: its signal beyond the
known noise and that of the drawn rows. The biases are corrected on rows that the weights were not fitted on
(``docs/adr/0017-drift-along-the-columns.md``). Everything here is post-processing of released counts.

References:
    Berger, Della Pietra & Della Pietra (1996), *A Maximum Entropy Approach to Natural Language Processing*.
    Dudik, Phillips & Schapire (2007), *Maximum Entropy Density Estimation with Generalized Regularization*.
    Efron & Morris (1973), *Stein's Estimation Rule and its Competitors*, on prior variances from noisy data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import unwrap

import numpy as np
import torch
from scipy.sparse import csr_array

from tabgan._util.tensors import draw_codes, one_hot_product
from tabgan.model.margins import fit_margins, noise_variance, scaled_to
from tabgan.privacy.released import Marginal
from tabgan.table.codes import TableEncoder
from tabgan.table.runs import smooth_run

#: Most and fewest drawn rows that conditionals are fitted on; in between, four times the rows of the table. With more
#: codes than WIDTH, fewer rows keep the work constant.
POOL, WIDTH, MIN_POOL = 32_768, 400, 4_096

#: Part of the pool's own sampling variance that counts as noise of a table: a closer fit follows the drawn rows, and
#: distorts the shares of other rows.
POOL_NOISE = 0.25

#: Rows that the biases are corrected on, steps of Newton's method at most, the largest change of a log-weight in one,
#: the ridge on the sum of them (about 1 / (FRESH * .25**2)), the error of a share that is too small for another step,
#: and the largest change of a log-weight in a step that counts as converged.
FRESH, CORRECTIONS, MOST_STEP, FRESH_RIDGE, CLOSE, AT_REST = 16_384, 40, 1.0, 1e-3, 1e-4, 1e-3

#: Rows that are added up at a time: in longer sums, single precision loses small terms.
SUMMED = 512

#: Iterations of L-BFGS per column, and evaluations of its objective.
ITERATIONS, EVALUATIONS = 40, 50

#: Noise assumed for a measurement without noise, as a share of the number of rows.
LEAST_NOISE_SHARE = 1e-4

#: Least penalty on squared weights: where one column determines another, the best penalty would be none.
LEAST_RIDGE = 2e-6

#: Prior variance: least, most, and factor on the estimate. Each group's estimate is shrunk towards the whole
#: table's, which counts for PRIOR_CELLS cells; cells are weighted by 1 / (noise**2 + SPREAD * expected**2).
LEAST_VARIANCE, MOST_VARIANCE, VARIANCE_FACTOR, PRIOR_CELLS, SPREAD = 1e-3, 10.0, 0.7, 1.0, 0.02

#: The hour's effect on the temperature is small compared with its total variance, and large compared with the part that
#: the season does not explain, so the prior, which sees the total, shrinks it too much. For noisy pairs with a moment's
#: cycle the penalty is lowered, in ROUNDS, for groups of coefficients that miss their tables by more than this part of
#: a standard deviation.
MISSED, ROUNDS = 0.7, 2

#: Log-weight of a code that is never drawn.
_NEVER = -30.0

#: Log-weight of a pair of codes that a rule excludes: lower than the weights of other pairs can make up for.
_EXCLUDED = -1_000.0

#: Labels of exchangeable codes in the prior: unordered ones, and single ones in an ordered column.
_UNORDERED, _SINGLE = -1, -2


@dataclass(frozen=True)
class Axis:
    """A column's basis for the prior.

    Attributes:
        shares: ``(size,)`` released shares of the codes.
        basis: ``(size, size)`` orthonormal: cosines of rising frequency for ordered codes, else the codes themselves.
        levels: ``(size,)`` groups of exchangeable basis vectors: cosines by octave.
        mass: ``(size,)`` share of each basis vector.
    """

    shares: np.ndarray
    basis: np.ndarray
    levels: np.ndarray
    mass: np.ndarray


def axes_of(encoder: TableEncoder, shares: Sequence[np.ndarray]) -> list[Axis]:
    """Return each column's axis; ordered codes of similar mass form a smooth run, heavy ones stay single."""
    axes = []
    for column, share in zip(encoder.columns, shares, strict=True):
        size = len(share)
        basis, levels, mass = np.eye(size), np.full(size, _UNORDERED), share.copy()
        if column.encoder.is_ordered:
            levels[:] = _SINGLE
            run = smooth_run(column, share)
            if len(run) >= 4:
                basis[np.ix_(run, run)] = _cosines(len(run))
                levels[run] = np.ceil(np.log2(np.arange(len(run)) + 1)).astype(int)
                mass[run] = share[run].mean()
        axes.append(Axis(share, basis, levels, mass))
    return axes


def _cosines(size: int) -> np.ndarray:
    """Return ``(size, size)`` with the vectors of the discrete cosine transform in its columns."""
    angles = np.pi * np.outer(np.arange(size) + 0.5, np.arange(size)) / size
    waves = np.cos(angles)
    return np.asarray(waves / np.linalg.norm(waves, axis=0))


@dataclass(frozen=True)
class LogLinear:
    """Weights of the conditionals.

    Attributes:
        direct: ``(width, width)`` weight of an earlier column's code for a later one's; 0 elsewhere.
        bias: ``(width,)`` log-weight of each code.
    """

    direct: torch.Tensor
    bias: torch.Tensor


def fit_loglinear(
    axes: Sequence[Axis],
    pairs: Sequence[Marginal],
    n_rows: float,
    rng: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
    known: Mapping[tuple[int, int], np.ndarray] | None = None,
    possible: Mapping[tuple[int, int], np.ndarray] | None = None,
) -> LogLinear:
    """Return the conditionals that agree with the measured pairs, as far as these rise above their noise.

    Args:
        axes: One per column, in the order in which they are drawn.
        pairs: Measured tables over two columns each, by position.
        n_rows: Noisy number of rows.
        rng: Generator that draws the pool, on the CPU.
        progress: Called with the number of columns done and the total.
        known: Weights of an earlier column's codes for a later one's that are public and not fitted, by position.
        possible: False for the codes of a later column that those of an earlier one exclude, by position: public as
            well. Such pairs are never drawn, and the rest of their table is fitted.

    Each column is fitted on one pool of drawn rows, and then its bias is corrected on separately drawn rows, so that
    the error of a column's shares is not passed on to later columns.
    """
    sizes = [len(axis.shares) for axis in axes]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    width = int(offsets[-1])
    n_pool = int(np.clip(min(POOL, 4 * n_rows) * (WIDTH / max(width, WIDTH)) ** 2, MIN_POOL, POOL))
    pool: list[_Drawn] = []
    fresh = torch.empty(FRESH, len(axes), dtype=torch.int64)
    result = LogLinear(torch.zeros(width, width), torch.zeros(width))
    cycles = {later for _, later in known or {}}
    for position, axis in enumerate(axes):
        block = slice(int(offsets[position]), int(offsets[position + 1]))
        problem = _Column(axis, n_rows, n_pool)
        for (earlier, later), weights in (known or {}).items():
            if later == position:
                problem.know(weights, pool[earlier], int(offsets[earlier]))
        for (earlier, later), allowed in (possible or {}).items():
            if later == position:
                excluded = np.where(allowed, 0.0, _EXCLUDED)
                problem.exclude(excluded, pool[earlier], int(offsets[earlier]))
        for pair in pairs:
            if pair.columns[1] == position:
                earlier = pair.columns[0]
                only = (possible or {}).get((earlier, position))
                is_close = earlier in cycles
                start = int(offsets[earlier])
                problem.add(axes[earlier], pair, pool[earlier], start, is_close=is_close, possible=only)
        logits = problem.solve(n_pool)
        problem.write(result, block)
        pool.append(_Drawn.of(draw_codes(logits, rng), sizes[position]))
        unseen = _logits(result, fresh[:, :position], block) + result.bias[block]
        if problem.is_conditional:  # otherwise its shares are right already
            shift = margin_shift(unseen, _floats(problem.axis.shares))
            result.bias[block] += shift
            unseen = unseen + shift
        fresh[:, position] = block.start + draw_codes(unseen, rng)
        if progress:
            progress(position + 1, len(axes))
    return result


def _logits(weights: LogLinear, places: torch.Tensor, block: slice) -> torch.Tensor:
    """Return ``(rows, size)`` logits without the bias, given the ``(rows, earlier columns)`` places of drawn codes."""
    return one_hot_product(places.contiguous(), weights.direct[: block.start, block].contiguous())


def margin_shift(logits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Return the ``(size,)`` change of the bias with which the rows' mean probabilities are the given shares.

    Newton's method on a convex objective. A ridge leaves an error that is within the noise of that many rows: a rare
    code that only some rare rows can have would otherwise be forced upon others.

    Args:
        logits: ``(rows, size)`` of drawn rows.
        shares: ``(size,)`` released shares; codes without any stay as they are.
    """
    is_free = shares > 0
    shift = torch.zeros_like(shares)
    for _ in range(CORRECTIONS):
        probabilities = torch.softmax(logits + shift, dim=1)[:, is_free]
        mean = probabilities.mean(0)
        error = shares[is_free] - mean
        if error.abs().max() < CLOSE:
            break
        curvature = torch.diag(mean + FRESH_RIDGE) - probabilities.T @ probabilities / len(logits)
        step = torch.linalg.solve(curvature, error - FRESH_RIDGE * shift[is_free])
        if not step.isfinite().all():
            break
        shift[is_free] += step.clamp(-MOST_STEP, MOST_STEP)
        if step.abs().max() < AT_REST:
            break
    return shift


@dataclass(frozen=True)
class _Drawn:
    """A column's codes in the pool.

    Attributes:
        codes: ``(rows,)`` int64.
        rows: ``(rows,)`` int32 numbers of the rows, in the order of their codes.
        counts: ``(size,)`` rows of each code.
    """

    codes: torch.Tensor
    rows: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, codes: torch.Tensor, size: int) -> _Drawn:
        """Return a column's codes, sorted once for all columns after it."""
        found = codes.numpy()
        return cls(
            codes, np.argsort(found, kind="stable").astype(np.int32), np.bincount(found, minlength=size)
        )

    @property
    def shares(self) -> np.ndarray:
        """``(size,)`` shares of the codes."""
        return self.counts / len(self.rows)


class _Column:
    """The conditionals of one column given the earlier ones."""

    def __init__(self, axis: Axis, n_rows: float, n_pool: int) -> None:
        self.axis, self.n_rows, self.n_pool = axis, n_rows, n_pool
        self.bias = torch.as_tensor(np.log(np.maximum(axis.shares, 1e-9)), dtype=torch.float32)
        self.bias[torch.as_tensor(axis.shares <= 0)] = _NEVER
        self.basis = _floats(axis.basis)
        self._drawn: list[_Drawn] = []
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._places: list[tuple[int, torch.Tensor]] = []
        self.theta: torch.Tensor | None = None
        #: For pairs that are to be fitted closely: the first of their rows, the group of each coefficient, and the
        #: noise.
        self._close: list[tuple[int, np.ndarray, float]] = []
        self._known: list[tuple[int, torch.Tensor]] = []
        self._given: torch.Tensor | None = None

    @property
    def is_conditional(self) -> bool:
        """True if the column depends on an earlier one."""
        return self.theta is not None or self._given is not None

    def know(self, weights: np.ndarray, pool: _Drawn, offset: int) -> None:
        """Add known weights of an earlier column: shares become the nearest ones that these allow."""
        self.exclude(weights, pool, offset)
        independent = np.outer(pool.shares, self.axis.shares)
        table = scaled_to(np.exp(weights) * independent, pool.shares, self.axis.shares)
        self.axis = replace(self.axis, shares=table.sum(0))

    def exclude(self, weights: np.ndarray, pool: _Drawn, offset: int) -> None:
        """Add known weights of an earlier column; shares stay, since they are those of a table that keeps its rules."""
        self._known.append((offset, _floats(weights)))
        given = self._known[-1][1][pool.codes]
        self._given = given if self._given is None else self._given + given

    def add(
        self,
        earlier: Axis,
        pair: Marginal,
        pool: _Drawn,
        offset: int,
        *,
        is_close: bool = False,
        possible: np.ndarray | None = None,
    ) -> None:
        """Add a measured pair with an earlier column, whose codes are drawn in the pool.

        If ``is_close``, the penalty is lowered where it alone keeps the fit further from the table than noise explains.
        Cells that are not ``possible`` hold noise, or rows that break a rule: they count as empty.
        """
        drawn = pool.shares
        without, margins = np.outer(drawn, self.axis.shares), (drawn, self.axis.shares)
        if possible is not None:
            without = scaled_to(without * possible, *margins)
        is_possible = 1.0 if possible is None else possible
        of_cells, noise = (
            np.sqrt(noise_variance(pair, *bases)).clip(LEAST_NOISE_SHARE * self.n_rows)
            for bases in ((None, None), (earlier.basis, self.axis.basis))
        )
        shares = pair.counts / self.n_rows
        table = fit_margins(shares, of_cells / self.n_rows, *margins, self.n_rows, is_possible)
        beyond = earlier.basis.T @ (table - without) @ self.axis.basis
        expected = np.outer(earlier.mass, self.axis.mass)
        variance = prior_variance(
            beyond * self.n_rows, expected * self.n_rows, noise, earlier.levels, self.axis.levels
        )
        drawn_noise = 0.0 if is_close else POOL_NOISE * self.n_rows**2 * expected / self.n_pool
        ridge = (noise**2 + drawn_noise) / (self.n_rows * (self.n_rows * expected + 1.0)) / variance
        ridge = np.maximum(ridge, LEAST_RIDGE)
        if is_close and np.any(np.asarray(pair.noise_stddev) > 0):
            both = np.stack(np.broadcast_arrays(earlier.levels[:, None], self.axis.levels), axis=-1)
            _, groups = np.unique(both.reshape(-1, 2), axis=0, return_inverse=True)
            first = sum(len(part) for part, _, _ in self._parts)
            # Of the noise, and of the rows as a sample.
            error = float(np.sqrt(np.mean(noise**2) + self.n_rows * expected.mean()))
            self._close.append((first, groups.reshape(table.shape), error / self.n_rows))
        self._drawn.append(pool)
        self._parts.append((earlier.basis.T @ table @ self.axis.basis, ridge, expected))
        self._places.append((offset, _floats(earlier.basis)))

    def solve(self, n_pool: int) -> torch.Tensor:
        """Minimise the objective, and return ``(n_pool, size)`` logits of the pool's rows.

        If the result is not finite, the column is drawn from its own shares; the check sees released counts only.
        """
        if not self._drawn and self._given is None:
            return self.bias.expand(n_pool, -1)
        given = torch.zeros(1, len(self.bias)) if self._given is None else self._given
        none = np.zeros((0, len(self.bias)))
        ones, sums = self._features()
        parts = zip((none,) * 3, *self._parts, strict=True)
        table, ridge, expected = (_floats(np.concatenate(part)) for part in parts)
        shares = _floats(self.axis.shares)
        # Steps in units of the curvature, so that rare codes converge like frequent ones.
        scale, bias_scale = torch.rsqrt(expected + ridge + 1e-6), torch.rsqrt(shares + 1e-4)
        free = self.basis.T @ torch.ones(len(shares)) / len(shares) ** 0.5
        weights, bias = (torch.zeros(size, requires_grad=True) for size in (table.shape, shares.shape))

        @torch.no_grad()
        def objective() -> torch.Tensor:
            theta, offset = weights * scale, self.bias + bias * bias_scale
            logits = one_hot_product(ones, self._by_code(theta)) + offset + given
            total = torch.logsumexp(logits, dim=1)
            probabilities = torch.exp(logits - total[:, None])
            slope = self._by_wave(_floats(sums(probabilities.numpy())) / n_pool) - table
            # A shift common to all codes changes no probability, and the earlier column's margin fixes it already.
            slope = slope - torch.outer(slope @ free, free) + ridge * theta
            moved = bias * bias_scale
            weights.grad = slope * scale
            bias.grad = (probabilities.mean(0) - shares + LEAST_RIDGE * moved) * bias_scale
            fit = total.mean() - (table * theta).sum() - (shares * offset).sum()
            return fit + 0.5 * ((ridge * theta.square()).sum() + LEAST_RIDGE * moved.square().sum())

        _minimise([weights, bias], objective)
        for _ in range(ROUNDS if self._close else 0):
            self._loosen(ridge, (ridge * weights * scale).detach())
            _minimise([weights, bias], objective)
        theta = self._by_code((weights * scale).detach())
        offset = (self.bias + bias * bias_scale).detach()
        if theta.isfinite().all() and offset.isfinite().all():
            self.theta, self.bias = theta, offset
            return one_hot_product(ones, theta) + offset + given
        return self.bias + given.expand(n_pool, -1)

    def _features(self) -> tuple[torch.Tensor, Callable[[np.ndarray], np.ndarray]]:
        """Return ``(n_pool, parts)`` places of the earlier columns' codes, and the sums of rows' numbers by place."""
        starts = np.cumsum([0, *(len(basis) for _, basis in self._places)])
        ones = [each.codes + int(start) for each, start in zip(self._drawn, starts, strict=False)]
        places = torch.stack(ones, dim=1) if ones else torch.zeros(self.n_pool, 0, dtype=torch.int64)
        rows = np.concatenate([np.zeros(0, np.int32), *(each.rows for each in self._drawn)])
        ends = np.cumsum(np.concatenate([[0], *(each.counts for each in self._drawn)])).astype(np.int32)
        cuts = np.union1d(ends, np.arange(0, len(rows), SUMMED, dtype=np.int32))
        by_run, by_place = _sums(rows, cuts), _sums(np.arange(len(cuts) - 1), np.searchsorted(cuts, ends))
        return places, lambda numbers: by_place @ (by_run @ numbers) if len(rows) else numbers[:0]

    def _by_code(self, theta: torch.Tensor) -> torch.Tensor:
        """Return weights by the codes of both columns, from weights by the waves of their bases."""
        bases = [basis for _, basis in self._places]
        parts = [b @ part for b, part in zip(bases, theta.split([len(b) for b in bases]), strict=True)]
        return torch.cat([theta[:0], *parts]) @ self.basis.T

    def _by_wave(self, table: torch.Tensor) -> torch.Tensor:
        """Return tables by the waves of both columns' bases, from tables by their codes."""
        bases = [basis for _, basis in self._places]
        parts = [b.T @ part for b, part in zip(bases, table.split([len(b) for b in bases]), strict=True)]
        return torch.cat([table[:0], *parts]) @ self.basis

    def _loosen(self, ridge: torch.Tensor, missed: torch.Tensor) -> None:
        """Update the penalties in place: lower those that keep coefficients further from a table than noise would."""
        for first, groups, noise in self._close:
            rows = slice(first, first + len(groups))
            place = torch.as_tensor(groups)
            total = torch.zeros(int(place.max()) + 1).index_add_(
                0, place.flatten(), missed[rows].square().flatten()
            )
            rms = (total / torch.bincount(place.flatten())).sqrt()
            ridge[rows] *= (MISSED * noise / rms.clamp_min(1e-12)).clamp_max(1.0).square()[place]

    def write(self, result: LogLinear, block: slice) -> None:
        """Copy the weights into the column's block of ``result``."""
        result.bias[block] = self.bias
        for start, weights in self._known:
            result.direct[start : start + len(weights), block] = weights
        if self.theta is None:
            return
        start = 0
        for offset, basis in self._places:
            stop = start + len(basis)
            result.direct[offset : offset + len(basis), block] += self.theta[start:stop]
            start = stop


def _sums(rows: np.ndarray, ends: np.ndarray) -> csr_array:
    """Return the matrix that adds up consecutive rows, each sum between two neighbouring ends."""
    size = len(ends) - 1, int(rows.max(initial=-1)) + 1
    return csr_array(
        (np.ones(len(rows), np.float32), rows.astype(np.int32), ends.astype(np.int32)), shape=size
    )


def prior_variance(
    beyond: np.ndarray, expected: np.ndarray, noise: float | np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Return the prior variance of a table's weights, one value per group of exchangeable coefficients.

    A coefficient is ``expected * weight`` plus noise, beyond independence. So the mean square of a group, minus the
    noise variance, over ``expected**2`` estimates the weights' variance by moments.

    Args:
        beyond: ``(rows, columns)`` coefficients of the noisy counts minus those of independence.
        expected: ``(rows, columns)`` expected counts of each of them under independence.
        noise: Standard deviation of a coefficient's noise, one for all or one for each.
        rows: ``(rows,)`` levels of the first axis.
        columns: ``(columns,)`` levels of the second.
    """
    precision = 1.0 / (noise**2 + SPREAD * expected**2)
    shown = precision * (beyond**2 - noise**2)
    unit = precision * expected**2
    overall = max(shown.sum(), 0.0) / max(unit.sum(), 1e-12)
    by_row, by_column = (
        np.equal(np.unique(levels)[:, None], levels).astype(float) for levels in (rows, columns)
    )
    shown, unit, cells = (by_row @ each @ by_column.T for each in (shown, unit, np.ones_like(unit)))
    share = PRIOR_CELLS * unit / cells
    estimate = (shown + share * overall) / np.maximum(unit + share, 1e-12)
    variance = VARIANCE_FACTOR * (by_row.T @ estimate @ by_column)
    return np.asarray(np.clip(variance, LEAST_VARIANCE, MOST_VARIANCE))


class _LBFGS(torch.optim.LBFGS):
    """torch's L-BFGS, whose constructor does not import torch's compiler, as wrapped methods do: half a short fit."""

    add_param_group = unwrap(torch.optim.LBFGS.add_param_group)


def _minimise(parameters: Sequence[torch.Tensor], objective: Callable[[], torch.Tensor]) -> None:
    """Move parameters to about the minimum of a convex objective, which sets their gradients."""
    optimizer: torch.optim.LBFGS = _LBFGS(
        parameters,
        max_iter=ITERATIONS,
        max_eval=EVALUATIONS,
        history_size=10,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-6,
    )
    optimizer.step(objective)


def _floats(array: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float32)
