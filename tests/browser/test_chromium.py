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
    (folder / name).write_text(script.replace("/bin/sh", "/bin/sh"))
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("name", chromium.NAMES)
def test_browser_on_path_is_taken(path, name):
    place(path, name, FAKE)
    assert chromium.find_or_install() == path / name


def test_broken_browser_is_not_taken(path, monkeypatch):
    place(path, "chromium", BROKEN)
    monkeypatch.setattr(chromium, "from_playwright", lambda: path / "missing")
    with pytest.raises(chromium.NoBrowser, match="on_path: .*chromium failed: no libraries"):
        chromium.find_or_install()


def test_debian_is_asked_only_by_root(path, monkeypatch):
    place(path, "apt-get", "#!/bin/sh\n")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(chromium.NoBrowser, match="needs root"):
        chromium.from_debian()


def test_root_installs_the_package(path, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    browser = path / "chromium"
    place(
        path,
        "apt-get",
        f"#!/bin/sh\ncase \"$*\" in *install*chromium) printf '{FAKE}' > {browser}; "
        f"/bin/chmod 755 {browser};; esac\n".replace("\necho", "\\necho").replace("1.0\n'", "1.0'"),
    )
    assert chromium.find_or_install() == browser


def test_root_alone_gives_up_the_sandbox(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "--no-sandbox" not in chromium.flags()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--no-sandbox" in chromium.flags()
