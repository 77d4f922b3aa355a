"""python -m tests.faults.ingest MODE FOLDER: start an ingest as a web process does; be hurt."""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    """Make the row.

    "killed" dies right after its commit, "rolled-back" never commits, "no-broker" cannot send.
    """
    import django  # noqa: PLC0415

    django.setup()
    from django.db import transaction  # noqa: PLC0415

    from tests import make  # noqa: PLC0415
    from webapp.common import wake  # noqa: PLC0415

    mode, folder = sys.argv[1], Path(sys.argv[2])
    if mode == "killed":
        wake._send = kill_myself
    if mode == "no-broker":
        break_broker(Path(os.environ["VAR_DIR"], "broker"))

    def start() -> None:
        into = make.subject_set()
        with transaction.atomic():
            make.batch(folder, into=into)
            if mode == "rolled-back":
                transaction.set_rollback(True)

    thread = threading.Thread(target=start)  # the web's requests run in threads too
    thread.start()
    thread.join()


def kill_myself(task: str) -> None:
    """End in the place of sending a message."""
    os.kill(os.getpid(), signal.SIGKILL)


def break_broker(folder: Path) -> None:
    """Replace the broker's folders by files: not even root can write below them."""
    for part in folder.iterdir():
        shutil.rmtree(part)
        part.touch()


if __name__ == "__main__":
    main()
