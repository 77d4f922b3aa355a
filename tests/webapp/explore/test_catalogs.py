"""The catalog's pages: what they show, to whom, and what they say of an address that is none."""

import html
import re

import pytest
from django.urls import NoReverseMatch, reverse

from tests import make
from webapp.accounts.models import Role
from webapp.consensus.models import Consensus
from webapp.explore import editions, shelf
from webapp.explore.models import Edition, SavedView
from webapp.subjects.models import Subject
from webapp.workflows.models import Status, Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered():
    shelf.forget()
    yield
    shelf.forget()


@pytest.fixture
def campaign():
    """Twelve galaxies along a meridian and one without a position; four have retired."""
    workflow = make.workflow(n_subjects=13, rule={"format": 1, "votes": 2, "artifact": None})
    galaxies = list(Subject.objects.filter(consensus__workflow=workflow).order_by("pk"))
    for number, galaxy in enumerate(galaxies[:12]):
        galaxy.ra_deg, galaxy.dec_deg, galaxy.healpix = 30.0 * number, 5.0, 1
        galaxy.save()
    for number, galaxy in enumerate(galaxies[:4]):
        for _ in range(2):
            make.classification(make.visitor(), workflow, galaxy, [number % 2])
    make.classification(make.visitor(), workflow, galaxies[5], [1])
    return workflow


@pytest.fixture
def edition(campaign):
    editions.refresh_editions(deadline_s=float("inf"))
    return Edition.objects.get(workflow=campaign)


@pytest.fixture
def scientist(client):
    alice = make.user(role=Role.SCIENTIST)
    client.force_login(alice)
    return alice


@pytest.fixture
def seen_by_a_scientist(scientist, campaign, edition):
    return campaign


def address(workflow, query=""):
    return reverse("explore:catalog", args=[workflow.slug]) + (f"?{query}" if query else "")


def read(client, workflow, query="", status=200):
    answer = client.get(address(workflow, query))
    assert answer.status_code == status, answer.content.decode()
    return answer.content.decode()


def galaxies_of(page):
    """Return the ids of the galaxies that a page leads to, in its order."""
    return list(dict.fromkeys(int(pk) for pk in re.findall(r"/g/(\d+)/", page)))


def ids_of(workflow):
    rows = Consensus.objects.filter(workflow=workflow).order_by("subject_id")
    return list(rows.values_list("subject_id", flat=True))


def test_before_there_is_a_catalog_the_page_says_what_comes(client, campaign):
    assert "The catalog is being made" in read(client, campaign)
    assert "within a minute" in client.get(reverse("explore:catalogs")).content.decode()


def test_a_draft_says_that_its_catalog_begins_with_the_launch(client, scientist):
    draft = make.owned(scientist, n_subjects=1, status=Status.DRAFT)
    page = read(client, draft)
    assert "The catalog begins with the launch" in page
    assert "within a minute of the launch" not in page
    assert f'href="{reverse("dashboard:campaign", args=[draft.slug])}"' in page


def test_a_scientist_sees_every_galaxy_and_of_when(client, scientist, campaign, edition):
    page = read(client, campaign)
    assert galaxies_of(page) == ids_of(campaign)
    assert "13 galaxies" in page
    assert "As of" in page
    assert campaign.name in client.get(reverse("explore:catalogs")).content.decode()


def test_others_see_those_that_have_retired_and_are_told(client, campaign, edition):
    page = read(client, campaign)
    assert galaxies_of(page) == ids_of(campaign)[:4]
    assert "4 galaxies" in page
    assert "It lists galaxies that have retired" in page
    assert galaxies_of(read(client, campaign, "n_classifications=1")) == []
    Workflow.objects.filter(pk=campaign.pk).update(hides_votes=False)
    assert len(galaxies_of(read(client, campaign))) == 13


