"""How many classifications a galaxy needs until its rule is content, the open ones included."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Effort:
    """The mean over galaxies, in classifications a galaxy."""

    mean: float  # NaN without galaxies
    error: float  # standard error of the mean
    n_subjects: int
    n_retired: int
    most: int  # what a fixed number would have been

    @property
    def saved(self) -> float:
        """Return the share of a fixed number's classifications that was not needed."""
        return 1 - self.mean / self.most


def effort(n_classifications: ArrayLike, is_retired: ArrayLike, most: int) -> Effort:
    """Return the mean number of classifications up to retirement, at most `most`.

    Retired galaxies alone would flatter: the clear ones retire first. So the open ones count as
    not retired up to where they are (Kaplan and Meier 1958), and the mean is the area under the
    share that is still open (Irwin 1949), with Greenwood's variance.

    Args:
        n_classifications: of each galaxy so far, (N,), whole numbers from 0.
        is_retired: (N,).
        most: the rule's maximum.
    """
    count = np.minimum(np.asarray(n_classifications, np.int64), most)
    retired = np.asarray(is_retired, bool)
    n_subjects, n_retired = len(count), int(retired.sum())
    if not n_subjects:
        return Effort(np.nan, np.nan, 0, 0, most)
    if not n_retired:
        return Effort(float(most), 0.0, n_subjects, 0, most)
    ended = np.bincount(count[retired], minlength=most + 1)
    at_risk = np.bincount(count, minlength=most + 1)[::-1].cumsum()[::-1]  # seen so often or more
    still_open = np.cumprod(1 - ended / np.maximum(at_risk, 1))[:most]  # after 0, 1, … of them
    area = np.append(np.cumsum(still_open[::-1])[::-1], 0.0)  # from each number on
    has_left = (ended > 0) & (at_risk > ended)
    terms = (area**2 * ended)[has_left] / (at_risk * (at_risk - ended))[has_left]
    return Effort(float(area[0]), float(np.sqrt(terms.sum())), n_subjects, n_retired, most)
