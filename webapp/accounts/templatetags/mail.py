"""Where mail is, for the pages that tell people to look at it."""

from django import template
from django.conf import settings

from webapp.common import outbox

register = template.Library()


@register.simple_tag
def mail_folder() -> str:
    """Return the folder that mail is written to in local mode, else nothing."""
    return settings.EMAIL_FILE_PATH if settings.LOCAL_MODE and not settings.EMAIL_HOST else ""


@register.simple_tag
def mail_is_delayed() -> bool:
    """Whether the mail server has not taken what was for it."""
    return outbox.is_delayed()
