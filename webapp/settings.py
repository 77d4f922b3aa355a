"""Django settings. Local mode needs no environment at all; server mode begins with DATABASE_URL.

Every name read here stands in .env.example with its meaning; a test compares the two.
"""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from webapp import embedded
from webapp.env import env_bool, env_choice, env_int, env_list, env_str

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env_str("VAR_DIR", str(BASE_DIR / "var")))

# Local mode is one machine: embedded database, 127.0.0.1, a secret key of its own, plain cookies.
DATABASE_URL = env_str("DATABASE_URL", "")
LOCAL_MODE = not DATABASE_URL
DEBUG = env_bool("DEBUG", "false")
SECRET_KEY = embedded.secret_key(VAR_DIR) if LOCAL_MODE else env_str("SECRET_KEY")
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS", "")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if LOCAL_MODE else "")
PSEUDONYM_KEY = env_str("PSEUDONYM_KEY", "") or SECRET_KEY  # of volunteers, in files
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS", "")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "rest_framework",
    "template_partials",
    "webapp.common",
    "webapp.accounts",
    "webapp.workflows",
    "webapp.registry",
    "webapp.subjects",
    "webapp.consensus",
    "webapp.classifications",
    "webapp.predictions",
    "webapp.retraining",
    "webapp.exports",
    "webapp.imports",
    "webapp.backups",
    "webapp.dashboard",
    "webapp.explore",
    "webapp.api",
]

MIDDLEWARE = [
    "webapp.dashboard.health.serve",  # for machines; needs nothing of what follows
    "webapp.subjects.media.serve",  # in local mode; likewise
    "webapp.dashboard.metrics.measure_requests",
    "webapp.common.logs.name_requests",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "webapp.common.middleware.secure_responses",
    "webapp.classifications.waits.refuse_early",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "webapp.common.middleware.DatabaseUnavailable",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "webapp.accounts.second_factor.require",
    "webapp.accounts.middleware.browser_identity",
]

ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webapp.common.context.page",
                "webapp.accounts.preferences.context",
            ],
            "builtins": [
                "template_partials.templatetags.partials",
                "django.templatetags.i18n",
                "django.templatetags.static",
                "django.contrib.humanize.templatetags.humanize",
                "webapp.common.templatetags.look",
            ],
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
        },
    }
]


# Nobody waits longer for a page; commands and workers, which may take their time, have no limit.
STATEMENT_TIMEOUT_S = env_int("STATEMENT_TIMEOUT_S", "0")
REQUEST_BUDGET_S = env_int("REQUEST_BUDGET_S", "10", at_least=1)  # of all statements of a page
IDLE_TIMEOUT_S = env_int("IDLE_TIMEOUT_S", "60", at_least=1)