def test_a_withdrawn_galaxy_is_not_open_to_all(client, campaign):
    first = ids_of(campaign)[0]
    Consensus.objects.filter(workflow=campaign, subject=first).update(retired_reason="withdrawn")
    editions.refresh_editions(deadline_s=float("inf"))
    assert first not in galaxies_of(read(client, campaign))


@pytest.mark.parametrize("view", ["pictures", "table"])
def test_filters_of_the_address_are_met(client, scientist, campaign, edition, view):
    ids = ids_of(campaign)
    lead = campaign.tree.tree.questions[0].answers[1].key
    for query, expected in (
        ("n_classifications=2", ids[:4]),
        ("n_classifications=1..", [*ids[:4], ids[5]]),
        ("retired_reason=count", ids[:4]),
        ('retired_reason=""', ids[4:]),
        (f"lead_{question(campaign)}={lead}", [ids[1], ids[3], ids[5]]),
        ("cone=0,5,1", ids[:1]),
        ("cone=0,5,31", [ids[0], ids[1], ids[11]]),
        ("ra=..", ids[:12]),
        ("cone=0,5,31&n_classifications=1..", ids[:2]),
    ):
        assert galaxies_of(read(client, campaign, f"{query}&view={view}")) == expected, query


def question(workflow):
    return workflow.tree.tree.questions[0].key.replace("-", "_")


def test_pages_follow_each_other_and_no_galaxy_is_lost(
    client, scientist, campaign, edition, monkeypatch
):
    monkeypatch.setattr("webapp.explore.catalogs.N_PICTURES", 5)
    for sort in (
        "source_id",
        "-source_id",
        "-n_classifications",
        "ra",
        "-ra",
        "retired_at",
        "survey_id",
    ):
        seen, query = [], f"sort={sort}"
        while query:
            page = read(client, campaign, query)
            seen += galaxies_of(page)
            following = re.search(r'rel="next" href="\?([^"]+)"', page)
            query = following.group(1).replace("&amp;", "&") if following else ""
        assert sorted(seen) == ids_of(campaign), sort
        assert len(seen) == 13
    names = Subject.objects.in_bulk(seen)
    assert [names[pk].survey_id for pk in seen] == sorted(one.survey_id for one in names.values())


def test_a_place_holds_when_galaxies_come_and_go(client, scientist, campaign, edition, monkeypatch):
    monkeypatch.setattr("webapp.explore.catalogs.N_PICTURES", 4)
    ids = ids_of(campaign)
    page = read(client, campaign, "sort=-n_classifications")
    assert galaxies_of(page) == ids[:4]
    make.classification(make.visitor(), campaign, Subject.objects.get(pk=ids[5]), [1])
    Edition.objects.update(took_s=0, finished_at="2020-01-01T00:00:00Z")
    editions.refresh_editions(deadline_s=float("inf"))
    assert (
        galaxies_of(read(client, campaign, f"sort=-n_classifications&after={ids[3]}"))[0] == ids[5]
    )


def test_people_and_model_that_disagree_most_come_first(client, scientist):
    workflow = make.workflow(n_subjects=3, status=Status.LIVE)
    ids = ids_of(workflow)
    n = workflow.tree.n_answers
    for subject_id in ids[1:]:
        galaxy = Subject.objects.get(pk=subject_id)
        for _ in range(2):
            make.classification(make.visitor(), workflow, galaxy, [0])
    model = make.model(workflow=workflow)
    for subject_id, first in zip(ids[1:], (9.0, 0.1), strict=True):
        prior = [first, *[0.9] * (n - 1)]
        Consensus.objects.filter(subject=subject_id).update(prior=prior, prior_model=model)
    editions.refresh_editions(deadline_s=float("inf"))
    assert galaxies_of(read(client, workflow, "sort=-disagreement")) == [ids[2], ids[1], ids[0]]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("frac_gone=0.2..", "frac_gone"),
        ("ra=east", "east"),
        ("cone=1,2", "cone=180.5,-1.2,0.1"),
        ("sort=-gone", "gone"),
        ("after=x", "no place"),
        ("after=999999999&sort=-ra", "begin from the start"),
        ("view=sideways", "sideways"),
        ("chart=survey", "no column of numbers"),
        ("columns=ra,gone", "gone"),
    ],
)
def test_what_is_none_is_refused_on_the_page_and_leads_on(client, seen_by_a_scientist, query, said):
    page = read(client, seen_by_a_scientist, query, status=422)
    assert 'role="alert"' in page
    assert said in page
    assert "Go on without it" in page
    assert galaxies_of(page) == []


