"""Settings. Flat, typed, and read from the environment only; README lists the variables."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from nasweb import env

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(env.text("NASWEB_HOME", str(ROOT / "data"))).resolve()
HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
ROLE = env.text("NASWEB_ROLE", "web")
HTTPS = env.flag("NASWEB_HTTPS")                # served behind TLS: secure cookies, HSTS, redirect
DEBUG = False
SECRET_KEY = env.secret("NASWEB_SECRET_KEY", HOME / "secret_key")
SECRET_KEY_FALLBACKS = env.items("NASWEB_SECRET_KEY_FALLBACKS")
INSTANCE = hashlib.sha256(f"instance:{SECRET_KEY}".encode()).hexdigest()[:8]    # keeps neighbours on one Redis apart

ALLOWED_HOSTS = env.items("NASWEB_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.items("NASWEB_ORIGINS")
ROOT_URLCONF = "nasweb.urls"
ASGI_APPLICATION = "nasweb.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

APPS = ("accounts", "spaces", "datasets", "searches", "arena", "workers", "live", "architectures")
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    *(f"apps.{name}" for name in APPS),
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "nasweb.headers.Headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.accounts.middleware.Idle",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "DIRS": [ROOT / "templates"],
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]

# --- database: SQLite in the data folder, PostgreSQL by one variable
DATABASES = {"default": env.database(env.text("DATABASE_URL"), 30 if ROLE == "worker" else 5, HOME / "nasweb.sqlite3")}

# --- Redis carries nudges only; without one (tests, single commands) both live in this process's memory
_announced = HOME / "run" / "redis.url"         # left by the supervisor while its own Redis runs
REDIS_URL = env.text("REDIS_URL") or (_announced.read_text().strip() if _announced.is_file() else "")
if REDIS_URL:
    CHANNEL_LAYERS = {"default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}],   # redis-py 8 would cut idle subscribers
                   "prefix": f"nasweb:{INSTANCE}"},
    }}
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# --- Celery: tasks are nudges, the database is the queue
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1) or "memory://"
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False                   # leases in the database recover lost work, not redelivery
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_ROUTES = {"advance": {"queue": "advance"}, "perform": {"queue": "perform"}}
CELERY_TASK_DEFAULT_QUEUE = "advance"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = bool(REDIS_URL)
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 15
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": f"nasweb:{INSTANCE}:",
    "visibility_timeout": 300, "unacked_restore_interval": 5, "unacked_restore_throttle": 1,
    "socket_timeout": 10, "socket_connect_timeout": 3, "health_check_interval": 25, "retry_on_timeout": True,
} if REDIS_URL else {}
CELERY_TIMEZONE = "UTC"

# --- who is who
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "accounts:login"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = env.integer("NASWEB_IDLE_SECONDS", 2 * 3600, low=60)
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# Cookies know no ports: a name of our own keeps two installations on one host from signing each other out.
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else f"nasweb-{INSTANCE}-session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else f"nasweb-{INSTANCE}-csrf"
CSRF_FAILURE_VIEW = "nasweb.pages.csrf_failure"

# --- security headers (Content-Security-Policy and Permissions-Policy: nasweb/headers.py)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 1
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_HANDLERS = ["apps.datasets.receiving.Limited"]
UPLOAD_LIMIT = env.integer("NASWEB_UPLOAD_MIB", 64, low=1) * 1024 * 1024

# --- files
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
WHITENOISE_USE_FINDERS = True                   # no collecting step: a fresh clone serves its own files
WHITENOISE_MAX_AGE = 60
ARTIFACTS = HOME / "artifacts"                  # checkpoints, weights, downloads
DATA = Path(env.text("NASWEB_DATA", str(HOME / "datasets"))).resolve()

SLOTS = env.integer("NASWEB_SLOTS", 0, low=0)    # trials at once here; 0: one a GPU, else one a core up to two

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# who says more than a person reads; each nudge of Celery would be two lines
QUIET = ("daphne", "asyncio", "httpx", "kombu", "celery.redirected", "celery.app.trace", "celery.worker.strategy")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname:7} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": sys.stderr}},
    "root": {"handlers": ["stderr"], "level": env.text("NASWEB_LOG", "INFO").upper()},
    "loggers": {name: {"level": "WARNING"} for name in QUIET},
}
