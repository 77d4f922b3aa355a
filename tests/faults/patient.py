"""python -m tests.faults.patient: the site under its own supervisor, which bears many kills.

The site's own patience ends after five failures within a minute, as it should.
"""

import os
from pathlib import Path

from webapp import embedded
from webapp.children import Patience
from webapp.supervisor import Supervisor, free_port, run_site

BEARS_ALL = Patience(failures=100_000, window_s=2.0, first_delay_s=0.2)


def main() -> None:
    """Run until Ctrl-C."""
    supervisor, var = Supervisor(BEARS_ALL), Path(os.environ["VAR_DIR"])
    with embedded.lock(var), supervisor:
        run_site(supervisor, var, free_port())


if __name__ == "__main__":
    main()