def test_a_view_whose_column_is_gone_says_which_and_keeps_the_rest(
    client, scientist, campaign, edition
):
    client.post(
        reverse("explore:save_view", args=[campaign.slug]),
        {"name": "bars", "query": "frac_gone=0.2..&ra=0..90"},
    )
    assert "bars" in read(client, campaign)
    view = SavedView.objects.get()
    page = read(client, campaign, view.query, status=422)
    assert "frac_gone" in page
    assert "ra is 0 to 90 deg" in page
    assert 'href="?ra=0..90"' in page


def test_views_are_ones_own(client, scientist, campaign, edition):
    address = reverse("explore:save_view", args=[campaign.slug])
    client.post(address, {"name": " two  words ", "query": "ra=..1"})
    client.post(address, {"name": "two words", "query": "ra=..2"})
    (view,) = SavedView.objects.all()
    assert (view.name, view.query) == ("two words", "ra=..2")
    remove = reverse("explore:remove_view", args=[campaign.slug, view.pk])
    client.force_login(make.user("bob"))
    assert client.post(remove).status_code == 404
    client.force_login(scientist)
    assert client.post(remove).status_code == 302
    assert not SavedView.objects.exists()


def test_a_view_that_cannot_be_kept_is_refused_with_what_was_typed(
    client, scientist, campaign, edition
):
    views = reverse("explore:save_view", args=[campaign.slug])
    for name, said in (("", "is no name for a view"), ('"x"' * 30, "write 1 to 60 characters")):
        answer = client.post(views, {"name": name, "query": "ra=0..90&sort=-ra"})
        page = html.unescape(answer.content.decode())
        assert answer.status_code == 422
        assert re.search(rf'id="name-error" role="alert"><li>[^<]*{said}', page)
        assert f'name="name" maxlength="60" required autocomplete="off" value="{name}"' in page
        assert 'name="query" value="ra=0..90&sort=-ra"' in page  # to be sent again
        assert galaxies_of(page) == ids_of(campaign)[3::-1]  # the filters are still there
    assert not SavedView.objects.exists()
    # The refused page's links are of its own address; they lead to the catalog's.
    assert client.get(f"{views}?ra=0..90").url == address(campaign, "ra=0..90")


@pytest.mark.parametrize(
    ("sent", "query"),
    [
        ({"column": "ra", "from": "1", "to": "2"}, "ra=1..2"),
        ({"column": "ra", "from": "1", "to": ""}, "ra=1.."),
        ({"column": "ra", "from": "", "to": ""}, "ra=.."),
        ({"column": "n_classifications", "from": "3", "to": "3"}, "n_classifications=3"),
        ({"column": "survey", "from": "", "to": "", "text": "a|b"}, "survey=a%7Cb"),
        ({"column": "survey", "from": "", "to": "", "text": ""}, "survey=!%22%22"),
        ({"cone_ra": "10", "cone_dec": "-5", "cone_radius": "0.5"}, "cone=10,-5,0.5"),
        ({"ra": "5..6", "sort": "-dec", "column": "ra", "from": "1", "to": ""}, "sort=-dec&ra=1.."),
        ({"ra": "5..6", "after": "7", "column": ""}, "ra=5..6"),
    ],
)
def test_the_form_leads_to_the_address_of_its_filter(client, campaign, edition, sent, query):
    answer = client.get(reverse("explore:add_filter", args=[campaign.slug]), sent)
    assert answer.url == address(campaign, query)


