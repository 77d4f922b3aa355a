"""The WSGI entry point that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
os.environ.setdefault("STATEMENT_TIMEOUT_S", "20")

application = get_wsgi_application()

# gunicorn runs none of Django's checks.
from webapp.common.start import refuse_unsafe  # noqa: E402 - the settings come first

refuse_unsafe()
