"""The WSGI entry point that gunicorn serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
os.environ.setdefault("STATEMENT_TIMEOUT_S", "20")

application = get_wsgi_application()

# gunicorn runs none of Django's checks.
from webapp.common.start import refuse_unsafe  # noqa: E402 - the settings come first

refuse_unsafe()

# Its processes are forked from what is loaded here (--preload): one that is killed is replaced at
# once, and they share this memory, which the collector therefore leaves alone.
get_resolver().url_patterns  # noqa: B018 - all views
gc.collect()
gc.freeze()
