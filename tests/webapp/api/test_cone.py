"""Simple Cone Search, as pyvo sees it: over HTTP, from a server of its own."""

import io
import warnings
from importlib import resources

import numpy as np
import pytest
import pyvo
import requests
import xmlschema
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io.votable import parse
from django.utils import timezone
from pyvo.io import vosi

from tests import make
from tests.webapp.api.programs import Program, placed, wait_until_alone
from webapp.accounts.models import Role
from webapp.api import cone
from webapp.consensus.models import Consensus
from webapp.subjects.cones import Cone
from webapp.workflows.models import Status

N = 400
LIVE = pytest.mark.django_db(transaction=True)
ERRORS = [
    ("RA=abc&DEC=0&SR=1", "RA='abc' is no number"),
    ("RA=361&DEC=0&SR=1", "RA='361' is outside 0 to 360"),
    ("RA=0&DEC=-91&SR=1", "DEC='-91' is outside -90 to 90"),
    ("RA=0&DEC=0&SR=-1", "SR='-1' is outside 0 to 180"),
    ("RA=0&DEC=0&SR=181", "SR='181' is outside"),
    ("RA=nan&DEC=0&SR=1", "RA='nan' is no number"),
    ("RA=0&DEC=inf&SR=1", "DEC='inf' is no number"),
    ("RA=0&DEC=1e999&SR=1", "is no number"),
    ("RA=0&DEC=0", "SR is missing"),
    ("", "RA is missing"),
    ("RA=&DEC=0&SR=1", "RA is missing"),
    ("RA=0&RA=1&DEC=0&SR=1", "RA is given more than once"),
    ("RA=0&ra=1&DEC=0&SR=1", "RA is given more than once"),
    ("RA=0&DEC=0&SR=1&VERB=4", "VERB='4'"),
    ("RA=0&DEC=0&SR=1&MAXREC=x", "MAXREC='x'"),
    ("RA=12%3A30%3A00&DEC=0&SR=1", "is no number"),
    ("RA=0&DEC=%00&SR=1", "is no number"),
    (f"RA={'1' * 10_000}&DEC=0&SR=1", "is no number"),
    ("RA=٣&DEC=0&SR=1", "is no number"),
]


def sky(n: int, seed: int = 1) -> list[tuple[float, float]]:
    """Positions all over the sky, some at the poles and where RA begins anew."""
    random = np.random.default_rng(seed)
    ra = random.uniform(0, 360, n)
    dec = np.degrees(np.arcsin(random.uniform(-1, 1, n)))
    if n >= 40:
        ra[:20], dec[:20] = random.uniform(359.5, 360.5, 20) % 360, random.uniform(-1, 1, 20)
        dec[20:30], dec[30:40] = random.uniform(89, 90, 10), random.uniform(-90, -89, 10)
    return list(zip(ra.tolist(), dec.tolist(), strict=True))


def campaign(positions: list[tuple[float, float]], **fields):
    made = make.workflow(**fields)
    galaxies = placed(make.subjects(len(positions)), positions)
    make.link(made, galaxies[0].subject_set)
    return made


def address(workflow, live_server=None) -> str:
    return f"{live_server.url if live_server else ''}/cone/{workflow.slug}"


