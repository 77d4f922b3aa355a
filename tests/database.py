"""One PostgreSQL server for all tests, of this project's own kind and version.

Loaded with `-p` (pyproject.toml) and started when it is loaded: pytest-django reads the settings
before any conftest.py. The first process starts the server; xdist's workers inherit its address.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def _start() -> None:
    from webapp import embedded  # noqa: PLC0415 - only the first process needs it

    folder = Path(tempfile.mkdtemp(prefix="tuning-fork-tests-"))
    os.environ["VAR_DIR"] = str(folder / "var")
    server = embedded.start(folder / "postgres")
    os.environ["TEST_DATABASE_URL"] = server.url
    os.environ["TEST_TEMPLATE"] = str(folder / "template")  # tests/faults/place.py makes it
    os.environ["TRAINER"] = "false"  # no site of a test installs PyTorch
    starter = os.getpid()

    def stop() -> None:
        if os.getpid() == starter:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)


if "TEST_DATABASE_URL" not in os.environ:
    _start()
