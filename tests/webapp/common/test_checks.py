"""What must be right before the site serves people from a server."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from webapp.common import checks, start

KEY = "QDkH1x0Zr8PbT3mV9sLwYc6NfA2gJ7uE5oXiRqCtWvBzKyMhSdGl4Up-_n"


@pytest.fixture
def server(settings, tmp_path):
    """A server with nothing wrong."""
    settings.LOCAL_MODE = False
    settings.DEBUG = False
    settings.SECRET_KEY = KEY
    settings.ALLOWED_HOSTS = ["galaxies.example.org"]
    settings.EMAIL_HOST = "mail.example.org"
    settings.MEDIA_ROOT = tmp_path / "media" / "public"
    return settings


def test_a_proper_server_may_start(server):
    assert checks.server_is_safe(None) == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DEBUG", True, "Set DEBUG=false."),
        ("SECRET_KEY", "short", "it has 5 characters"),
        ("SECRET_KEY", "a" * 60, "SECRET_KEY is weak"),
        ("SECRET_KEY", f"django-insecure-{KEY}", "SECRET_KEY is weak"),
        ("SECRET_KEY", KEY[:49], "it has 49 characters"),
        ("ALLOWED_HOSTS", [], "Name the site's own hosts"),
        ("ALLOWED_HOSTS", ["*"], "Name the site's own hosts"),
        ("EMAIL_HOST", "", "Set EMAIL_HOST."),
    ],
)
def test_an_unsafe_server_is_refused_with_one_sentence(server, name, value, words):
    setattr(server, name, value)
    (error,) = checks.server_is_safe(None)
    assert words in error.msg
    with pytest.raises(ImproperlyConfigured, match=words[:20]):
        start.refuse_unsafe()


def test_a_server_that_cannot_store_pictures_is_refused(server, tmp_path):
    (tmp_path / "media").write_text("a file where the folder should be")
    (error,) = checks.server_is_safe(None)
    assert str(server.MEDIA_ROOT) in error.msg


def test_local_mode_is_never_refused(settings, tmp_path):
    (tmp_path / "media").write_text("")
    settings.LOCAL_MODE, settings.DEBUG, settings.SECRET_KEY = True, True, "x"
    settings.ALLOWED_HOSTS, settings.EMAIL_HOST = [], ""
    settings.MEDIA_ROOT = tmp_path / "media" / "public"
    assert checks.server_is_safe(None) == []
