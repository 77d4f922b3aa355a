"""A worker that makes files of the test's database: python worker.py ROWS PAUSE_S.

It reads so many galaxies a time and rests between them, so that a test can kill it in the middle.
"""

import sys
import time

import django


def main() -> None:
    """Make files until somebody kills this process."""
    django.setup()
    from webapp.exports import snapshot, tasks  # noqa: PLC0415 - Django is set up by now

    chunk, pause_s = int(sys.argv[1]), float(sys.argv[2])
    evidence_at = snapshot.evidence_at

    def slowly(moment, workflow):
        for part in evidence_at(moment, workflow, chunk=chunk):
            yield part
            time.sleep(pause_s)

    vars(snapshot)["evidence_at"] = slowly
    print("ready", flush=True)
    while True:
        tasks.run_exports()
        time.sleep(0.05)


if __name__ == "__main__":
    main()
