"""No byte that leaves the site says who somebody is: not a file, not a release, not the API."""

import base64
import gzip
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.test import Client

from tests import make
from tests.webapp.api.programs import Program
from tests.webapp.classifications.test_views import answered
from webapp.accounts.models import Role, Volunteer
from webapp.classifications.models import Classification
from webapp.exports import services
from webapp.exports.exchange import KINDS
from webapp.exports.models import Table
from webapp.exports.tasks import run_exports
from webapp.exports.writers import FORMATS

pytestmark = pytest.mark.django_db
ADDRESS, AGENT = "203.0.113.77", "Sherlock/221.0 (Baker Street)"
FILES = [
    *((table, format_) for table in (Table.CATALOG, Table.VOTES) for format_ in sorted(FORMATS)),
    *((table, "csv") for table in KINDS),
]


def client_of(user=None) -> Client:
    """Return a browser that can be recognized by its address, its name and its cookies."""
    client = Client(REMOTE_ADDR=ADDRESS, headers={"user-agent": AGENT})
    if user:
        client.force_login(user)
    return client


@pytest.fixture
def scientist():
    return make.user("vera-of-the-dome", Role.SCIENTIST)


@pytest.fixture
def secrets(scientist):
    """What must not be found, of a campaign that a user and a visitor have answered in browsers."""
    workflow = make.workflow(n_subjects=3)
    alice = make.user("alice-of-the-stars")
    clients = [client_of(alice), client_of()]
    for client in clients:
        page = client.get(f"/c/{workflow.slug}/classify/", follow=True)
        client.post(f"/c/{workflow.slug}/submit/", answered(client, page), follow=True)
    assert Classification.objects.count() == 2
    found = {ADDRESS, AGENT, "Sherlock", "Baker Street"}
    for user in (alice, scientist):
        found |= {user.username, user.email, user.password}
    found |= {str(row.uuid) for row in Volunteer.objects.all()}
    for client in clients:
        cookies = [morsel.value for morsel in client.cookies.values()]
        # A signed value is its parts too: the browser's id, and the signature.
        found |= {part for value in cookies for part in (value, *re.split("[:.]", value))}
        found.add(client.session.session_key or "")
    kept = {one for one in found if len(one) >= 8}
    assert len(kept) > 12
    return workflow, {form for one in kept for form in (one, one.replace("-", ""))}


def everything(path: Path) -> str:
    """Return all that a file says: its bytes, and what is packed or encoded in them."""
    content = path.read_bytes()
    said = [content.decode("utf-8", "replace"), content.decode("utf-16-be", "replace")]
    if path.suffix == ".gz":
        said.append(gzip.decompress(content).decode("utf-8", "replace"))
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        said += [
            table.to_pandas().to_csv(),
            str(table.schema.metadata),
            str(pq.read_metadata(path)),
        ]
    if path.suffix == ".vot":
        for stream in re.findall(rb"<STREAM[^>]*>([^<]*)</STREAM>", content):
            packed = base64.b64decode(stream)
            for shift in (0, 1):  # characters of two bytes begin anywhere
                said.append(packed[shift:].decode("utf-16-be", "replace"))
            said.append(packed.decode("utf-8", "replace"))
    return "\n".join(said)


def leaks(text: str, secrets) -> list[str]:
    lower = text.lower()
    return [one for one in secrets if one.lower() in lower]


@pytest.mark.parametrize(("table", "format_"), FILES)
def test_no_file_says_who_somebody_is(secrets, scientist, table, format_):
    workflow, hidden = secrets
    export = services.request_export(
        workflow=workflow, asked_by=scientist, format=format_, table=table
    )
    run_exports()
    export.refresh_from_db()
    assert export.status == "done", export.error
    content = everything(export.path)
    assert leaks(content, hidden) == []
    if table != Table.WORKFLOW:
        galaxies = workflow.subject_sets.get().subjects.all()  # a file that was read names them
        assert any(one.survey_id in content or str(one.pk) in content for one in galaxies)
    assert leaks(content + AGENT, hidden)


def test_no_release_does(secrets, scientist):
    workflow, hidden = secrets
    release = services.make_release(
        workflow=workflow, by=scientist, title="Shapes", authors=["Rubin"], license="CC0-1.0"
    )
    run_exports()
    release.refresh_from_db()
    assert release.status == "done", release.error
    files = [path for path in release.folder.rglob("*") if path.is_file()]
    assert len(files) > 15
    for path in files:
        assert leaks(everything(path) + path.name, hidden) == [], path.name
    page = Client().get(f"/releases/{workflow.slug}/1/").content.decode()
    assert leaks(page, hidden) == []


@pytest.mark.parametrize("resource", ["classifications", "consensus", "subjects", "exports"])
def test_no_answer_of_the_api_does(secrets, scientist, resource):
    workflow, hidden = secrets
    owner = make.user("somebody-else", Role.SCIENTIST)
    place = f"workflows/{workflow.slug}/{resource}" if resource != "exports" else resource
    answer = Program(owner).get(f"/api/{place}/")
    assert answer.status_code == 200
    assert leaks(answer.content.decode(), hidden) == []
    assert answer.json()["results"] or resource == "exports"


def test_no_cone_search_does(secrets):
    workflow, hidden = secrets
    type(workflow).objects.update(hides_votes=False)
    workflow.subject_sets.get().subjects.update(ra_deg=10.0, dec_deg=5.0, healpix=1)
    content = Client().get(f"/cone/{workflow.slug}?RA=10&DEC=5&SR=180&VERB=3").content.decode()
    assert leaks(content, hidden) == []
