"""python -m tests.webapp.backups.small_site: make a site with something of everything in it."""

import os
from pathlib import Path

N_GALAXIES, N_VOTES = 12, 15


def main() -> None:
    """Migrate, take in pictures, classify, register a model, and leave files beside."""
    from webapp import embedded  # noqa: PLC0415 - VAR_DIR is read when it is called

    embedded.ensure_running(Path(os.environ["VAR_DIR"]))
    import django  # noqa: PLC0415 - the first start decides where the socket is

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    fill()


def fill() -> None:
    """Write rows and files."""
    from django.conf import settings  # noqa: PLC0415 - Django is set up

    from tests import make  # noqa: PLC0415
    from webapp.common.audit import write_entry  # noqa: PLC0415
    from webapp.subjects.tasks import run_ingest_batches  # noqa: PLC0415

    batch = make.batch(make.picture_folder(settings.VAR_DIR.parent / "pictures", N_GALAXIES))
    run_ingest_batches()
    workflow = make.workflow()
    make.link(workflow, batch.subject_set)
    galaxies = list(batch.subject_set.subjects.all())
    for number in range(N_VOTES):
        make.classification(make.visitor(), workflow, galaxies[number % N_GALAXIES])
    make.model(workflow=workflow)
    for number in range(3):
        write_entry(actor=None, action="test", target="site", target_id=number)
    for path, text in files(settings.VAR_DIR).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (settings.RUNS_DIR / "run-1" / "link").symlink_to(settings.VAR_DIR / "secret-key")


def files(var: Path) -> dict[Path, str]:
    """Files that a backup holds, and, empty, some that it does not."""
    run = var / "runs" / "run-1"
    return {
        var / "releases" / "spirals" / "1" / "catalog.csv": "survey_id,votes\nG1,3\n",
        run / "result.json": '{"status": "done"}',
        run / "metrics.jsonl": "{}\n",
        run / "stamps" / "images.npy": "",
        run / "checkpoints" / "last.safetensors": "",
        var / "runs" / ".drafts" / "run-2" / "block.npy": "",
        var / "media" / "public" / "display" / "tmpx1y2": "",
    }


if __name__ == "__main__":
    main()