def table_of(answer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parse(io.BytesIO(answer.content)).get_first_table().to_table()


@pytest.fixture
def session(live_server):
    """A session whose connections end with the test, and the server's to the database too."""
    with requests.Session() as opened:
        yield opened
    wait_until_alone()


@pytest.fixture
def one(db):
    return campaign([(10.0, 20.0)])


def test_a_hundred_cones_are_those_of_brute_force(client, settings, db):
    settings.CONE_SEARCHES_PER_MINUTE = 1000
    positions = sky(N)
    workflow = campaign(positions)
    ra, dec = np.array(positions).T
    ids = np.array(workflow.subject_sets.get().subjects.order_by("pk").values_list("pk", flat=True))
    random = np.random.default_rng(2)
    cones = [
        (*positions[random.integers(N)], 10 ** random.uniform(-2, 1.9)) for _ in range(86)
    ] + [
        (0.0, 0.0, 0.7), (360.0, 0.0, 0.7), (359.9, 0.1, 30.0), (0.1, 0.1, 1.0), (123.0, 90.0, 1.0),
        (0.0, 90.0, 0.5), (200.0, -90.0, 1.0), (45.0, 89.5, 1.2), (45.0, -89.5, 40.0),
        (7.0, 8.0, 180.0), (7.0, 8.0, 179.9), (7.0, 8.0, 90.0), (350.0, 0.0, 120.0),
        (0.0, 0.0, 1e-6),
    ]  # fmt: skip
    n_found = 0
    for ra_deg, dec_deg, radius_deg in cones:
        near = SkyCoord(ra_deg, dec_deg, unit="deg").separation(SkyCoord(ra, dec, unit="deg"))
        query = {"RA": repr(ra_deg), "DEC": repr(dec_deg), "SR": repr(radius_deg), "VERB": 1}
        table = table_of(client.get(address(workflow), query))
        expected = sorted(ids[near.deg <= radius_deg].tolist())
        assert [int(name) for name in table["source_id"]] == expected
        n_found += len(expected)
    assert len(cones) == 100
    assert n_found > 2 * N


@LIVE
def test_pyvo_reads_the_answer(live_server, session):
    workflow = campaign([(359.999, 0.0), (0.001, 0.0), (180.0, 0.0)])
    service = pyvo.dal.SCSService(address(workflow, live_server), session=session)
    found = service.search(SkyCoord(0, 0, unit="deg"), 0.01 * units.deg)
    galaxies = list(workflow.subject_sets.get().subjects.order_by("pk"))
    assert len(found) == 2
    assert [record.id for record in found] == [str(one.pk) for one in galaxies[:2]]
    assert found[0].pos.separation(SkyCoord(359.999, 0, unit="deg")) < 1e-6 * units.arcsec
    table = found.to_qtable()
    assert table["ra"].unit == units.deg
    assert list(table["survey_id"]) == [one.survey_id for one in galaxies[:2]]
    assert len(service.search(SkyCoord(0, 0, unit="deg"), 180 * units.deg)) == 3
    assert len(service.search(SkyCoord(0, 0, unit="deg"), 0 * units.deg)) == 0

    query = service.create_query(SkyCoord(0, 0, unit="deg"), 1 * units.deg)
    query["SR"] = -1
    with pytest.raises(pyvo.dal.DALQueryError, match="SR='-1' is outside 0 to 180 degrees"):
        query.execute()


@LIVE
def test_pyvo_is_told_to_wait(live_server, session, settings):
    settings.CONE_SEARCHES_PER_MINUTE = 1
    workflow = campaign([(0.0, 0.0)])
    service = pyvo.dal.SCSService(address(workflow, live_server), session=session)
    where = SkyCoord(0, 0, unit="deg"), 1 * units.deg
    assert len(service.search(*where)) == 1
    with pytest.raises(pyvo.dal.DALRateLimitError) as raised:
        service.search(*where)
    assert 1 <= raised.value.retry_after_seconds <= 60


# pyvo has no class of its own for what a cone search says of itself, and warns.
@pytest.mark.filterwarnings("ignore:Unknown xsi.type", "ignore:.*Unknown element")
def test_pyvo_reads_what_the_service_says_of_itself(client, one):
    def page(name: str) -> io.BytesIO:
        return io.BytesIO(client.get(f"{address(one)}/{name}").content)

    said = {str(row.standardid): row for row in vosi.parse_capabilities(page("capabilities"))}
    search = said["ivo://ivoa.net/std/ConeSearch"]
    place = search.interfaces[0].accessurls[0].content
    assert place == f"http://testserver{address(one)}?"
    for name in ("capabilities", "availability", "tables"):
        (interface,) = said[f"ivo://ivoa.net/std/VOSI#{name}"].interfaces
        assert interface.accessurls[0].content == f"http://testserver{address(one)}/{name}"
    assert vosi.parse_availability(page("availability")).available is True
    (table,) = vosi.parse_tables(page("tables")).tableset.schemas[0].tables
    answered = table_of(client.get(f"{address(one)}?RA=10&DEC=20&SR=1&VERB=3"))
    assert [column.name for column in table.columns] == answered.colnames
    assert table.columns[0].ucd == "ID_MAIN"


@pytest.mark.parametrize(("query", "words"), ERRORS)
def test_bad_input_is_a_table_with_an_error(client, one, query, words):
    answer = client.get(f"{address(one)}?{query}")
    assert answer.status_code == 200
    assert "votable" in answer.headers["Content-Type"]
    found = [info for info in parse(io.BytesIO(answer.content)).infos if info.name == "Error"]
    assert len(found) == 1
    assert words in found[0].value
    assert len(found[0].value) < 300


def test_names_are_written_in_any_case(client, one):
    assert len(table_of(client.get(f"{address(one)}?ra=10&Dec=20&sR=1&verb=1"))) == 1


def test_unknown_parameters_mean_nothing(client, one):
    assert len(table_of(client.get(f"{address(one)}?RA=10&DEC=20&SR=1&FOO=1&FOO=2"))) == 1


def test_without_a_radius_there_are_columns_alone(client, one):
    query = {"RA": 10, "DEC": 20}
    bare = table_of(client.get(address(one), query | {"SR": 0}))
    full = table_of(client.get(address(one), query | {"SR": 1}))
    assert len(bare) == 0
    assert len(full) == 1
    assert bare.colnames == full.colnames


def test_verbosity_chooses_the_columns(client, one):
    widths = [
        len(table_of(client.get(f"{address(one)}?RA=10&DEC=20&SR=1&VERB={verb}")).colnames)
        for verb in (1, 2, 3)
    ]
    assert widths[0] == 3
    assert widths[0] < widths[1] < widths[2]


def test_what_is_cut_says_so(client, settings, db):
    settings.CONE_MAX_ROWS = 5
    workflow = campaign(sky(6))
    whole = client.get(f"{address(workflow)}?RA=0&DEC=0&SR=180&VERB=1")
    assert len(table_of(whole)) == 5
    assert whole.headers["X-Row-Limit-Reached"] == "5"
    resource = parse(io.BytesIO(whole.content)).resources[0]
    assert "There are more" in resource.description
    statuses = [info.value for info in resource.infos if info.name == "QUERY_STATUS"]
    assert statuses == ["OK", "OVERFLOW"]
    assert b"<maxRecords>5</maxRecords>" in client.get(f"{address(workflow)}/capabilities").content
    settings.CONE_MAX_ROWS = 6
    whole = client.get(f"{address(workflow)}?RA=0&DEC=0&SR=180&VERB=1")
    assert len(table_of(whole)) == 6
    assert "X-Row-Limit-Reached" not in whole.headers


def test_wide_rows_are_fewer(client, monkeypatch, db):
    workflow = campaign(sky(6))
    place = f"{address(workflow)}?RA=0&DEC=0&SR=180"
    width = len(table_of(client.get(f"{place}&VERB=3&MAXREC=0")).colnames)
    monkeypatch.setattr(cone, "MOST_CELLS", 4 * width + 1)
    assert len(table_of(client.get(f"{place}&VERB=1"))) == 6
    cut = client.get(f"{place}&VERB=3")
    assert len(table_of(cut)) == 4
    assert cut.headers["X-Row-Limit-Reached"] == "4"


def test_fewer_rows_can_be_asked_for(client, db):
    workflow = campaign(sky(6))
    answer = client.get(f"{address(workflow)}?RA=0&DEC=0&SR=180&MAXREC=2")
    assert len(table_of(answer)) == 2
    assert answer.headers["X-Row-Limit-Reached"] == "2"


def test_the_default_limit_is_ten_thousand(settings):
    assert settings.CONE_MAX_ROWS == 10_000


def test_votes_of_galaxies_that_are_still_shown_are_hidden(client, alice, db):
    workflow = campaign([(10.0, 20.0), (10.0, 20.001)], rule={"format": 1, "votes": 2})
    shown, done = workflow.subject_sets.get().subjects.order_by("pk")
    for _ in range(2):
        make.classification(make.visitor(), workflow, done)
    make.classification(make.visitor(), workflow, shown)
    assert Consensus.objects.get(subject=done).retired_at
    place = f"{address(workflow)}?RA=10&DEC=20&SR=1&VERB=3"
    key = workflow.tree.tree.questions[0].key.replace("-", "_")

    hidden, known = table_of(client.get(place))
    assert (hidden["votes_shown"], known["votes_shown"]) == (0, 1)
    assert hidden["n_classifications"] == hidden[f"n_votes_{key}"] == 0
    assert hidden[f"lead_{key}"] == ""
    assert known[f"n_votes_{key}"] == 2
    assert known[f"lead_{key}"] != ""

    scientist = Program(alice)
    open_row, _ = table_of(scientist.get(place))
    assert open_row["votes_shown"] == 1
    assert open_row[f"n_votes_{key}"] == 1
    workflow.hides_votes = False
    workflow.save()
    assert table_of(client.get(place))[0]["votes_shown"] == 1
    workflow.hides_votes = True
    workflow.save()
    stranger = Program(make.user("bob"))
    assert table_of(stranger.get(place))[0]["votes_shown"] == 0


def test_a_draft_is_its_owners_alone(client, db):
    draft = campaign([(10.0, 20.0)], status=Status.DRAFT)
    place = f"{address(draft)}?RA=10&DEC=20&SR=1"
    assert client.get(place).status_code == 404
    owner = make.user("owner", Role.SCIENTIST)
    draft.owners.add(owner)
    assert len(table_of(Program(owner).get(place))) == 1
    assert Program(make.user("other", Role.SCIENTIST)).get(place).status_code == 404
    for page in ("capabilities", "tables"):
        assert client.get(f"{address(draft)}/{page}").status_code == 404
    assert b"false" in client.get(f"{address(draft)}/availability").content


def test_a_bad_token_is_refused(client, one):
    place = f"{address(one)}?RA=10&DEC=20&SR=1"
    answer = client.get(place, headers={"Authorization": "Bearer tf_x"})
    assert answer.status_code == 401
    assert b"not known" in answer.content


def test_every_answer_says_where_it_comes_from(client, one):
    for query in ("RA=10&DEC=20&SR=1", "RA=x"):
        whole = parse(io.BytesIO(client.get(f"{address(one)}?{query}").content))
        infos = {info.name: info.value for info in whole.resources[0].infos}
        for name in (
            "publisher", "server_software", "request", "request_date", "citation",
            "reference_url", "rights", "contact",
        ):  # fmt: skip
            assert infos[name], name
        assert query.split("&")[0] in infos["request"]


def test_the_schema_of_the_ivoa_finds_nothing_in_any_answer(client, one):
    place = resources.files("astropy.io.votable") / "data" / "VOTable.v1.4.xsd"
    schema = xmlschema.XMLSchema11(place.read_text())
    for query in ("RA=10&DEC=20&SR=1", "RA=10&DEC=20&SR=0", "RA=10&DEC=20&SR=1&VERB=3", "RA=x"):
        answer = client.get(f"{address(one)}?{query}").content.decode()
        assert list(schema.iter_errors(answer)) == [], query


def test_a_search_that_cannot_reach_the_database_is_not_available(client, one, monkeypatch):
    from django.db import OperationalError  # noqa: PLC0415

    from webapp.api import vosi as pages  # noqa: PLC0415

    def away(_slug):
        raise OperationalError("gone")

    monkeypatch.setattr(pages, "_public", away)
    answer = client.get(f"{address(one)}/availability")
    assert answer.status_code == 200
    assert b"<vosi:available>false" in answer.content
    assert b"maintenance" in answer.content


def test_names_of_galaxies_cannot_break_the_document(client, one):
    subject = one.subject_sets.get().subjects.get()
    subject.survey_id = "<b>&\"' ]]> \x01 é 銀河"
    subject.save()
    (row,) = table_of(client.get(f"{address(one)}?RA=10&DEC=20&SR=1"))
    assert row["survey_id"] == "<b>&\"' ]]> \ufffd é 銀河"


def test_it_validates_as_a_votable(client, one):
    content = client.get(f"{address(one)}?RA=10&DEC=20&SR=1&VERB=3").content
    for old, new in (
        (b"ID_MAIN", b"meta.id;meta.main"),  # which the protocol wants, and the validator does not
        (b"POS_EQ_RA_MAIN", b"pos.eq.ra;meta.main"),
        (b"POS_EQ_DEC_MAIN", b"pos.eq.dec;meta.main"),
    ):
        assert content.count(b'"' + old) == 1
        content = content.replace(old, new)
    parse(io.BytesIO(content), verify="exception")


def test_the_middle_of_a_retired_galaxy_is_inside(client, one):
    Consensus.objects.update(retired_at=timezone.now(), retired_reason="count")
    circle = Cone(10.0, 20.0, 0.001)
    assert circle.holds(np.array([10.0]), np.array([20.0])).all()
    assert len(table_of(client.get(f"{address(one)}?RA=10&DEC=20&SR=0.001"))) == 1
