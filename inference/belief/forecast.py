"""How long the rest of a campaign takes, from how many classifications came on each day."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

LEAST_DAYS = 2  # with fewer nothing is known of how days differ
MASS = 0.9


@dataclass(frozen=True)
class Forecast:
    """A number of days, with its interval."""

    per_day: float  # classifications
    days: float
    low_days: float
    high_days: float  # infinite where the rate may as well be none


def forecast(daily: Sequence[int], n_left: int) -> Forecast | None:
    """Return how many days n_left classifications take; None where the days say nothing.

    The rate is the mean of the days, with Student's interval of it, or that of a Poisson count
    where the days are more alike than chance allows.

    Args:
        daily: classifications on each of the last days, whole days only.
    """
    n_days = len(daily)
    if n_days < LEAST_DAYS or not sum(daily):
        return None
    rate = float(np.mean(daily))
    error = max(float(np.std(daily, ddof=1)), math.sqrt(rate)) / math.sqrt(n_days)
    reach = float(special.stdtrit(n_days - 1, (1 + MASS) / 2)) * error
    slow = rate - reach
    return Forecast(
        rate, n_left / rate, n_left / (rate + reach), n_left / slow if slow > 0 else math.inf
    )
