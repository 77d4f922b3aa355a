"""python -m tests.load.campaign GALAXIES ACCOUNTS: the database of a site that will be loaded.

A live campaign of Galaxy Zoo 2's tree with pictures of the usual size, an owner, and volunteers
with accounts, whom people of the load sign in as.
"""

import os
import sys
from pathlib import Path

SLUG = "load"
OWNER = "owner"
VOTES = 10  # until a galaxy retires


def main() -> None:
    """Migrate, and make it."""
    from webapp import embedded  # noqa: PLC0415 - VAR_DIR is read when it is called

    var = Path(os.environ["VAR_DIR"])
    embedded.ensure_running(var)
    import django  # noqa: PLC0415 - the first start decides where the socket is

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    make(n_galaxies=int(sys.argv[1]), n_accounts=int(sys.argv[2]))
    (var / "demo-loaded").touch()  # the supervisor shall make no campaign of its own


def make(*, n_galaxies: int, n_accounts: int) -> None:
    """Make the campaign and the accounts."""
    from django.conf import settings  # noqa: PLC0415 - Django is set up

    from tests import make  # noqa: PLC0415
    from tests.bench.classify import _campaign  # noqa: PLC0415
    from webapp.accounts.models import Role, User  # noqa: PLC0415
    from webapp.subjects import media  # noqa: PLC0415
    from webapp.subjects.models import Subject  # noqa: PLC0415
    from webapp.workflows.models import Workflow  # noqa: PLC0415

    _campaign(SLUG, n_galaxies)
    rule = {"format": 1, "votes": VOTES, "artifact": None}
    Workflow.objects.filter(slug=SLUG).update(rule=rule, summary="Spirals.", text="Look for arms.")
    for sha256 in Subject.objects.values_list("thumbnail_sha256", flat=True).distinct():
        picture = Path(settings.MEDIA_ROOT, media.name("display", sha256))
        media.store_public("thumbnail", picture.read_bytes())
    owner = make.user(OWNER, Role.SCIENTIST)
    Workflow.objects.get(slug=SLUG).owners.add(owner)
    hashed = owner.password  # of "a long password": Argon2 once, not for each
    User.objects.bulk_create(
        User(username=f"person-{n}", email=f"person-{n}@example.org", password=hashed)
        for n in range(n_accounts)
    )


if __name__ == "__main__":
    main()
