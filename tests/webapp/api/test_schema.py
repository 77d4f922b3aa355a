"""Requests made from the API's own document: no failure of the program, nothing undocumented.

SCHEMA_EXAMPLES=2000 asks each address that often; by default it is a small sample.
"""

import os
from collections import Counter
from urllib.parse import urlencode

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests import make
from tests.webapp.api.programs import Program
from webapp.api import schema as documents

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "25"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def asked(workflow, program: Program, settings):
    """The document, read from the site itself, and the token to ask with."""
    settings.API_REQUESTS_PER_MINUTE = 10**6
    make.promoted(workflow)
    for subject in workflow.subject_sets.get().subjects.all():
        make.classification(make.visitor(), workflow, subject)
    # The end of a request closes connections, which the test's transaction would not survive.
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    loaded = schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())
    loaded.config.generation.update(with_security_parameters=False)
    yield loaded
    for signal in signals:
        signal.connect(close_old_connections)


QUICK = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_no_request_breaks_the_program(asked, program, workflow):
    headers = {"Authorization": f"Bearer {program.key}", "Accept-Encoding": "identity"}
    codes: Counter[int] = Counter()
    for found in asked.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(), is_ours=st.sampled_from([True, True, False]))
        @QUICK
        def ask(case, is_ours):
            if is_ours and "slug" in case.path_parameters:
                case.path_parameters["slug"] = workflow.slug  # what is drawn is hardly a campaign
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS)
            assert b"Traceback" not in response.content
            codes[response.status_code] += 1

        ask()
    assert codes[200] > EXAMPLES
    assert codes[400] > EXAMPLES


@given(
    address=st.sampled_from(["consensus/", "subjects/", "predictions/", "classifications/"]),
    pairs=st.lists(
        st.tuples(
            st.one_of(
                st.sampled_from(
                    ["cone", "columns", "cursor", "limit", "ra_deg", "survey", "model"]
                ),
                st.sampled_from(["ra", "source_id", "retired_at", "quality", "subject", "sort"]),
                st.text(max_size=10),
            ),
            st.one_of(
                st.sampled_from(["", "0..1", "..", "..5", "nan..", "1e400..", "a|b", "1,2,3"]),
                st.text(max_size=20),
            ),
        ),
        max_size=4,
    ),
)
@settings(parent=QUICK, max_examples=4 * EXAMPLES)
def test_no_filter_breaks_the_program(asked, program, workflow, address, pairs):
    answer = program.get(f"/api/workflows/{workflow.slug}/{address}?{urlencode(pairs)}")
    assert answer.status_code in (200, 400), answer.content
    assert b"Traceback" not in answer.content
    if answer.status_code == 400:
        assert answer.json()["detail"].strip()


def test_the_document_names_every_address(client):
    from webapp.api.urls import urlpatterns  # noqa: PLC0415

    named = {path.replace("{slug}", "<slug:slug>") for path in documents.document()["paths"]}
    known = {
        f"/{one.pattern}".replace("<int:subject_id>", "{subject_id}").replace(
            "<int:export_id>", "{export_id}"
        )
        for one in urlpatterns
        if str(one.pattern).startswith("api/") and hasattr(one.callback, "cls")
    }
    assert named == known - {"/api/"}
    assert client.get("/api/openapi.json").json() == documents.document()


def test_every_operation_says_how_it_refuses():
    for operations in documents.document()["paths"].values():
        for operation in operations.values():
            assert {"400", "401", "403", "404", "405", "429"} <= operation["responses"].keys()
            assert operation["description"]
