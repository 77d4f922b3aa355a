import dataclasses
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import Config
from training.errors import ConfigRefused

SHIPPED = ["smoke", "galaxy-zoo-2", "textbook", "transfer"]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_settings_are_read(name, pytestconfig):
    config = Config.read(pytestconfig.rootpath / "training" / "configs" / f"{name}.toml")

    assert config != Config()


@given(
    st.builds(
        Config,
        width=st.integers(4, 64),
        learning_rate=st.floats(1e-6, 0.5),
        pretrained=st.text("ab\"\\'/.é", max_size=9),
        aux=st.lists(st.sampled_from(["mag_r", "z"]), max_size=2).map(tuple),
        rotate=st.booleans(),
    )
)
def test_settings_come_back_from_toml_and_from_json(config):
    assert Config.parse(tomllib.loads(config.to_toml())) == config
    assert Config.parse(config.to_json()) == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lr": 1e-3}, ["'lr'", "Use only", "learning_rate"]),
        ({"epochs": "ten"}, ["epochs", "'ten'", "whole number"]),
        ({"epochs": 2.5}, ["epochs", "2.5", "whole number"]),
        ({"epochs": True}, ["epochs", "True", "whole number"]),
        ({"epochs": 0}, ["epochs", "0", "from 1"]),
        ({"learning_rate": float("nan")}, ["learning_rate", "nan", "a number"]),
        ({"learning_rate": -1}, ["learning_rate", "-1", "from"]),
        ({"precision": "int8"}, ["precision", "'int8'", '"bfloat16"']),
        ({"architecture": "resnet50"}, ["architecture", "'resnet50'", "timm/"]),
        ({"architecture": "timm/"}, ["architecture", "timm/resnet50"]),
        ({"rotate": 1}, ["rotate", "true or false"]),
        ({"aux": "mag_r"}, ["aux", "list of texts"]),
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_value_and_the_remedy(values, words):
    with pytest.raises(ConfigRefused) as refusal:
        Config.parse(values)

    for word in words:
        assert word in str(refusal.value)


def test_a_file_that_is_missing_or_no_toml_is_refused(tmp_path):
    with pytest.raises(ConfigRefused, match=r"smoke\.toml"):
        Config.read(tmp_path / "none.toml")

    path = tmp_path / "bad.toml"
    path.write_text("epochs = [")
    with pytest.raises(ConfigRefused, match="not TOML"):
        Config.read(path)


def test_every_number_has_a_range():
    numbers = {f.name for f in dataclasses.fields(Config) if type(f.default) in (int, float)}
    for name in numbers:
        with pytest.raises(ConfigRefused, match=name):
            Config.parse({name: -1 if type(getattr(Config, name)) is int else -1.0})
