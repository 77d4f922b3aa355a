"""A browser is found, or its absence is said."""

import pytest

from tests.browser import chromium

FAKE = "#!/bin/sh\necho Chromium 1.0\n"
BROKEN = "#!/bin/sh\necho no libraries >&2\nexit 127\n"


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A PATH of one empty folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def place(folder, name: str, script: str) -> None:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("name", chromium.NAMES)
def test_browser_on_path_is_taken(path, name):
    place(path, name, FAKE)
    assert chromium.find_or_install() == path / name


def test_broken_browser_is_not_taken(path, monkeypatch):
    place(path, "chromium", BROKEN)
    monkeypatch.setattr(chromium, "from_playwright", lambda: path / "missing")
    with pytest.raises(chromium.NoBrowser, match=r"on_path: .*chromium failed: no libraries"):
        chromium.find_or_install()


def test_debian_is_asked_only_by_root(path, monkeypatch):
    place(path, "apt-get", "#!/bin/sh\n")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(chromium.NoBrowser, match="needs root"):
        chromium.from_debian()


@pytest.mark.parametrize("packages", [[chromium.SHELL], [chromium.SHELL, "chromium"]])
def test_root_installs_the_package_that_there_is(path, monkeypatch, packages):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    browser, asked = path / packages[-1], path / "asked"
    place(path, "prepared", FAKE)
    got = f"*recommends\\ {packages[-1]}) /bin/cp -p {path}/prepared {browser};;"
    install = f"case $* in *update) ;; {got} *) exit 100;; esac\n"
    place(path, "apt-get", f'#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> {asked}\n{install}')
    assert chromium.find_or_install() == browser
    update, *installed = asked.read_text().splitlines()
    assert update.startswith("noninteractive --quiet=2")
    assert [
        line.split("install --yes --no-install-recommends ")[1] for line in installed
    ] == packages


def test_root_alone_gives_up_the_sandbox(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "--no-sandbox" not in chromium.flags()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--no-sandbox" in chromium.flags()
