"""Figures for Prometheus: requests by this site's processes, and what the database says now.

Requests are counted in files that the processes of one machine share (PROMETHEUS_MULTIPROC_DIR);
all else is read when it is asked for, so any one process answers for the whole site.
"""

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from webapp.backups.queries import last_good_drill
from webapp.classifications import recounting
from webapp.common.limits import counters
from webapp.common.models import Mail, Process
from webapp.dashboard import longwork, rates, storage
from webapp.workflows.models import Workflow

if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    Path(folder).mkdir(parents=True, exist_ok=True)  # before the first figure is made

Handler = Callable[[HttpRequest], HttpResponse]
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUESTS = Histogram(
    "site_request_seconds",
    "Time from a request to its response, by page and kind of answer.",
    ["page", "status"],
    buckets=SECONDS,
)


def measure_requests(get_response: Handler) -> Handler:
    """Note how long each response took, under the name of its page, never its address."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started_s = time.perf_counter()
        response = get_response(request)
        match = request.resolver_match
        page = match.view_name if match else "none"
        status = f"{response.status_code // 100}xx"
        REQUESTS.labels(page, status).observe(time.perf_counter() - started_s)
        return response

    return middleware


def exposition() -> tuple[bytes, str]:
    """Return all figures in Prometheus' text form, and its content type."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(Site())
    return generate_latest(registry), CONTENT_TYPE_LATEST


class Site(Collector):
    """What the database and the disk say at this moment."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the figures; where the database is away, only that."""
        yield _gauge(
            "site_disk_free_bytes", "Of the disk that VAR_DIR is on.", _free_bytes(settings.VAR_DIR)
        )
        yield _gauge(
            "site_classifications_last_minute",
            "Classifications received within a minute.",
            sum(rates.last_minute().values()),
        )
        yield _gauge("site_mail_waiting", "Mails that wait to be sent.", Mail.objects.count())
        yield _gauge(
            "site_unwritable_folders",
            "Folders of pictures, uploads and files that cannot be written to.",
            len(storage.unwritable()),
        )
        yield _gauge(
            "site_oldest_transaction_seconds",
            "Since the oldest open transaction began; the database cannot clean up behind it.",
            storage.oldest_transaction_s(),
        )
        yield _gauge(
            "site_limits_shared",
            "1, or 0 while each process counts tries to sign in for itself.",
            counters().is_shared(),
        )
        yield from _recounts()
        backup = last_good_drill()
        yield _gauge(
            "site_verified_backup_age_seconds",
            "Since the moment of the newest backup that was tried and found good.",
            backup.age_s if backup else math.inf,
        )
        yield from _work()
        yield from _processes()


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _work() -> Iterator[GaugeMetricFamily]:
    rows = GaugeMetricFamily("site_work", "Long work by kind and state.", labels=["kind", "state"])
    ages = GaugeMetricFamily(
        "site_work_oldest_seconds", "Age of the oldest work that waits.", labels=["kind"]
    )
    for kind in longwork.kinds():
        rows.add_metric([kind.name, "waiting"], kind.n_waiting)
        rows.add_metric([kind.name, "running"], kind.n_running)
        rows.add_metric([kind.name, "failed"], kind.n_failed)
        ages.add_metric([kind.name], kind.oldest_age.total_seconds() if kind.oldest_age else 0)
    yield rows
    yield ages


def _processes() -> Iterator[GaugeMetricFamily]:
    alive = GaugeMetricFamily(
        "site_processes", "Processes that have spoken lately.", labels=["kind"]
    )
    found = [process.kind for process in Process.objects.all() if process.is_alive]
    for kind in Process.Kind:
        alive.add_metric([kind], found.count(kind))
    yield alive


def _recounts() -> Iterator[GaugeMetricFamily]:
    """Say of each campaign what its last recount found, and how long ago that was."""
    wrong = GaugeMetricFamily(
        "site_recount_differences",
        "Stored numbers that the votes do not give, by the last recount.",
        labels=["campaign"],
    )
    ages = GaugeMetricFamily(
        "site_recount_age_seconds", "Since the last recount ended.", labels=["campaign"]
    )
    workflows = list(Workflow.objects.only("pk", "slug", "created_at"))
    recounts = recounting.last_recounts(workflows)
    for workflow in workflows:
        last = recounts.get(workflow.pk)
        since = last.finished_at if last and last.finished_at else workflow.created_at
        wrong.add_metric([workflow.slug], last.n_differences if last else 0)
        ages.add_metric([workflow.slug], max(0.0, (timezone.now() - since).total_seconds()))
    yield wrong
    yield ages
