"""The order of the apps holds in the database too: no table refers to one of an app above."""

import tomllib
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
NAME = "the order of the apps"


def order() -> list[set[str]]:
    """The apps as pyproject.toml has them, a set a line, top to bottom."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = document["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["name"] == NAME]
    known = {config.label for config in apps.get_app_configs() if config.name.startswith("webapp.")}
    rows = [set(layer.split(" | ")) for layer in layers]
    return [row & known for row in rows if row & known]


def references() -> list[tuple[str, str]]:
    """The apps of every reference between two tables, from and to."""
    return [
        (model._meta.app_label, field.related_model._meta.app_label)
        for model in apps.get_models(include_auto_created=True)
        for field in (*model._meta.fields, *model._meta.many_to_many)
        if field.related_model
    ]


def test_every_app_has_its_place():
    labels = {config.label for config in apps.get_app_configs() if config.name.startswith("webapp")}
    assert set().union(*order()) == labels


def test_no_table_refers_to_an_app_above():
    place = {label: index for index, row in enumerate(order()) for label in row}
    ours = [(lower, upper) for lower, upper in references() if {lower, upper} <= place.keys()]
    assert ("registry", "workflows") in ours
    assert [pair for pair in ours if place[pair[0]] > place[pair[1]]] == []
    beside = [(low, up) for low, up in ours if place[low] == place[up] and low != up]
    assert beside == []
