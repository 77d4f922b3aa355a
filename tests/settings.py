"""The site's settings for tests: a database server of their own, files in a temporary folder."""

import os
import tempfile
from pathlib import Path

# tests/database.py starts the server and makes the folder; mypy reads this file without them.
os.environ.setdefault("VAR_DIR", tempfile.gettempdir() + "/tuning-fork-types")

from webapp.settings import *  # noqa: F403
from webapp.settings import STORAGES, VAR_DIR, _database

SECRET_KEY = "only for tests"
DATABASES = {"default": _database(os.environ.get("TEST_DATABASE_URL", "postgresql://nowhere/none"))}
DATABASES["default"]["OPTIONS"]["options"] += " -c tuningfork.may_truncate=on"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
ACCOUNT_RATE_LIMITS: dict[str, str] | bool = False  # type: ignore[no-redef]
MEDIA_ROOT = Path(VAR_DIR) / "media" / "public"
LEASE_S = 2
BEAT_EVERY_S = 1
WHITENOISE_AUTOREFRESH = True
