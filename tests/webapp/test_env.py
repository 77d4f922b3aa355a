"""Settings from the environment."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from webapp.env import env_bool, env_choice, env_int, env_list, env_str


@pytest.fixture(autouse=True)
def _without_the_name(monkeypatch):
    monkeypatch.delenv("NAME", raising=False)
    monkeypatch.delenv("NAME_FILE", raising=False)


def test_a_value_wins_over_its_file_and_its_default(monkeypatch, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("from the file\n")
    assert env_str("NAME", "default") == "default"
    monkeypatch.setenv("NAME_FILE", str(secret))
    assert env_str("NAME", "default") == "from the file"
    monkeypatch.setenv("NAME", "from the environment")
    assert env_str("NAME", "default") == "from the environment"


def test_a_name_without_value_and_default_stops_the_start():
    with pytest.raises(ImproperlyConfigured, match=r"NAME is not set\. Set it, or NAME_FILE"):
        env_str("NAME")


def test_a_file_that_cannot_be_read_stops_the_start(monkeypatch, tmp_path):
    monkeypatch.setenv("NAME_FILE", str(tmp_path / "none"))
    with pytest.raises(ImproperlyConfigured, match=r"none' cannot be read .*Point it to"):
        env_str("NAME", "default")


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("false", False)])
def test_a_boolean_is_true_or_false(monkeypatch, value, expected):
    monkeypatch.setenv("NAME", value)
    assert env_bool("NAME", "false") is expected


@pytest.mark.parametrize("value", ["True", "1", "yes", "", " true"])
def test_anything_else_is_no_boolean(monkeypatch, value):
    monkeypatch.setenv("NAME", value)
    with pytest.raises(ImproperlyConfigured, match="Use 'true' or 'false'"):
        env_bool("NAME", "false")


def test_a_whole_number_has_a_lower_bound(monkeypatch):
    assert env_int("NAME", "7") == 7
    monkeypatch.setenv("NAME", "3")
    assert env_int("NAME", "7", at_least=3) == 3
    with pytest.raises(ImproperlyConfigured, match=r"NAME='3' .* at least 4\. The default is 7"):
        env_int("NAME", "7", at_least=4)


@pytest.mark.parametrize("value", ["-1", "1.5", "", "1e3", "٣", "ten", " 1"])
def test_anything_else_is_no_whole_number(monkeypatch, value):
    monkeypatch.setenv("NAME", value)
    with pytest.raises(ImproperlyConfigured, match="not a whole number"):
        env_int("NAME", "7")


def test_a_list_has_its_parts_between_commas(monkeypatch):
    assert env_list("NAME", "") == []
    monkeypatch.setenv("NAME", "a.example.org, b.example.org,,")
    assert env_list("NAME", "") == ["a.example.org", "b.example.org"]


def test_a_choice_is_one_of_the_choices(monkeypatch):
    assert env_choice("NAME", "red", ("red", "blue")) == "red"
    monkeypatch.setenv("NAME", "green")
    with pytest.raises(ImproperlyConfigured, match=r"'green' is unknown\. Use one of: red, blue"):
        env_choice("NAME", "red", ("red", "blue"))
