"""From which streams a campaign's galaxies are shown, and how often from each."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from inference.errors import shown
from webapp.accounts.models import User
from webapp.common import audit
from webapp.common.errors import DomainError
from webapp.workflows import services
from webapp.workflows.models import Workflow

RANDOM, UNUSUAL = "random", "unusual"
STREAMS = (RANDOM, "gain", "ignorance", UNUSUAL)
LEAST_RANDOM = 0.1  # without it nobody could say what the other streams save
MOST_UNUSUAL = 0.1  # the very strangest are often no galaxies and teach little
_EXACT = 1e-6


class MixtureUnusable(DomainError):
    """The shares are none that galaxies could be shown by."""


def parse(shares: Any) -> dict[str, float]:
    """Return the shares of streams above 0, or say what is wrong with them.

    Raises:
        MixtureUnusable: one sentence with the value and the remedy.
    """
    if not isinstance(shares, Mapping):
        raise MixtureUnusable(
            _("%(shares)s is no mixture. Give each stream its share.") % {"shares": shown(shares)}
        )
    for stream, share in shares.items():
        _check(stream, share)
    _check_whole(shares)
    return {stream: float(shares[stream]) for stream in STREAMS if shares.get(stream)}


def _check(stream: Any, share: Any) -> None:
    if stream not in STREAMS:
        raise MixtureUnusable(
            _(
                "%(stream)s is no stream of the mixture. Use %(streams)s; gold has a page of its "
                "own."
            )
            % {"stream": shown(stream), "streams": ", ".join(STREAMS)}
        )
    if type(share) not in (int, float) or not 0 <= share <= 1:
        raise MixtureUnusable(
            _("%(share)s is no share of “%(stream)s”. Write 0 to 1.")
            % {"share": shown(share), "stream": stream}
        )


def _check_whole(shares: Mapping[str, float]) -> None:
    total = sum(shares.values())
    if abs(total - 1) > _EXACT:
        raise MixtureUnusable(
            _("The shares sum to %(total)s. Make them sum to 1.") % {"total": f"{total:.4g}"}
        )
    if shares.get(RANDOM, 0) < LEAST_RANDOM - _EXACT:
        raise MixtureUnusable(
            _(
                "The share at random is %(random)s. Keep at least %(least_random)s, so that what "
                "the other streams save can be measured."
            )
            % {"random": f"{shares.get(RANDOM, 0):g}", "least_random": f"{LEAST_RANDOM:g}"}
        )
    if shares.get(UNUSUAL, 0) > MOST_UNUSUAL + _EXACT:
        raise MixtureUnusable(
            _(
                "The share of unusual galaxies is %(unusual)s. Use at most %(most_unusual)s: the "
                "very strangest teach little."
            )
            % {"unusual": f"{shares[UNUSUAL]:g}", "most_unusual": f"{MOST_UNUSUAL:g}"}
        )


@transaction.atomic
def change_mixture(*, workflow: Workflow, shares: Any, by: User) -> Workflow:
    """Change how often galaxies of each stream are shown; it holds from the next one.

    Raises:
        MixtureUnusable: the shares are none; the sentence says why.
        WrongStatus: the campaign is finished.
    """
    parsed = parse(shares)
    locked = services.lock_unfinished(workflow, gettext_noop("Its mixture"))
    if parsed != locked.shares:
        audit.write_entry(
            actor=by, action="change_mixture", target="workflow", target_id=locked.pk,
            old=locked.shares, new=parsed,
        )  # fmt: skip
        locked.mixture = parsed
        locked.save(update_fields=["mixture"])
    return locked
