"""The training stands in an environment without the site's packages."""

import importlib
import pkgutil
import sys

import pytest

import training


def test_every_module_is_imported_and_nothing_of_the_site_comes_with_it():
    names = [m.name for m in pkgutil.iter_modules(training.__path__, "training.")]
    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)

    assert "training.loop" in sys.modules
    assert not {"django", "celery", "psycopg", "webapp"} & sys.modules.keys()


def test_the_site_is_not_installed_here():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("django")
