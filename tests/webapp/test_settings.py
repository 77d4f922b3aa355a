"""The settings: all of them are documented, and a server does not start with unsafe ones."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
READERS = {"env_str", "env_bool", "env_int", "env_list", "env_choice"}
SERVER = {
    "DATABASE_URL": "postgresql://user:password@db.example.org:5432/site",
    "SECRET_KEY": "QDkH1x0Zr8PbT3mV9sLwYc6NfA2gJ7uE5oXiRqCtWvBzKyMhSdGl4Up-_n",
    "ALLOWED_HOSTS": "galaxies.example.org",
    "EMAIL_HOST": "mail.example.org",
    "BEHIND_PROXY": "true",
}


def calls(path: Path) -> list[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node for node in found if isinstance(node.func, ast.Name) and node.func.id in READERS]


def names_read(*paths: Path) -> set[str]:
    return {ast.literal_eval(call.args[0]) for path in paths for call in calls(path)}


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_name_that_is_read_is_in_the_example_and_no_other():
    files = [path for path in ROOT.glob("webapp/**/*.py") if path.name != "env.py"]
    assert set(example()) == names_read(*files)


def test_every_setting_is_read_in_one_place():
    assert names_read(ROOT / "webapp/settings.py") <= set(example())


def test_the_example_shows_the_defaults():
    shown = example()
    wrong = {}
    for call in calls(ROOT / "webapp/settings.py"):
        name = ast.literal_eval(call.args[0])
        if len(call.args) > 1 and isinstance(call.args[1], ast.Constant):
            default = str(call.args[1].value)
            if shown[name] != default:
                wrong[name] = default
    assert wrong == {}


def test_every_name_of_the_example_has_a_comment_above_its_group():
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    for group in text.split("\n\n"):
        assert group.startswith("#"), group


def manage(*arguments: str, var: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "VAR_DIR": str(var)}
    return subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "manage.py", *arguments],
        cwd=ROOT, env=clean | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_proper_server_passes_djangos_deployment_checks(tmp_path):
    run = manage("check", "--deploy", "--fail-level", "WARNING", var=tmp_path, **SERVER)
    assert run.returncode == 0, run.stderr
    assert "no issues" in run.stdout


def test_an_unsafe_server_is_refused_with_one_sentence(tmp_path):
    run = manage("check", var=tmp_path, **SERVER | {"EMAIL_HOST": ""})
    assert run.returncode != 0
    assert "Set EMAIL_HOST." in run.stderr
    assert run.stderr.count("(webapp.") == 1
    assert "Traceback" not in run.stderr


def ask(var: Path, expression: str, **environment: str) -> str:
    """What the site's settings say in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", f"from webapp import settings; print({expression})"],
        cwd=ROOT, env={"PATH": os.environ["PATH"], "VAR_DIR": str(var)} | environment,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return run.stdout.strip() or run.stderr.strip().splitlines()[-1]


COOKIES = (
    "settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.BROWSER_COOKIE_NAME, "
    "settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, "
    "settings.SESSION_COOKIE_HTTPONLY, settings.CSRF_COOKIE_HTTPONLY, "
    "settings.SESSION_COOKIE_SAMESITE, settings.CSRF_COOKIE_SAMESITE"
)


def test_a_servers_cookies_are_bound_to_its_host_and_to_https(tmp_path):
    assert ask(tmp_path, COOKIES, **SERVER) == (
        "__Host-session __Host-csrf __Host-browser True True True True Lax Lax"
    )


def test_local_cookies_work_without_https(tmp_path):
    assert ask(tmp_path, COOKIES) == "session csrf browser False False True True Lax Lax"


def test_the_address_of_a_client_is_believed_only_from_the_configured_proxy(tmp_path):
    count = "getattr(settings, 'ALLAUTH_TRUSTED_PROXY_COUNT', 0)"
    assert ask(tmp_path, count, **SERVER) == "1"
    assert ask(tmp_path, count, **SERVER | {"BEHIND_PROXY": "false"}) == "0"
    assert ask(tmp_path, count) == "0"


def test_administrators_of_a_server_need_a_second_factor(tmp_path):
    asked = "settings.SECOND_FACTOR_FOR_ADMINS"
    assert ask(tmp_path, asked, **SERVER) == "True"
    assert ask(tmp_path, asked) == "False"
    assert ask(tmp_path, asked, SECOND_FACTOR_FOR_ADMINS="true") == "True"


def test_a_server_without_a_key_says_so(tmp_path):
    environment = {name: value for name, value in SERVER.items() if name != "SECRET_KEY"}
    assert "SECRET_KEY is not set. Set it, or SECRET_KEY_FILE" in ask(tmp_path, "1", **environment)


def test_a_database_that_is_not_postgresql_is_refused(tmp_path):
    answer = ask(tmp_path, "1", **SERVER | {"DATABASE_URL": "mysql://host/name"})
    assert "DATABASE_URL" in answer


def test_the_limits_survive_many_strangers():
    """Django's database cache forgets a third of its rows beyond MAX_ENTRIES, 300 by default."""
    from webapp import settings as site  # noqa: PLC0415

    options: Any = site.CACHES["default"].get("OPTIONS", {})
    assert options.get("MAX_ENTRIES", 300) >= 100_000


def test_passwords_are_hashed_with_argon2():
    from webapp import settings as site  # noqa: PLC0415

    assert site.PASSWORD_HASHERS[0].endswith("Argon2PasswordHasher")
