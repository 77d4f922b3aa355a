"""The owner's pages about gold: enter, upload, preview, remove, and how often it is shown."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from inference.formats.tree import load_built_in
from tests import make
from webapp.accounts.models import Role
from webapp.classifications import gold
from webapp.classifications.models import Gold
from webapp.common.models import AuditEntry
from webapp.dashboard import queries
from webapp.subjects import uploads

pytestmark = pytest.mark.django_db
XSS = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def alice(client):
    user = make.user("alice", Role.SCIENTIST)
    client.force_login(user)
    return user


@pytest.fixture
def campaign(alice, settings, tmp_path):
    settings.UPLOADS_ROOT = tmp_path / "uploads"
    return make.owned(alice, n_subjects=3)


def galaxies(workflow):
    return list(workflow.subject_sets.get().subjects.order_by("pk"))


def address(name, workflow, *rest):
    return reverse(f"dashboard:{name}", args=[workflow.slug, *rest])


def manifest(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("gold.csv", text.encode())


# One galaxy


def test_a_galaxy_is_found_and_its_answers_are_entered(client, campaign):
    galaxy = galaxies(campaign)[0]
    found = client.post(address("gold", campaign), {"survey_id": galaxy.survey_id}, follow=True)
    place = address("gold_answers", campaign, galaxy.pk)
    assert found.redirect_chain == [(place, 302)]
    assert galaxy.display_url in found.content.decode()

    sent = {"answer-0": "0.7", "answer-1": "0.3", "words": "Faint arms."}
    saved = client.post(place, sent, follow=True)
    assert saved.redirect_chain == [(address("gold", campaign), 302)]
    html = saved.content.decode()
    assert "Spiral 70 %, Elliptical 30 %" in html
    assert "Faint arms." in html
    assert "at first: 50 % of the galaxies shown" in html

    again = client.get(place).content.decode()
    assert re.search(r'name="answer-0" value="0.7"', again)
    assert not re.search(r'name="answer-2" value', again)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({}, "The first question, “shape”, has no shares"),
        ({"answer-0": "0.5"}, "sum to 0.5"),
        ({"answer-0": "much"}, "&#x27;much&#x27; is no share of experts for shape.spiral"),
        ({"answer-0": "nan"}, "nan is no share"),
        ({"answer-0": "1", "words": "a" * 501}, "at most 500 characters"),
        ({"answer-0": "1" * 30}, "at most 20 characters"),
    ],
)
def test_answers_that_are_none_keep_the_form_and_store_nothing(client, campaign, sent, words):
    place = address("gold_answers", campaign, galaxies(campaign)[0].pk)
    answer = client.post(place, sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Gold.objects.exists()


def test_a_survey_id_of_nothing_is_said_beside_the_field(client, campaign):
    answer = client.post(address("gold", campaign), {"survey_id": "M 51"})
    assert answer.status_code == 422
    assert "The campaign has no galaxy &#x27;M 51&#x27;" in answer.content.decode()


def test_a_galaxy_of_another_campaign_is_no_page(client, campaign):
    (stranger,) = make.subjects(1)
    for name in ("gold_answers", "remove_gold"):
        assert client.get(address(name, campaign, stranger.pk)).status_code == 404


def test_removing_asks_first(client, campaign, alice):
    galaxy = galaxies(campaign)[0]
    gold.put_gold(workflow=campaign, subject=galaxy, by=alice, path=[0])
    place = address("remove_gold", campaign, galaxy.pk)
    assert f"Remove the gold of {galaxy.survey_id}?" in client.get(place).content.decode()
    assert Gold.objects.exists()
    page = client.post(place, follow=True)
    assert f"{galaxy.survey_id} is gold no more." in page.content.decode()
    assert not Gold.objects.exists()


# The list


def test_the_list_says_how_volunteers_agree_and_goes_on_by_key(
    client, campaign, alice, monkeypatch
):
    monkeypatch.setattr(queries, "PER_PAGE", 2)
    for galaxy in galaxies(campaign):
        gold.put_gold(workflow=campaign, subject=galaxy, by=alice, path=[0])
    for path in ([0], [0], [1]):
        make.classification(make.visitor(), campaign, galaxies(campaign)[0], path)

    html = client.get(address("gold", campaign)).content.decode()
    assert "2 of 3" in html
    assert "nobody yet" in html
    assert "Experts have answered 3 galaxies." in html
    assert galaxies(campaign)[2].survey_id not in html
    (more,) = re.findall(r'rel="next" href="(\?after=\d+)"', html)
    rest = client.get(address("gold", campaign) + more).content.decode()
    assert galaxies(campaign)[2].survey_id in rest


def test_experts_words_cannot_run(client, campaign, alice):
    galaxy = galaxies(campaign)[0]
    gold.put_gold(workflow=campaign, subject=galaxy, by=alice, path=[0], words=XSS)
    for place in (address("gold", campaign), address("gold_answers", campaign, galaxy.pk)):
        assert "<script>alert" not in client.get(place).content.decode()


def test_a_whole_tree_fits_the_form(client, alice):
    workflow = make.owned(alice, tree=load_built_in("galaxy-zoo-2"), n_subjects=1)
    html = client.get(address("gold_answers", workflow, galaxies(workflow)[0].pk)).content.decode()
    assert html.count('name="answer-') == 37
    assert html.count("<legend>") == 11


# A manifest


def test_a_manifest_is_checked_shown_and_only_then_stored(client, campaign):
    name = galaxies(campaign)[0].survey_id
    file = manifest(f"survey_id,answers,words\n{name},shape.spiral,Arms\n")
    shown = client.post(address("gold_file", campaign), {"file": file})

    assert shown.status_code == 200
    html = shown.content.decode()
    assert "1 row is good. Nothing is stored yet." in html
    assert "Arms" in html
    assert not Gold.objects.exists()
    upload = re.search(r'name="upload" value="([^"]+)"', html)
    assert upload

    done = client.post(address("store_gold_file", campaign), {"upload": upload[1]}, follow=True)
    assert "1 galaxy is gold now." in done.content.decode()
    assert Gold.objects.get().words == "Arms"
    assert uploads.kept(upload[1], "csv") is None

    again = client.post(address("store_gold_file", campaign), {"upload": upload[1]}, follow=True)
    assert "no longer here: upload it again" in again.content.decode()


def test_every_bad_row_is_listed_and_the_file_is_gone(client, campaign, settings):
    name = galaxies(campaign)[0].survey_id
    file = manifest(f"survey_id,answers\n{name},shape.spiral\nM 51,shape.spiral\n{name},{XSS}\n")
    answer = client.post(address("gold_file", campaign), {"file": file})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "2 rows are bad and 1 are good" in html
    assert "has no galaxy &#x27;M 51&#x27;" in html
    assert "<script>alert" not in html
    assert "Store them" not in html
    assert not Gold.objects.exists()
    assert list(settings.UPLOADS_ROOT.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The manifest is empty"),
        (b"survey_id,colour\n", "The column &#x27;colour&#x27; is neither"),
        (b"\xff\xff\xff", "save it as CSV in UTF-8"),
    ],
)
def test_a_file_that_is_none_is_refused(client, campaign, settings, content, words):
    file = SimpleUploadedFile("gold.csv", content)
    answer = client.post(address("gold_file", campaign), {"file": file})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert list(settings.UPLOADS_ROOT.iterdir()) == []


@pytest.mark.parametrize("upload", ["", "../../etc/passwd", "f" * 32, "A" * 32, "x\0"])
def test_only_an_upload_of_ours_is_stored(client, campaign, upload):
    page = client.post(address("store_gold_file", campaign), {"upload": upload}, follow=True)
    assert "no longer here" in page.content.decode()
    assert not Gold.objects.exists()


def test_what_has_changed_since_the_check_is_refused_when_storing(client, campaign):
    name = galaxies(campaign)[0].survey_id
    file = manifest(f"survey_id,answers\n{name},shape.spiral\n")
    html = client.post(address("gold_file", campaign), {"file": file}).content.decode()
    upload = re.search(r'name="upload" value="([^"]+)"', html)
    assert upload
    galaxies(campaign)[0].__class__.objects.filter(survey_id=name).update(survey_id="renamed")
    page = client.post(address("store_gold_file", campaign), {"upload": upload[1]}, follow=True)
    assert "Row 2: The campaign has no galaxy" in page.content.decode()
    assert not Gold.objects.exists()


# The rate


def test_the_rate_is_changed_step_by_step_and_logged(client, campaign):
    place = address("gold_rate", campaign)
    sent = {"start-0": "0", "share-0": "0.5", "start-1": "20", "share-1": "0.05"}
    page = client.post(place, sent, follow=True)
    assert page.redirect_chain == [(place, 302)]
    campaign.refresh_from_db()
    assert campaign.gold_rate == [[0, 0.5], [20, 0.05]]
    assert AuditEntry.objects.get().action == "change_gold_rate"
    html = page.content.decode()
    assert 'name="start-1" value="20"' in html
    assert 'name="share-3"' in html  # two empty rows more

    client.post(place, {})
    campaign.refresh_from_db()
    assert campaign.gold_rate == []


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"start-0": "5", "share-0": "0.5"}, "Let it begin at 0."),
        ({"start-0": "0", "share-0": "2"}, "2.0 is no share. Write 0 to 1"),
        ({"start-0": "0", "share-0": ""}, "is no share"),
        ({"start-0": "few", "share-0": "1"}, "&#x27;few&#x27; is no number of answers"),
        ({"start-0": "0", "share-0": "nan"}, "nan is no share"),
    ],
)
def test_a_rate_that_is_none_is_refused_with_its_value(client, campaign, sent, words):
    answer = client.post(address("gold_rate", campaign), sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not AuditEntry.objects.exists()