def _database(url: str) -> dict[str, Any]:
    """Translate a libpq URL into Django's settings; one persistent connection a thread."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ImproperlyConfigured(
            f"DATABASE_URL begins with {url.split(':', maxsplit=1)[0]!r}. This site needs "
            f"PostgreSQL 18: use postgresql://user:password@host:5432/name."
        )
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "tuningfork"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": str(parts.pop("host", "")),
        "PORT": str(parts.pop("port", "")),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            **parts,
            "connect_timeout": 5,
            # Statements are prepared once a connection (docs/adr/0005): a vote costs PostgreSQL
            # two thirds of what it would otherwise.
            "server_side_binding": True,
            "prepare_threshold": 2,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c lock_timeout=5s "
            f"-c idle_in_transaction_session_timeout={IDLE_TIMEOUT_S}s -c timezone=UTC "
            # The server notices a client that is gone in the middle of a statement.
            "-c client_connection_check_interval=10s -c tcp_keepalives_idle=30 "
            "-c tcp_keepalives_interval=10 -c tcp_keepalives_count=3",
            # And we a server whose machine has vanished, where no FIN will ever come.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        },
    }


DATABASES = {"default": _database(DATABASE_URL or embedded.database_url(VAR_DIR))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Sessions and limits live in the database; neither is touched by an anonymous classification.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CACHES = {
    "default": {
        "BACKEND": "webapp.common.limits.Counters",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # beyond it Django forgets a third, limits included
    }
}

# Celery. A message is a wake-up call; the rows are the queue, so a message may be lost or doubled.
# Redis hands a message to a second worker after the visibility timeout: it must be the longest.
TASK_BUDGET_S = env_int("TASK_BUDGET_S", "600", at_least=1)
BEAT_EVERY_S = env_int("BEAT_EVERY_S", "20", at_least=1)
LEASE_S = env_int("LEASE_S", "35", at_least=1)  # and a beat: taken over within a minute
RUNS_WATCHED_EVERY_S = 5.0  # trainings, whose curves people look at
DRIFT_EVERY_S = 60.0
HEARTBEAT_EVERY_S = 10.0  # of workers and beat
# A file that a worker or beat touches as long as it lives, for a container's health check.
HEARTBEAT_FILE = env_str("HEARTBEAT_FILE", "")
CELERY_BROKER_URL = env_str("CELERY_BROKER_URL", "filesystem://")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    embedded.broker_options(VAR_DIR)
    if CELERY_BROKER_URL == "filesystem://"
    else {"visibility_timeout": 2 * (TASK_BUDGET_S + 300), "socket_connect_timeout": 2}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_EAGER_PROPAGATES = True
CELERY_TASK_TIME_LIMIT = TASK_BUDGET_S + 300
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_POOL = "webapp.pool:TaskPool"  # ends when a child was killed
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "webapp.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")

# Which tasks look when a row of this kind has been written. Beat repeats each of them.
WAKES = {
    "ingest": ["webapp.subjects.tasks.run_ingest_batches"],
    "admission": ["webapp.consensus.tasks.admit_subjects"],
    "judgement": ["webapp.consensus.tasks.judge_subjects"],
    "recount": ["webapp.classifications.tasks.follow_trees"],
    "recounts": ["webapp.classifications.tasks.run_recounts"],
    "reweighing": ["webapp.classifications.tasks.run_reweighings"],
    "exclusion": ["webapp.classifications.tasks.apply_exclusions"],
    "progress": ["webapp.consensus.tasks.measure_progress"],
    "insight": ["webapp.classifications.tasks.measure_insights"],
    "scoring": ["webapp.predictions.tasks.score_unscored"],
    "spaces": ["webapp.predictions.tasks.refresh_spaces"],
    "lists": ["webapp.predictions.tasks.list_galaxies"],
    "maps": ["webapp.predictions.tasks.draw_maps"],
    "retraining": ["webapp.retraining.tasks.work_on_runs"],
    "exports": ["webapp.exports.tasks.run_exports"],
    "imports": ["webapp.imports.tasks.run_imports"],
    "edition": ["webapp.explore.tasks.refresh_editions"],
    "mail": ["webapp.common.tasks.send_mail"],
}
# A queue and a process of its own: a network takes every core or the GPU, and one is loaded a
# process. Nothing is forked there, which CUDA does not survive.
SCORING_QUEUE = "scoring"
CELERY_TASK_ROUTES = {"webapp.predictions.tasks.score_unscored": {"queue": SCORING_QUEUE}}
# A process of its own on a server: who tries a backup must be allowed to make a database.
BACKUP_QUEUE = "celery" if LOCAL_MODE else "backups"
CELERY_TASK_ROUTES["webapp.backups.tasks.back_up_when_due"] = {"queue": BACKUP_QUEUE}
GPU = env_choice("GPU", "prefer", ("prefer", "require", "off"))
SCORING_THREADS = env_int("SCORING_THREADS", "0", at_least=0)  # 0: all cores
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": BEAT_EVERY_S, "options": {"expires": BEAT_EVERY_S}}
    for tasks in WAKES.values()
    for task in tasks
} | {
    "watch": {
        "task": "webapp.retraining.tasks.watch_runs",
        "schedule": RUNS_WATCHED_EVERY_S,
        "options": {"expires": RUNS_WATCHED_EVERY_S},
    },
    "schedule": {
        "task": "webapp.retraining.tasks.start_due_runs",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "drift": {
        "task": "webapp.retraining.tasks.measure_drifts",
        "schedule": DRIFT_EVERY_S,
        "options": {"expires": DRIFT_EVERY_S},
    },
    "forget": {
        "task": "webapp.classifications.tasks.forget_expired_handouts",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "recount": {
        "task": "webapp.classifications.tasks.start_recounts",
        "schedule": 24 * 3600.0,
        "options": {"expires": 3600},
    },
    "reweigh": {
        "task": "webapp.classifications.tasks.reweigh_campaigns",
        "schedule": 24 * 3600.0,
        "options": {"expires": 3600},
    },
    "exports": {
        "task": "webapp.exports.tasks.forget_old_exports",
        "schedule": 24 * 3600.0,
        "options": {"expires": 3600},
    },
    "sessions": {
        "task": "webapp.accounts.tasks.forget_expired_sessions",
        "schedule": 24 * 3600.0,
        "options": {"expires": 3600},
    },
}
BACKUP_DIR = env_str("BACKUP_DIR", "")  # without it, nobody makes backups by themselves
if BACKUP_DIR:
    CELERY_BEAT_SCHEDULE["backups"] = {
        "task": "webapp.backups.tasks.back_up_when_due",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    }

# What programs read
API_REQUESTS_PER_MINUTE = env_int("API_REQUESTS_PER_MINUTE", "300", at_least=1)
CONE_SEARCHES_PER_MINUTE = env_int("CONE_SEARCHES_PER_MINUTE", "600", at_least=1)
CONE_MAX_ROWS = env_int("CONE_MAX_ROWS", "10000", at_least=1)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "webapp.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "webapp.api.permissions.ForScientists",
        "webapp.api.permissions.WithinScopes",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["webapp.api.throttles.ApiThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["webapp.api.rendering.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["webapp.api.parsing.JsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "webapp.api.rendering.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS tells nothing that the OpenAPI document does not
    "EXCEPTION_HANDLER": "webapp.api.problems.answer",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Galaxies, votes and catalogs",
    "DESCRIPTION": "Read-only JSON for scientists' programs, and requests for exports.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "CampaignStatus": "webapp.workflows.models.Status",
        "ModelStatus": "webapp.registry.models.Status",
        "WorkStatus": "webapp.common.models.WorkStatus",
    },
    "PREPROCESSING_HOOKS": ["webapp.api.schema.ours"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "webapp.api.schema.add_problems",
    ],
}

# Accounts
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "webapp.classifications.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "webapp.accounts.forms.SignInForm",
    "signup": "webapp.accounts.forms.SignUpForm",
    "add_email": "webapp.accounts.forms.AddressForm",
}
ACCOUNT_USERNAME_VALIDATORS = "webapp.accounts.names.VALIDATORS"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = env_choice(
    "ACCOUNT_EMAIL_VERIFICATION", "optional", ("none", "optional", "mandatory")
)
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_USERNAME_MIN_LENGTH = 3
ACCOUNT_RATE_LIMITS = {
    "login_failed": "5/5m/key,20/h/key,30/h/ip",
    "signup": "20/h/ip",
    "reset_password": "20/h/ip,5/h/key",
}

# A second factor: everybody may have one, administrators of a server must.
SECOND_FACTOR_FOR_ADMINS = env_bool("SECOND_FACTOR_FOR_ADMINS", "false" if LOCAL_MODE else "true")
MFA_ADAPTER = "webapp.accounts.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "add_webauthn": "webapp.accounts.security_keys.AddKeyForm",
    "authenticate_webauthn": "webapp.accounts.security_keys.UseKeyForm",
    "reauthenticate_webauthn": "webapp.accounts.security_keys.ConfirmByKeyForm",
    "edit_webauthn": "webapp.accounts.security_keys.RenameKeyForm",
}
MFA_TOTP_TOLERANCE = 1  # a code of the half minute before or after

# Mail: to files in local mode, so that a password can be reset without a mail server.
EMAIL_HOST = env_str("EMAIL_HOST", "")
EMAIL_PORT = env_int("EMAIL_PORT", "587")
EMAIL_HOST_USER = env_str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env_str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", "true")
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL", "tuning-fork@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_FILE_PATH = str(VAR_DIR / "mail")
EMAIL_TIMEOUT = 10
# A mail server may be away for a while: what is for it waits as rows, and workers send it.
MAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_BACKEND = (
    "webapp.common.outbox.Outbox"
    if EMAIL_HOST
    else "django.core.mail.backends.filebased.EmailBackend"
)

# Files. Originals are never public; what is shown was made by us and is served with strict headers.
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = VAR_DIR / "media" / "public"
ORIGINALS_ROOT = VAR_DIR / "media" / "originals"
UPLOADS_ROOT = VAR_DIR / "uploads"
RUNS_DIR = Path(env_str("RUNS_DIR", "") or VAR_DIR / "runs")  # the trainer sees it too
TRAINING_CONFIGS = BASE_DIR / "training" / "configs"
EXPORTS_ROOT = VAR_DIR / "exports"  # served to who asked for them
RELEASES_ROOT = VAR_DIR / "releases"  # kept for ever
EXPORTS_KEPT_DAYS = env_int("EXPORTS_KEPT_DAYS", "14", at_least=1)
MODELS_ROOT = VAR_DIR / "models"  # served by no address but the download of a campaign's owners
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "originals": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": ORIGINALS_ROOT},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# With a bucket, pictures, models, files and releases are objects in it; uploads that wait and runs
# stay in folders that the machines share.
MEDIA_S3_BUCKET = env_str("MEDIA_S3_BUCKET", "")
MEDIA_S3_ENDPOINT = env_str("MEDIA_S3_ENDPOINT", "")
MEDIA_S3_REGION = env_str("MEDIA_S3_REGION", "")
MEDIA_S3_ACCESS_KEY = env_str("MEDIA_S3_ACCESS_KEY", "")
MEDIA_S3_SECRET_KEY = env_str("MEDIA_S3_SECRET_KEY", "")


def _objects(part: str) -> dict[str, Any]:
    """Return the storage of a part of the bucket; nothing in it is readable without the key."""
    return {
        "BACKEND": "webapp.common.objects.ObjectStorage",
        "OPTIONS": {
            "bucket_name": MEDIA_S3_BUCKET,
            "location": part,
            "endpoint_url": MEDIA_S3_ENDPOINT or None,
            "region_name": MEDIA_S3_REGION or None,
            "access_key": MEDIA_S3_ACCESS_KEY or None,
            "secret_key": MEDIA_S3_SECRET_KEY or None,
            "max_memory_size": 10_000_000,  # bytes of one object; larger ones go to the disk
        },
    }


if MEDIA_S3_BUCKET:
    STORAGES |= {"default": _objects("public"), "originals": _objects("originals")} | {
        part: _objects(part) for part in ("models", "exports", "releases")
    }
WHITENOISE_KEEP_ONLY_HASHED_FILES = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # bytes of a form without its files
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
MAX_UPLOAD_BYTES = env_int("MAX_UPLOAD_MB", "2000", at_least=1) * 1_000_000
MAX_MODEL_BYTES = env_int("MAX_MODEL_MB", "500", at_least=1) * 1_000_000
FILE_UPLOAD_TEMP_DIR = None

# Security
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
COOKIE_PREFIX = "" if LOCAL_MODE else "__Host-"
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}session"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrf"
BROWSER_COOKIE_NAME = f"{COOKIE_PREFIX}browser"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCAL_MODE
CSRF_FAILURE_VIEW = "webapp.common.views.csrf_failure"
if not LOCAL_MODE:
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = env_bool("SECURE_SSL_REDIRECT", "true")
    if env_bool("BEHIND_PROXY", "false"):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        ALLAUTH_TRUSTED_PROXY_COUNT = 1
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
    | ({"report-uri": [uri]} if (uri := env_str("CSP_REPORT_URI", "")) else {})
}

# Words
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # each by its own name
LANGUAGE_COOKIE_NAME = "language"
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["webapp.common.formats"]
TIME_ZONE = "UTC"
USE_TZ = True
SITE_NAME = env_str("SITE_NAME", "Tuning Fork")
VOTES_LICENSE = env_str("VOTES_LICENSE", "CC0 1.0")
VOTES_LICENSE_URL = env_str(
    "VOTES_LICENSE_URL", "https://creativecommons.org/publicdomain/zero/1.0/"
)
SECURITY_CONTACT = env_str("SECURITY_CONTACT", "")
CONTACT = env_str("CONTACT", "the administrator of this site")

# The pages in the head: address, words, and whether only owners of campaigns see them.
NAVIGATION = [
    ("classifications:home", _("Classify"), False),
    ("classifications:my_galaxies", _("My galaxies"), False),
    ("explore:catalogs", _("Catalog"), False),
    ("exports:list", _("Files"), True),
    ("dashboard:campaigns", _("Campaigns"), True),
    ("subjects:sets", _("Sets"), True),
]

# Volunteers
HANDOUT_EXPIRES_S = env_int("HANDOUT_EXPIRES_S", "86400", at_least=1)
CHANGE_ANSWER_S = env_int("CHANGE_ANSWER_S", "60")
INSIGHT_EVERY_S = (
    60.0  # between two computations of an owner's figures, or longer if these are dear
)
EDITION_EVERY_S = 60.0  # between two copies of a catalog for the pages, or longer if they are dear
CATALOG_TIMEOUT_S = 5  # for reading what one catalog page shows
ANSWERS_PER_MINUTE = env_int("ANSWERS_PER_MINUTE", "120", at_least=1)

# Operators
LEAST_FREE_MB = env_int("LEAST_FREE_MB", "1000")  # of the disk under VAR_DIR
BACKUP_KEY = env_str("BACKUP_KEY", "")  # of the age format; without it they are not encrypted
BACKUPS_KEPT = env_int("BACKUPS_KEPT", "14", at_least=1)
METRICS_TOKEN = env_str("METRICS_TOKEN", "")
SENTRY_DSN = env_str("SENTRY_DSN", "")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "webapp.common.logs.LineFormatter"},
        "json": {"()": "webapp.common.logs.JsonFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": env_choice("LOG_FORMAT", "line", ("line", "json")),
        }
    },
    "root": {
        "handlers": ["stderr"],
        "level": env_choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    },
    "loggers": {"django.server": {"handlers": ["stderr"], "propagate": False}},
}
