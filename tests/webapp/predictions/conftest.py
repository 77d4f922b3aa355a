"""Every test begins and ends without a loaded network."""

from collections.abc import Iterator

import pytest

from webapp.predictions import scorer


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    scorer.forget()
    yield
    scorer.forget()
