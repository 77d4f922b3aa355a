"""What a page says of how its picture was looked at: kept as it is, or refused in a sentence."""

import json

import pytest
from django.test import Client

from tests import make
from tests.webapp.classifications.test_bad_input import assert_refused, fields, submit
from webapp.classifications.looking import NotAView, read_view
from webapp.classifications.models import Classification

EVERYTHING = {
    "zoom": 2.488,
    "rotation": 270,
    "invert": True,
    "brightness": 130,
    "contrast": 120,
    "stretch": "asinh",
    "band": "g",
    "seconds": {"color": 12.5, "g": 3},
}


@pytest.mark.parametrize("view", [EVERYTHING, {}, {"zoom": 1}, {"zoom": 16}], ids=str)
def test_a_view_is_read_as_it_is_written(view):
    assert read_view(json.dumps(view)) == view


def test_a_page_without_a_script_says_nothing():
    assert read_view("") is None


NOT_VIEWS = [
    "null", "[]", "1", "{", "nonsense", '"zoom"', "{" * 900, '{"zoom": NaN}', '{"zoom": Infinity}',
    '{"zoom": 0.9}', '{"zoom": 16.1}', '{"zoom": "2"}', '{"zoom": true}', '{"zoom": 1e999}',
    '{"rotation": 45}', '{"rotation": 0}', '{"rotation": true}', '{"invert": false}',
    '{"invert": 1}', '{"brightness": 19}', '{"brightness": 301}', '{"brightness": 100.5}',
    '{"contrast": null}', '{"stretch": "log"}', '{"stretch": ["sqrt"]}', '{"band": ""}',
    '{"band": "\\u0000"}', '{"band": "\\ud800"}', '{"band": "' + "g" * 41 + '"}', '{"seconds": []}',
    '{"seconds": {"g": -1}}', '{"seconds": {"g": NaN}}', '{"seconds": {"\\u0000": 1}}',
    '{"answer": 1}', '{"__proto__": {}}',
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_VIEWS, ids=lambda text: text[:30])
def test_what_no_viewer_says_is_refused(text):
    with pytest.raises(NotAView, match="Reload the page"):
        read_view(text)


@pytest.mark.django_db
class TestTheForm:
    @pytest.fixture
    def workflow(self):
        return make.workflow(n_subjects=3)

    def test_stores_it_with_the_answer(self, workflow):
        browser = Client()
        submit(browser, workflow, fields(browser, workflow, view=json.dumps(EVERYTHING)))
        assert Classification.objects.get().view == EVERYTHING

    def test_stores_none_where_the_page_says_nothing(self, workflow):
        browser = Client()
        submit(browser, workflow, fields(browser, workflow))
        assert Classification.objects.filter(view__isnull=True).count() == 1

    @pytest.mark.parametrize("text", ["x" * 1001, "\0", '{"zoom": 99}'])
    def test_refuses_what_is_none(self, workflow, text):
        browser = Client()
        answer = submit(browser, workflow, fields(browser, workflow, view=text))
        assert_refused(answer)
        assert "Reload the page" in answer.content.decode()
