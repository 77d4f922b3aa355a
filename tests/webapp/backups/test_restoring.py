"""Restoring: what was, is again; whatever is not whole is refused before anything is touched."""

import gzip
import hashlib
import json
import re
import shutil

import pytest

from tests.webapp.backups.sites import kept_files, manage, refused
from webapp.backups import restoring
from webapp.backups.errors import BackupRefused, DrillFailed, NotPossible
from webapp.backups.folder import SUMS, open_backup
from webapp.backups.places import CONTENT

pytestmark = pytest.mark.xdist_group("backups")
VOTES = "SELECT id, uuid, path, received_at, subject_id FROM classifications_classification"
QUERIES = (VOTES, "SELECT * FROM consensus_consensus", "SELECT * FROM common_auditlink",
           "SELECT * FROM subjects_subject", "SELECT * FROM registry_modelversion")  # fmt: skip


def rows(place):
    return [sorted(map(str, place.sql(query))) for query in QUERIES]


@pytest.mark.processes
def test_what_was_is_again(small_site, plain_backup, new_site):
    assert_restores(small_site, plain_backup, new_site)


@pytest.mark.processes
def test_what_was_is_again_of_an_encrypted_backup(small_site, sealed_backup, key_file, new_site):
    new_site.more["BACKUP_KEY_FILE"] = str(key_file)
    assert_restores(small_site, sealed_backup, new_site)


def assert_restores(small_site, backup, place):
    said = manage(place, "restore", str(backup))
    assert "all migrations have run" in said
    expected = rows(small_site)
    assert [len(some) for some in expected] == [15, 12, 5, 12, 1]
    assert rows(place) == expected
    found, was = kept_files(place.var), kept_files(small_site.var)
    assert len(found) == 4 * 12 + 1 + 3  # four files a galaxy, a model, a release, two of a run
    assert found == was
    assert not (place.var / "runs" / "run-1" / "link").exists()
    place.assert_recount_agrees()
    assert "5 lines, each as it was written" in manage(place, "verify_audit")
    (model,) = (place.var / "models").iterdir()
    assert model.stat().st_mode & 0o777 == 0o440

    # F34: it is not empty any more.
    assert "is not empty: restore into one that is" in refused(place, "restore", str(backup))
    assert rows(place) == expected


@pytest.mark.processes
@pytest.mark.parametrize("folder", ["media/public", "models"])
def test_files_that_are_there_are_not_written_over(plain_backup, new_site, folder):
    place = new_site
    path = place.var / folder / "somebodys"
    path.parent.mkdir(parents=True)
    path.write_text("own")
    sentence = refused(place, "restore", str(plain_backup))
    assert f"There are files in {place.var / folder}: restore into an empty folder." in sentence
    assert kept_files(place.var).keys() == {f"{folder}/somebodys"}


# What is wrong with a backup, and what is said. Nothing of these gets as far as the database.


def flip(path, at=-20):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def rewrite_sums(backup):
    """Let SHA256SUMS fit again, as somebody would who has made a backup of his own."""
    names = [line.split("  ")[1] for line in (backup / SUMS).read_text().splitlines()]
    sums = {name: hashlib.sha256((backup / name).read_bytes()).hexdigest() for name in names}
    (backup / SUMS).write_text("".join(f"{sha256}  {name}\n" for name, sha256 in sums.items()))


def edit_facts(backup, **facts):
    path = backup / "backup.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))
    rewrite_sums(backup)


def a_kept_file(backup):
    return next(path for path in sorted((backup.parent / "files").glob("??/*")))


def any_stamp(backup):
    with gzip.open(backup / "files.jsonl.gz", "rt") as lines:
        files = dict(map(json.loads, lines))
    sha256 = next(sha256 for sha256, name in files.items() if "stamp" in name)
    return backup.parent / "files" / sha256[:2] / sha256


def newer(backup):
    run = json.loads((backup / "backup.json").read_text())["migrations"]
    edit_facts(backup, migrations=run | {"classifications": ["0999_of_next_year"]})


def older(backup):
    run = json.loads((backup / "backup.json").read_text())["migrations"]
    edit_facts(backup, migrations=run | {"classifications": run["classifications"][:-1]})


def outside(backup):
    path = backup / "files.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        (sha256, _), *others = map(json.loads, lines)
    with gzip.open(path, "wt") as lines:
        for line in [[sha256, "media/../../outside"], *others]:
            lines.write(json.dumps(line) + "\n")
    sums = hashlib.sha256(path.read_bytes()).hexdigest()
    parts = json.loads((backup / "backup.json").read_text())["parts"]
    edit_facts(backup, parts=parts | {"files.jsonl.gz": sums})


