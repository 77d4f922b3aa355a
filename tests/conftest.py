"""One PostgreSQL server for all tests, started by pytest's first process."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure(config: pytest.Config) -> None:
    """Start the server before the workers are; they inherit its address."""
    if hasattr(config, "workerinput") or "TEST_DATABASE_URL" in os.environ:
        return
    from webapp import embedded  # noqa: PLC0415 - the settings come after it

    folder = Path(tempfile.mkdtemp(prefix="tuning-fork-tests-"))
    os.environ["VAR_DIR"] = str(folder / "var")
    server = embedded.start(folder / "postgres")
    os.environ["TEST_DATABASE_URL"] = server.url
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    config.add_cleanup(server.stop)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("There is no ../shared with the real data.")
    return SHARED
