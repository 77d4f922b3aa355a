"""What is known of backups."""

from webapp.backups.models import Drill

OLD_AFTER_S = 36 * 3600.0  # as in deploy/alerts.yml


def last_good_drill() -> Drill | None:
    """Return the drill of the newest backup that was found to be whole."""
    return Drill.objects.filter(is_good=True).order_by("-made_at").first()


def last_drill() -> Drill | None:
    """Return the latest drill, whatever came out."""
    return Drill.objects.order_by("-pk").first()
