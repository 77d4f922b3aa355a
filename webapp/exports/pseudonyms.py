"""Names that stand for volunteers in what leaves the site."""

from django.utils.crypto import salted_hmac

from webapp.accounts.models import Volunteer
from webapp.workflows.models import Workflow

LENGTH = 16  # hexadecimal digits: among a million people two alike come once in 30 million series
_SALT = "webapp.exports.pseudonyms"


def pseudonym(volunteer: Volunteer, workflow: Workflow, series: str) -> str:
    """Return a name that is the same for one person within one series of one campaign.

    It cannot be computed without the site's secret key, which is in no dump of the database.
    """
    person = f"user {volunteer.user_id}" if volunteer.user_id else f"browser {volunteer.uuid}"
    words = f"{series}|{workflow.pk}|{person}"
    return salted_hmac(_SALT, words, algorithm="sha256").hexdigest()[:LENGTH]
