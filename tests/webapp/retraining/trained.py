"""What a trainer leaves in a run directory, made without one: a model file that follows the votes.

The tiny network of tests/inference/models.py has other weights for another seed.
"""

import shutil
from pathlib import Path

from inference.formats.atomic import file_sha256
from inference.formats.run import DONE, Result, RunFolder, now
from tests.inference.models import tiny_model


def finish(folder: RunFolder, tmp_path: Path, *, seed: int = 1, **card) -> str:
    """Claim a run, leave a model and its result, and return the model's SHA-256."""
    request = folder.read_request()
    lineage = {"catalog_sha256": request.catalog_sha256, "parent_sha256": request.parent_sha256}
    made = tiny_model(
        tmp_path,
        name=f"made-{seed}.onnx",
        tree=folder.read_tree(),
        size_px=request.input.size_px,
        crop=request.input.crop,
        seed=seed,
        card={"lineage": lineage} | card,
    )
    assert folder.claim("trainer")
    shutil.copy(made, folder.model_path)
    sha256 = file_sha256(folder.model_path)
    folder.write_result(Result(DONE, now(), model_sha256=sha256))
    return sha256
