"""The votes collected so far, summed over the answer axis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.bench.replay.crowd import SILENT, WouldBe


@dataclass(eq=False)
class Ballots:
    """The would-be votes of which some are given: all that a policy may look at.

    Attributes:
        given: votes that each galaxy has got, (N,).
    """

    would_be: WouldBe
    given: NDArray[np.int64]

    @classmethod
    def none(cls, would_be: WouldBe) -> "Ballots":
        """Return the ballots before anybody voted."""
        return cls(would_be, np.zeros(len(would_be.volunteer), np.int64))

    @property
    def open(self) -> NDArray[np.bool_]:
        """Say which galaxies somebody is left to look at, (N,)."""
        return self.given < self.would_be.n_people

    @property
    def votes_per_galaxy(self) -> float:
        """Return the mean over all galaxies, those that only taught the network included."""
        return float(self.given.mean())

    def give(self, wanted: NDArray[np.bool_]) -> None:
        """Let the next person look at each wanted galaxy that is open."""
        self.given += wanted & self.open

    def collected(
        self, among: NDArray[np.int64] | slice = slice(None)
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int8]]:
        """Return place among these galaxies (M,), volunteer (M,), answers (M, Q) of votes given."""
        given = self.given[among]
        n, most = len(given), int(given.max(initial=0))
        is_given = np.arange(most) < given[:, None]
        galaxy = np.broadcast_to(np.arange(n)[:, None], (n, most))[is_given]
        volunteer = self.would_be.volunteer[among, :most][is_given]
        return galaxy, volunteer, self.would_be.answers[among, :most][is_given]

    def tally(
        self,
        weight: NDArray[np.float64] | None = None,
        among: NDArray[np.int64] | slice = slice(None),
    ) -> NDArray[np.float64]:
        """Return people who gave each answer, (n, K), each person counted by their weight (P,)."""
        galaxy, volunteer, answers = self.collected(among)
        n_answers = self.would_be.tree.n_answers
        worth = np.ones(len(galaxy)) if weight is None else weight[volunteer]
        found = np.zeros(len(self.given[among]) * n_answers)
        for column in answers.T:
            told = column != SILENT
            place = galaxy[told] * n_answers + column[told]
            found += np.bincount(place, worth[told], len(found))
        return found.reshape(-1, n_answers)
