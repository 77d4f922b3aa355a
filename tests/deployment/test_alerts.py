"""Alert rules and the dashboard ask for figures that there are, and each rule sees its fault."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import promql_parser
import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from ruamel.yaml import YAML

from tests import make
from tests.deployment.composed import ROOT
from tests.deployment.promql import Scrape, Scrapes, selectors
from webapp.backups.models import Drill
from webapp.classifications import queries, tasks
from webapp.common.models import Mail, Process
from webapp.consensus.models import Consensus
from webapp.dashboard import storage
from webapp.subjects.models import IngestBatch
from webapp.workflows.models import Workflow

pytestmark = pytest.mark.django_db
ALERTS = ROOT / "deploy" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "site.json"
RULES = {
    rule["alert"]: rule
    for group in YAML(typ="safe").load(ALERTS.read_text())["groups"]
    for rule in group["rules"]
}
TARGETS = [
    target for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]
]
NAMED = re.compile(r"\$labels\.(\w+)")
LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@pytest.fixture
def site(client, monkeypatch, tmp_path) -> SimpleNamespace:
    """A site that is well: work is done, everybody lives, the disk is half empty."""
    client.raise_request_exception = False
    place = SimpleNamespace(client=client, patch=monkeypatch, folder=tmp_path)
    set_free(place, 100e9)
    place.workflow = make.workflow(n_subjects=1)
    for kind in Process.Kind:
        now = timezone.now()
        Process.objects.create(name=f"{kind}@here", kind=kind, started_at=now, seen_at=now)
    Drill.objects.create(backup="", made_at=timezone.now(), is_good=True, words="", seconds=1)
    tasks.start_recounts()
    tasks.run_recounts()
    client.get("/")
    return place


def scrape(place) -> Scrape:
    answer = place.client.get("/metrics")
    text = answer.content.decode() if answer.status_code == 200 else ""
    return Scrape.read(text, is_up=answer.status_code == 200)


def set_free(place, free: float) -> None:
    place.patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1e12, free=free))


def stop_database(place) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("server closed the connection")

    place.patch.setattr(connection, "cursor", away)


def break_pages(place) -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    place.patch.setattr(queries, "campaigns", broken)
    for _ in range(3):
        assert place.client.get("/").status_code == 500


def slow_pages(place) -> None:
    there = queries.campaigns

    def slow() -> list[Workflow]:
        time.sleep(0.35)
        return there()

    place.patch.setattr(queries, "campaigns", slow)
    for _ in range(3):
        assert place.client.get("/").status_code == 200


def leave_work(place, **fields: Any) -> None:
    batch = make.batch(make.picture_folder(place.folder, 1))
    IngestBatch.objects.filter(pk=batch.pk).update(**fields)


def spoil_a_tally(_place) -> None:
    Consensus.objects.update(n_classifications=7)
    tasks.start_recounts()
    tasks.run_recounts()


def hide_the_limits(_place) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cache RENAME TO cache_elsewhere")


LONG_AGO = timedelta(days=3)
FAULTS: dict[str, Callable[[SimpleNamespace], Any]] = {
    "SiteDown": stop_database,
    "RequestsFail": break_pages,
    "RequestsSlow": slow_pages,
    "WorkWaits": lambda place: leave_work(place, created_at=timezone.now() - LONG_AGO),
    "WorkFailed": lambda place: leave_work(place, status="failed"),
    "NoWorker": lambda _: Process.objects.filter(kind="worker").delete(),
    "DiskFull": lambda place: set_free(place, 4e9),
    "FoldersReadOnly": lambda place: place.patch.setattr(
        storage, "unwritable", lambda: (place.folder,)
    ),
    "OldTransaction": lambda place: place.patch.setattr(
        storage, "oldest_transaction_s", lambda: 1200.0
    ),
    "CountersDiffer": spoil_a_tally,
    "RecountLate": lambda place: place.workflow.recounts.update(
        finished_at=timezone.now() - LONG_AGO
    ),
    "MailWaits": lambda _: Mail.objects.create(message={}),
    "LimitsNotShared": hide_the_limits,
    "NoBackup": lambda _: Drill.objects.update(made_at=timezone.now() - LONG_AGO),
}


def test_every_rule_has_its_fault_and_says_what_to_do():
    assert set(FAULTS) == set(RULES)
    assert all(len(rule["annotations"]["summary"]) > 20 for rule in RULES.values())


@pytest.mark.parametrize("name", FAULTS)
def test_a_rule_is_still_until_its_fault_is_there(site, name):
    if name == "RequestsFail":
        break_pages(site)  # a series must be there before it can grow
    expression, before = RULES[name]["expr"], scrape(site)
    assert Scrapes(before, scrape(site)).value(expression) == {}

    FAULTS[name](site)
    after = scrape(site)
    firing = Scrapes(before, after).value(expression)
    assert firing

    for label in NAMED.findall(RULES[name]["annotations"]["summary"]):
        assert all(label in dict(labels) for labels in firing), label
    others = {
        other
        for other, rule in RULES.items()
        if other != name and Scrapes(before, after).value(rule["expr"])
    }
    assert others <= ({"RequestsFail"} if name == "SiteDown" else set())


@pytest.mark.parametrize("expression", [rule["expr"] for rule in RULES.values()]
                         + [target["expr"] for target in TARGETS])  # fmt: skip
def test_an_expression_asks_for_figures_and_labels_that_there_are(site, expression):
    there = scrape(site).names
    found = list(selectors(promql_parser.parse(expression)))
    assert found
    for selector in found:
        assert selector.name in there
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= there[selector.name], selector.name


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["expr"][:40])
def test_a_curve_is_named_by_labels_that_it_has(site, target):
    before = scrape(site)
    site.client.get("/")
    value = Scrapes(before, scrape(site)).value(target["expr"])
    for label in LEGEND.findall(target["legendFormat"]):
        assert all(label in dict(labels) for labels in value)


def test_the_rules_are_what_prometheus_takes():
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not here: on Debian, apt install prometheus.")
    command = [tool, "check", "rules", str(ALERTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
