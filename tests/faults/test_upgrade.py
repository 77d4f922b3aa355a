"""RS-33: a site of the first version that took votes becomes one of today's: nobody's vote changes.

UPGRADE_VOTES=200000 asks the same of a larger site, and prints how long it took; a recount is
asked of the small one only.
"""

import json
import os
import threading
import time

import psycopg
import pytest

from inference.formats.tree import load_built_in
from tests.faults.forms import IS_LONG
from tests.webapp.backups.sites import empty_place, served
from webapp import embedded

pytestmark = [pytest.mark.processes, pytest.mark.slow]
N_VOTES = int(os.environ.get("UPGRADE_VOTES", "20000" if IS_LONG else "4000"))
SMALL = 50_000  # votes whose galaxies are ranked and counted again within the test's patience
EACH = 10  # votes a galaxy
LONGEST_LOCK_S = 2.0
VOTES = """
    SELECT count(*), md5(string_agg(md5(concat_ws('|', id, uuid, path, stream, is_test, shown_at,
           received_at, subject_id, supersedes_id, tree_id, volunteer_id, workflow_id)), ''
           ORDER BY id)) FROM classifications_classification
"""
STANDINGS = """
    SELECT count(*), md5(string_agg(concat_ws('|', id, state, reason, classification_id,
           subject_id, volunteer_id, workflow_id), ',' ORDER BY id)) FROM classifications_standing
"""
FILL = f"""
    INSERT INTO accounts_volunteer (uuid, is_browser, is_simulated)
    SELECT gen_random_uuid(), true, false FROM generate_series(1, {EACH});
    INSERT INTO subjects_subjectset (slug, name, credit, version) VALUES ('s', 'S', '', 1);
    INSERT INTO workflows_workflow (slug, name, summary, text, major, minor, rule, rule_version,
        judged_rule_version, mixture, status, launched_at, tree_id)
    SELECT 'old', 'Old', '', '', 1, 0, '{{"format": 1, "votes": 40, "artifact": null}}', 1, 1,
        '{{"random": 1.0}}', 'live', now(), id FROM workflows_treeversion;
    INSERT INTO subjects_setlink (is_linked, admitted_version, workflow_id, subject_set_id)
    SELECT true, 1, w.id, s.id FROM workflows_workflow w, subjects_subjectset s;
    INSERT INTO subjects_subject (survey_id, original_name, original_sha256, original_format,
        display_sha256, thumbnail_sha256, stamp_sha256, width_px, height_px, filled_share, notes,
        metadata, subject_set_id)
    SELECT 'G' || n, n || '.png', repeat('0', 64), 'png', repeat('0', 64), repeat('0', 64),
        repeat('0', 64), 424, 424, 0, '{{}}', '{{}}', s.id
    FROM subjects_subjectset s, generate_series(1, {N_VOTES // EACH}) n;
    INSERT INTO classifications_classification (uuid, path, stream, is_test, shown_at,
        subject_id, tree_id, volunteer_id, workflow_id)
    SELECT gen_random_uuid(), ARRAY[((s.id + v.id) % 2) * 2], 'random', false, now(), s.id,
        w.tree_id, v.id, w.id
    FROM subjects_subject s, accounts_volunteer v, workflows_workflow w;
    INSERT INTO classifications_standing (state, reason, classification_id, subject_id,
        volunteer_id, workflow_id)
    SELECT 'counted', '', id, subject_id, volunteer_id, workflow_id
    FROM classifications_classification;
    INSERT INTO consensus_consensus (votes, asked, n_classifications, retired_reason,
        retired_words, subject_id, tree_id, workflow_id)
    SELECT ARRAY[{EACH // 2}, 0, {EACH // 2}, 0], ARRAY[{EACH}], {EACH}, '', '', s.id, w.tree_id,
        w.id FROM subjects_subject s, workflows_workflow w;
    INSERT INTO consensus_queue (stream, sort_key, subject_id, workflow_id)
    SELECT 'random', random(), s.id, w.id FROM subjects_subject s, workflows_workflow w;
    INSERT INTO consensus_progress (n_subjects, n_retired, n_classifications, n_counted, n_needed,
        took_s, workflow_id)
    SELECT {N_VOTES // EACH}, 0, {N_VOTES}, {N_VOTES}, 0, 0, id FROM workflows_workflow;
    ANALYZE;
"""


class Voter(threading.Thread):
    """Wants all the time what a vote needs of the tables, and knows how long it had to wait."""

    NEEDED = "classifications_classification, classifications_standing, consensus_consensus"

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.is_over = url, False
        self.waits_s: list[float] = []

    def run(self) -> None:
        with psycopg.connect(self.url) as connection:
            while not self.is_over:
                started_s = time.monotonic()
                connection.execute(f"LOCK TABLE {self.NEEDED} IN ROW EXCLUSIVE MODE")
                self.waits_s.append(time.monotonic() - started_s)
                connection.rollback()
                time.sleep(0.01)


def step(site, name):
    done = site.run("-m", "tests.faults.upgrade", name)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_votes_of_the_first_version_are_the_same_after_all_migrations(tmp_path):
    tree = load_built_in("three-class")
    with served(empty_place(tmp_path)) as site:
        step(site, "first")
        site.sql(
            "INSERT INTO workflows_treeversion (key, title, document, sha256, n_answers,"
            " n_questions) VALUES (%s, %s, %s, %s, %s, %s)",
            [tree.key, tree.title, tree.to_json(), tree.sha256, tree.n_answers, tree.n_questions],
        )
        for statement in FILL.split(";\n"):
            site.sql(statement)
        before = [site.sql(query) for query in (VOTES, STANDINGS)]
        assert before[0][0][0] == before[1][0][0] == N_VOTES

        voter = Voter(embedded.database_url(site.var))
        voter.start()
        try:
            took_s = json.loads(step(site, "rest").splitlines()[-1])
        finally:
            voter.is_over = True
            voter.join()

        assert [site.sql(query) for query in (VOTES, STANDINGS)] == before
        assert site.run("manage.py", "migrate", "--check").returncode == 0
        if N_VOTES <= SMALL:
            step(site, "work")
            site.assert_recount_agrees()
    slowest = max(took_s, key=lambda name: took_s[name])
    print(
        f"\n{N_VOTES:,} votes: {len(took_s)} migrations in {sum(took_s.values()):.1f} s, the "
        f"slowest {slowest} with {took_s[slowest]:.1f} s; a vote waited {max(voter.waits_s):.2f} s "
        f"at most, of {len(voter.waits_s):,} tries"
    )
    assert len(voter.waits_s) > 10
    assert max(voter.waits_s) < LONGEST_LOCK_S
