"""How fast a classification is: a GET of the picture, and a POST that brings the next galaxy."""

import io
import itertools
import statistics
import uuid
from pathlib import Path

from tests.bench import volunteers
from tests.bench.report import Row, of_runs, table
from tests.bench.site import Site, site

N_RUNS = 3
PICTURES = 200


def run(var: Path, database_pid: int, *, seconds: float, n_large: int) -> str:
    """Measure every case three times and return the table."""
    small = _campaign("small", 10_000)
    rows = []
    with site(var, database_pid) as place:
        _measure(place, small, n=8, seconds=min(seconds, 5))  # warm-up, not counted
        rows += [
            _row(f"10,000 galaxies, {n} clients", place, small, n, seconds) for n in (1, 8, 32)
        ]
        cookies = _experienced(small, n_volunteers=8, n_seen=5_000)
        rows.append(_row("same, each has classified 5,000", place, small, 8, seconds, cookies))
    large = _campaign("large", n_large)
    cookies = _experienced(large, n_volunteers=8, n_seen=20_000)
    with site(var, database_pid) as place:
        _measure(place, large, n=8, seconds=min(seconds, 5))
        rows.append(_row(f"{n_large:,} galaxies, 8 clients", place, large, 8, seconds))
        rows.append(_row("same, each has classified 20,000", place, large, 8, seconds, cookies))
        rows.append(_row("10,000 galaxies, 8 clients, again", place, small, 8, seconds))
    return table(
        ["case", "classifications/s", "GET p95 ms", "POST p95 ms", "CPU ms each", "failed"], rows
    )


def _row(  # noqa: PLR0917 - a line of the table
    name: str, place: Site, slug: str, n: int, seconds: float, cookies: list[str] | None = None
) -> Row:
    runs = [_measure(place, slug, n=n, seconds=seconds, cookies=cookies) for _ in range(N_RUNS)]
    return of_runs(name, runs)


def _measure(
    place: Site, slug: str, *, n: int, seconds: float, cookies: list[str] | None = None
) -> list[float]:
    """Return classifications a second, p95 of both requests (ms), CPU (ms) each, failures."""
    cpu_s = place.cpu_s()
    timings = volunteers.crowd(
        place.port, slug, _paths(), n=n, seconds=seconds, cookies=cookies or []
    )
    n_done = len(timings.post_s)
    return [
        n_done / seconds,
        _p95_ms(timings.picture_s),
        _p95_ms(timings.post_s),
        (place.cpu_s() - cpu_s) * 1000 / n_done,
        float(len(timings.errors)),
    ]


def _p95_ms(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1] * 1000


def _paths() -> list[list[int]]:
    from inference.formats.tree import load_built_in  # noqa: PLC0415

    paths = itertools.islice(load_built_in("galaxy-zoo-2").paths(), 0, 4000, 20)
    return [list(path) for path in paths]


def _campaign(slug: str, n_subjects: int) -> str:
    """Make a live campaign of n galaxies that share some pictures, and open its queue."""
    from django.db import connection  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from inference.belief.retirement import Rule  # noqa: PLC0415
    from inference.formats.tree import load_built_in  # noqa: PLC0415
    from tests import make  # noqa: PLC0415
    from webapp.subjects.models import SubjectSet  # noqa: PLC0415
    from webapp.workflows.models import Workflow  # noqa: PLC0415

    tree = load_built_in("galaxy-zoo-2")
    workflow = Workflow.objects.create(
        slug=slug,
        name=slug,
        tree=make.tree_version(tree),
        rule=Rule.default(tree).to_json(),
        status="live",
        launched_at=timezone.now(),
    )
    subject_set = SubjectSet.objects.create(slug=slug, name=slug, version=1)
    with connection.cursor() as cursor:
        cursor.execute(_SUBJECTS, [subject_set.pk, _pictures(), n_subjects])
    make.link(workflow, subject_set)
    _vacuum()
    return slug


_SUBJECTS = """
    INSERT INTO subjects_subject (
        subject_set_id, survey_id, original_name, original_sha256, original_format,
        display_sha256, thumbnail_sha256, stamp_sha256, width_px, height_px, filled_share, notes,
        metadata)
    SELECT %s, 'G' || n, n || '.jpg', '', 'jpeg', picture, picture, picture, 424, 424, 0, '{}', '{}'
    FROM (SELECT n, (%s::text[])[1 + n %% 200] AS picture FROM generate_series(1, %s) n) galaxy
"""


def _pictures() -> list[str]:
    """Store pictures of the usual size (424 px, about 25 kB) and return their hashes."""
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    from webapp.subjects import media  # noqa: PLC0415

    hashes = []
    for seed in range(PICTURES):
        noise = np.random.default_rng(seed).normal(40, 12, (424, 424, 3)).clip(0, 255)
        content = io.BytesIO()
        Image.fromarray(noise.astype(np.uint8)).save(content, "JPEG", quality=75)
        hashes.append(media.store_public("display", content.getvalue()))
    return hashes


def _experienced(slug: str, *, n_volunteers: int, n_seen: int) -> list[str]:
    """Make volunteers who have seen many galaxies of a campaign; return their cookies."""
    from django.conf import settings  # noqa: PLC0415
    from django.core import signing  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from webapp.accounts.identity import SALT  # noqa: PLC0415
    from webapp.accounts.models import Volunteer  # noqa: PLC0415
    from webapp.workflows.models import Workflow  # noqa: PLC0415

    workflow = Workflow.objects.get(slug=slug)
    cookies = []
    for _ in range(n_volunteers):
        volunteer = Volunteer.objects.create(uuid=uuid.uuid4())
        with connection.cursor() as cursor:
            cursor.execute(_SEEN, [volunteer.pk, workflow.tree_id, workflow.pk, n_seen])
        signed = signing.Signer(salt=SALT).sign(str(volunteer.uuid))
        cookies.append(f"{settings.BROWSER_COOKIE_NAME}={signed}")
    _vacuum()
    return cookies


_SEEN = """
    WITH stored AS (
        INSERT INTO classifications_classification (
            uuid, workflow_id, subject_id, volunteer_id, tree_id, path, stream, is_test, shown_at)
        SELECT gen_random_uuid(), workflow_id, subject_id, %s, %s, '{0}', 'random', false, now()
        FROM (SELECT workflow_id, subject_id FROM consensus_queue WHERE workflow_id = %s
              ORDER BY random() LIMIT %s) seen
        RETURNING id, workflow_id, subject_id, volunteer_id
    )
    INSERT INTO classifications_standing (
        classification_id, workflow_id, subject_id, volunteer_id, state, reason)
    SELECT id, workflow_id, subject_id, volunteer_id, 'counted', '' FROM stored
"""


def _vacuum() -> None:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
