"""RS-2, RS-4: one answer a hundred times at once, and fifty last answers at once, over HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.faults import place
from tests.faults.crowd import Stubborn
from tests.faults.test_database import Page, open_page, stored

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def all_at_once(pages: list[Page]) -> list[int]:
    """Post every page at the same moment; return what number each was told."""
    start = Barrier(len(pages))

    def post(page: Page) -> int:
        start.wait(place.LONG_S)
        return page.insist()

    with ThreadPoolExecutor(len(pages)) as pool:
        return list(pool.map(post, pages))


def copy(page: Page) -> Page:
    """The same page in the same browser, over a connection of its own."""
    client = Stubborn(
        page.client.connection.port, page.client.slug, page.client.ledger, give_up_s=place.LONG_S
    )
    client.cookies.load(page.client.cookies.output(header="", sep=";"))
    return Page(client, page.form, page.token)


def test_a_hundred_replays_at_once_are_one_classification(hurt):
    page = open_page(hurt.place)
    numbers = all_at_once([copy(page) for _ in range(100)])

    assert len(numbers) == 100
    assert set(numbers) == set(stored(hurt.place, page.uuid))
    assert len(set(numbers)) == 1
    assert page.client.ledger.statuses.keys() <= {200, 302}
    hurt.place.assert_recount_agrees()


def test_fifty_last_answers_at_once_pass_the_limit_by_none_and_retire_once(hurt):
    pages = [open_page(hurt.place, "last") for _ in range(50)]
    numbers = all_at_once(pages)

    assert len(set(numbers)) == 50
    states = hurt.place.sql(
        "SELECT state, count(*) FROM classifications_standing"
        " WHERE classification_id = ANY(%s) GROUP BY 1",
        [numbers],
    )
    assert dict(states) == {"counted": 3, "late": 47}
    ((n_counted, by),) = hurt.place.sql(
        "SELECT n_classifications, retired_by::text FROM consensus_consensus"
        " JOIN workflows_workflow workflow ON workflow.id = workflow_id WHERE slug = 'last'"
    )
    assert n_counted == 3
    assert by in {page.uuid for page in pages}
    hurt.place.assert_recount_agrees()


def test_bodies_of_ten_megabytes_do_not_grow_the_web_processes(hurt):
    page = open_page(hurt.place)
    page.form["path"] = "0-" * 5_000_000
    send_often(page, 6)  # each process has loaded then what such a request needs
    before = _memory_mb(hurt.web_pids())
    send_often(page, 12)
    assert _memory_mb(hurt.web_pids()) < before + 60, json.dumps(before)
    assert stored(hurt.place, page.uuid) == []


def send_often(page, times: int) -> None:
    for _ in range(times):
        try:
            status, content, _ = page.post()
        except OSError:  # the site hangs up rather than read it all
            page.client.connection.close()
            continue
        assert status in (400, 413)
        assert b"Traceback" not in content


def _memory_mb(pids: set[int]) -> float:
    from pathlib import Path  # noqa: PLC0415

    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * 4096 / 1e6