WRONG = {
    "a byte of the dump": (lambda b: flip(b / "database.dump", 5000), "it was changed or cut off"),
    "a byte of the list": (lambda b: flip(b / "files.jsonl.gz"), "it was changed or cut off"),
    "a byte of the facts": (lambda b: flip(b / "backup.json", 200), "it was changed or cut off"),
    "a byte of the sums": (lambda b: flip(b / SUMS, 10), "changed or cut off"),
    "a byte of a picture": (lambda b: flip(any_stamp(b)), "was changed after it was written"),
    "a cut dump": (lambda b: cut(b / "database.dump"), "it was changed or cut off"),
    "a cut picture": (lambda b: cut(any_stamp(b)), "was changed after it was written"),
    "cut sums": (lambda b: cut(b / SUMS), "changed or cut off"),
    "no dump": (lambda b: (b / "database.dump").unlink(), "cannot be read (No such file"),
    "no picture": (lambda b: any_stamp(b).unlink(), "is missing: take another backup"),
    "no sums": (lambda b: (b / SUMS).unlink(), "is no backup: it has no file SHA256SUMS"),
    "another program": (lambda b: edit_facts(b, program="photos"), "a backup of another program"),
    "another format": (lambda b: edit_facts(b, format=2), "is of the format 2"),
    "no object": (
        lambda b: ((b / "backup.json").write_text("[1]"), rewrite_sums(b)), "of another program",
    ),
    "a newer database": (lambda b: edit_facts(b, postgresql=190000), "is of PostgreSQL 19"),
    "a newer site": (newer, "0999_of_next_year is not in this checkout"),
    "an older site": (older, "add --migrate, and the 1 migrations since are run"),
    "a path outside": (outside, "which no site has"),
    "two backups": (
        lambda b: (flip(b / "database.dump", 5000), rewrite_sums(b)), "files of two backups",
    ),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_whole_is_refused(plain, what):
    damage, words = WRONG[what]
    damage(plain)
    with pytest.raises(BackupRefused, match=re.escape(words)):
        restoring.restore(plain)


@pytest.mark.django_db
def test_without_damage_the_same_call_comes_as_far_as_the_database(plain, settings, tmp_path):
    settings.VAR_DIR = tmp_path  # where no other restore has begun
    with pytest.raises(NotPossible, match="is not empty"):
        restoring.restore(plain)


@pytest.mark.processes
def test_a_refused_backup_leaves_an_empty_site_empty(plain, new_site):
    flip(any_stamp(plain))
    assert "was changed after it was written" in refused(new_site, "restore", str(plain))
    assert kept_files(new_site.var) == {}
    assert new_site.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    assert not (new_site.var / restoring.MARK).exists()


# Encrypted ones.


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["database.dump.age", "files.jsonl.gz.age", "backup.json.age"])
def test_a_flipped_byte_of_an_encrypted_backup_is_found_even_if_the_sums_fit(
    sealed, key_file, name
):
    flip(sealed / name)
    rewrite_sums(sealed)
    with pytest.raises(BackupRefused):
        restoring.restore(sealed, key=key_file.read_text())


@pytest.mark.django_db
def test_a_flipped_byte_of_an_encrypted_picture_is_found(sealed, key_file):
    flip(a_kept_file(sealed))
    with pytest.raises(BackupRefused, match="was changed or cut off"):
        restoring.restore(sealed, key=key_file.read_text())


@pytest.mark.django_db
def test_an_encrypted_backup_needs_its_own_key(sealed, key_file):
    import pyrage  # noqa: PLC0415

    with pytest.raises(BackupRefused, match="is encrypted: set BACKUP_KEY_FILE"):
        restoring.restore(sealed)
    other = str(pyrage.x25519.Identity.generate())
    with pytest.raises(BackupRefused, match="another key wrote it"):
        restoring.restore(sealed, key=other)
    with pytest.raises(NotPossible, match="holds no key of age"):
        restoring.restore(sealed, key="a password")
    with pytest.raises(NotPossible, match="is not empty"):
        restoring.restore(sealed, key=key_file.read_text())


def test_an_encrypted_backup_says_nothing_of_what_it_holds(sealed, plain_backup, key_file):
    files = [path for path in sealed.parent.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} - {".lock"} <= {".age", ""}
    names = {path.name.removesuffix(".age") for path in files}
    assert not names & {path.name for path in (plain_backup.parent / "files").rglob("*")}
    for path in files:
        content = path.read_bytes()
        assert b"classifications" not in content
        assert not content.startswith((b"\xff\xd8", b"PGDMP"))
    backup = open_backup(sealed, key_file.read_text())
    assert any(CONTENT.search(name) for _, name in backup.files())


def test_no_secret_is_in_the_facts(small_site, plain_backup):
    secret = (small_site.var / "secret-key").read_text()
    assert secret not in (plain_backup / "backup.json").read_text()


# What goes wrong later.


@pytest.mark.django_db
def test_a_restore_that_was_changed_afterwards_is_told(plain, monkeypatch):
    """The comparison after the restore fails, and nobody is told that all is well."""
    monkeypatch.setattr(restoring, "_has_tables", lambda: False)
    monkeypatch.setattr(restoring, "_check_empty", lambda **_: None)
    monkeypatch.setattr(restoring, "_write_files", lambda _: None)
    monkeypatch.setattr(restoring, "restore_database", lambda _: None)
    with pytest.raises(DrillFailed, match=r"was restored, but something is wrong with it: The"):
        restoring.restore(plain)


def test_copies_are_what_the_tests_damage(plain, plain_backup):
    shutil.rmtree(plain)
    assert open_backup(plain_backup, "")
