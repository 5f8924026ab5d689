"""Excess risk: the part of an attack's success that is due to a row's use in training."""

from __future__ import annotations

import math

from tabgan.evaluation.metric import Figure, wilson_interval
from tabgan.evaluation.result import Interval, Risk


def excess_risk(successes: int, n: int, control_successes: int, n_control: int) -> Risk | None:
    """Return ``(success - control) / (1 - control)``; ``None`` if the control always succeeds.

    Each end of the interval takes the Wilson errors in its direction, the success's on the same side and the control's
    on the other, multiplied by the derivatives and added as independent errors. It is not cut at 0, because chance
    goes both ways.

    Args:
        successes: Successes on training rows.
        n: Attacks on training rows, 1 or more.
        control_successes: Successes on holdout rows.
        n_control: Attacks on holdout rows, 1 or more.

    References:
        Giomi, Boenisch, Wehmeyer & Tasnadi (2023), *A Unified Framework for Quantifying Privacy Risk in Synthetic
        Data*, PoPETs 2023(2), section 5.1; there the errors are symmetric.

    >>> excess_risk(75, 100, 50, 100).value
    0.5
    """
    success, control = successes / n, control_successes / n_control
    if control == 1:
        return None
    first, second = wilson_interval(successes, n), wilson_interval(control_successes, n_control)
    slope, control_slope = 1 / (1 - control), (1 - success) / (1 - control) ** 2
    value = (success - control) * slope
    below = math.hypot((success - first.low) * slope, (second.high - control) * control_slope)
    above = math.hypot((first.high - success) * slope, (control - second.low) * control_slope)
    return Risk(value, Interval(value - below, min(1.0, value + above), first.level))


def attack_figure(
    successes: int, n: int, control_successes: int, n_control: int, baseline: float | None = None
) -> Figure:
    """Return an attack's success with its control, baseline and risk. Arguments as in :func:`excess_risk`."""
    return Figure(
        value=successes / n,
        interval=wilson_interval(successes, n),
        reference=control_successes / n_control,
        baseline=baseline,
        risk=excess_risk(successes, n, control_successes, n_control),
    )