def test_the_table_shows_the_columns_asked_for(client, scientist, campaign, edition):
    page = read(client, campaign, "view=table&columns=iau_name,retired_at,ra&sort=-ra")
    assert page.count('<th scope="col"') == 4
    assert 'aria-sort="descending"' in page
    assert "J220000.00+050000.0" in page


def test_a_histogram_accounts_for_every_galaxy(client, scientist, campaign, edition):
    page = read(client, campaign, "view=histogram&chart=ra&n_classifications=..1")
    assert "Galaxies by ra" in page
    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd>(\d+)</dd>", page))
    assert figures == {"In the plot": "8", "Below": "0", "Above": "0", "Not known": "1", "All": "9"}


def test_a_cell_of_the_map_leads_to_its_cone(client, scientist, campaign, edition):
    page = read(client, campaign, "view=map")
    assert page.count('class="sky-cell"') == 12
    assert "1 galaxy has no position" in page
    link = re.search(r'<a href="\?([^"]*cone=[^"]+)" aria-label="RA 0', page).group(1)
    link = link.replace("&amp;", "&").replace("view=map", "")
    assert galaxies_of(read(client, campaign, link)) == ids_of(campaign)[:1]


def test_a_query_that_takes_too_long_is_told_so(client, scientist, campaign, edition, monkeypatch):
    from django.db import connection  # noqa: PLC0415

    def slow(*_arguments, **_options):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr("webapp.explore.matching.matching", slow)
    monkeypatch.setattr("django.conf.settings.CATALOG_TIMEOUT_S", 0.05)
    assert "did not answer in time" in read(client, campaign, status=503)


def test_an_edition_replaced_under_a_page_is_read_anew(client, scientist, campaign, edition):
    stale = shelf.catalog_of(campaign.pk)
    Edition.objects.update(fingerprint="", took_s=0, finished_at="2020-01-01T00:00:00Z")
    editions.refresh_editions(deadline_s=float("inf"))
    with pytest.raises(shelf.Replaced):
        stale["ra"]
    assert len(galaxies_of(read(client, campaign))) == 13


def test_what_the_survey_says_of_open_galaxies_is_for_scientists(client, campaign):
    for galaxy in Subject.objects.filter(consensus__workflow=campaign):
        Subject.objects.filter(pk=galaxy.pk).update(metadata={"!z": "0.5"})
    editions.refresh_editions(deadline_s=float("inf"))
    assert len(galaxies_of(read(client, campaign, "meta_z=0.4.."))) == 4  # retired
    Workflow.objects.filter(pk=campaign.pk).update(hides_votes=False)
    assert "meta_z" not in read(client, campaign)
    assert "meta_z" in read(client, campaign, "meta_z=0.4..", status=422)
    client.force_login(make.user(role=Role.SCIENTIST))
    assert len(galaxies_of(read(client, campaign, "meta_z=0.4..&view=table"))) == 13


def test_the_rows_can_be_asked_for_as_a_file(client, scientist, campaign, edition):
    try:
        request = reverse("exports:request", args=[campaign.slug])
    except NoReverseMatch:
        pytest.skip("There are no exports yet.")
    page = read(client, campaign, "ra=0..90&sort=-ra&view=table")
    assert f'action="{request}"' in page
    assert 'name="query" value="ra=0..90"' in page
    client.logout()
    assert request not in read(client, campaign, "ra=0..90")


def test_drafts_of_others_have_no_catalog(client, scientist):
    draft = make.workflow(n_subjects=1, status=Status.DRAFT)
    for name in ("catalog", "add_filter"):
        assert client.get(reverse(f"explore:{name}", args=[draft.slug])).status_code == 404


def test_the_list_of_campaigns_is_empty_without_any(client):
    assert "No catalog yet" in client.get(reverse("explore:catalogs")).content.decode()
