"""The Chromium that the browser tests drive: the one on PATH, Debian's package, or Playwright's.

Its headless shell where there is one: the same pages, without the windows and toolbars that nobody
sees here, and that take a good part of a processor.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

SHELL = "chromium-headless-shell"
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WITHIN_S = 900
APT = ["apt-get", "--quiet=2", "-o", "DPkg::Lock::Timeout=300"]


class NoBrowser(Exception):
    """No Chromium can be had; the text says what was tried."""


def flags() -> list[str]:
    """Return the options that keep Chromium quiet and let it run as root and without a GPU."""
    quiet = [
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    return ["--no-sandbox", *quiet] if os.geteuid() == 0 else quiet


def find_or_install() -> Path:
    """Return a Chromium that starts, getting one if there is none.

    Raises:
        NoBrowser: every way failed.
    """
    tried = []
    for way in (on_path, from_debian, from_playwright):
        try:
            browser = way()
            version(browser)
        except (NoBrowser, OSError, subprocess.SubprocessError) as error:
            tried.append(f"{way.__name__}: {_first_line(error)}")
        else:
            return browser
    raise NoBrowser(
        f"No Chromium can be had ({'; '.join(tried)}): install one so that `chromium` is on PATH."
    )


def on_path() -> Path:
    """Return the Chromium that is there already."""
    for name in NAMES:
        if (found := shutil.which(name)) is not None:
            return Path(found)
    raise NoBrowser(f"none of {', '.join(NAMES)} is there")


def from_debian() -> Path:
    """Install the distribution's package, which only root can."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoBrowser("needs root and apt-get")
    print("Installing Debian's package of Chromium for the browser tests.", flush=True)
    _run([*APT, "update"])
    try:
        _install(SHELL)
    except NoBrowser:  # older distributions have the whole one only
        _install("chromium")
    return on_path()


def _install(package: str) -> None:
    _run([*APT, "install", "--yes", "--no-install-recommends", package])


def from_playwright() -> Path:
    """Download the build that Playwright was made for, or return the one it has."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- only this way needs it

    _run([sys.executable, "-m", "playwright", "install", "chromium"])
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def version(browser: Path) -> str:
    """Return what a Chromium calls itself; one that cannot even say that is none."""
    return _run([str(browser), *flags(), "--version"]).strip()


def _run(command: list[str]) -> str:
    """Run a command without questions and return its output.

    Raises:
        NoBrowser: it failed or took too long.
    """
    try:
        done = subprocess.run(
            command,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoBrowser(f"{command[0]} took longer than {WITHIN_S} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NoBrowser(f"{command[0]} failed: {last}")
    return done.stdout


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


if __name__ == "__main__":
    try:
        print(f"Browser: {find_or_install()}")
    except NoBrowser as error:
        sys.exit(str(error))
