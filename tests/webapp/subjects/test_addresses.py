"""I16: addresses where the name of a picture belongs are refused, and nobody is asked anything."""

import csv
import socket
import zipfile
from collections.abc import Iterator

import pytest

from tests import make
from webapp.common import work
from webapp.subjects import ingest
from webapp.subjects.archive import PictureArchive
from webapp.subjects.models import Subject
from webapp.subjects.rows import SourceRefused, path_problem

pytestmark = pytest.mark.django_db
# {port} is that of a listener on every address of this machine.
ADDRESSES = [
    "http://127.0.0.1:{port}/a.png", "https://127.0.0.1:{port}/a.png", "HTTP://127.0.0.1:{port}/a",
    "http://10.0.0.1/a.png", "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:a00:1]/a.png", "http://[::1]:{port}/a.png", "http://[64:ff9b::7f00:1]/a.png",
    "http://2130706433:{port}/a.png", "http://0177.0.0.1:{port}/a.png", "http://0x7f.1:{port}/a",
    "http://localhost.:{port}/a.png", "http://localhost:{port}/a.png", "http://0:{port}/a.png",
    "http://good.example@127.0.0.1:{port}/a.png", "http://127.0.0.1:{port}/302?to=http://10.0.0.1/",
    "http://rebound.example/a.png", "http://127.0.0.1:{port}/endless", "http:/127.0.0.1:{port}/a",
    "//127.0.0.1:{port}/a.png", "\\\\127.0.0.1\\share\\a.png", "127.0.0.1:{port}/a.png",
    "file:///etc/passwd", "file:/etc/passwd", "gopher://127.0.0.1:{port}/_x", "ftp://127.0.0.1/a",
    "s3://bucket/a.png", "jar:http://127.0.0.1:{port}/a!/b", "data:image/png;base64,iVBORw0KGgo=",
]  # fmt: skip


class Asked(AssertionError):
    """Somebody was to be asked something."""


@pytest.fixture
def port(monkeypatch) -> Iterator[int]:
    """A listener that hears nothing in the end, and a machine that looks nobody's name up."""

    def refuse(*_: object) -> None:
        raise Asked

    with socket.create_server(("127.0.0.1", 0)) as listener:
        for place, name in (
            (socket, "getaddrinfo"), (socket, "gethostbyname"), (socket.socket, "connect"),
            (socket.socket, "connect_ex"), (socket.socket, "sendto"),
        ):  # fmt: skip
            monkeypatch.setattr(place, name, refuse)
        yield listener.getsockname()[1]
        listener.setblocking(False)  # noqa: FBT003
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_watch_sees_who_asks(port):
    with pytest.raises(Asked):
        socket.create_connection(("127.0.0.1", port))


def test_in_a_manifest_each_is_a_bad_row_with_its_reason(tmp_path, port):
    names = [address.format(port=port) for address in ADDRESSES]
    with (tmp_path / "m.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file"], ["galaxy-1.png"], *([name] for name in names)])
    pictures = make.picture_folder(tmp_path / "pictures", 2)
    batch = make.batch(tmp_path / "m.csv", pictures=pictures, keeps_good_rows=True)
    claimed = work.claim(batch)
    assert claimed
    ingest.run_batch(claimed)
    batch.refresh_from_db()
    assert (batch.n_added, batch.n_bad) == (1, len(names))
    reasons = dict(batch.problems.values_list("row_number", "reason"))
    for number, name in enumerate(names, 3):
        assert ("this site fetches nothing" in reasons[number]) == ("://" in name), name
        assert reasons[number].endswith("."), name


@pytest.mark.parametrize("address", ADDRESSES)
def test_as_a_member_of_an_archive_it_is_refused_or_only_a_name(tmp_path, port, address):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(address.format(port=port), make.picture(1))
    if path_problem(address.format(port=port)):
        with pytest.raises(SourceRefused, match=r"\.$"):
            PictureArchive(path)
        return
    with PictureArchive(path) as archive:  # a name like another
        (name,) = archive.names()
        assert archive.read(name) == make.picture(1)


def test_in_files_of_zooniverse_it_stays_a_text(tmp_path, port):
    path = tmp_path / "subjects.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["subject_id", "metadata", "locations"])
        for number, address in enumerate(ADDRESSES, 1):
            place = address.format(port=port).replace("\\", "\\\\")
            rows.writerow([number, f'{{"#image": "{place}"}}', f'{{"0": "{place}"}}'])
    batch = make.imported("subjects", path, make.workflow(n_subjects=1))
    assert (batch.status, batch.n_refused) == ("done", 0)
    assert Subject.objects.filter(display_sha256="").count() == len(ADDRESSES)
