"""What the flows share: a count of what a request asks of PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext


@pytest.fixture
def statements():
    """A context that lists every statement, BEGIN and COMMIT too."""

    @contextmanager
    def listed() -> Iterator[list[str]]:
        found: list[str] = []
        with CaptureQueriesContext(connection) as captured:
            yield found
        found += [query["sql"] for query in captured.captured_queries]

    return listed


@pytest.fixture
def campaign_folders(tmp_path, settings):
    """Runs, models and pictures in folders of this test."""
    settings.RUNS_DIR = tmp_path / "runs"
    settings.MODELS_ROOT = tmp_path / "models"
    settings.MEDIA_ROOT = tmp_path / "media"
