"""Each room stands without what it does not need: tried in a process that cannot import it."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import inference

ROOT = Path(__file__).parents[2]
BLOCKED = """
import importlib, sys
sys.modules.update(dict.fromkeys({gone!r}))  # None there makes an import fail
for name in {names!r}:
    importlib.import_module(name)
"""
ROOMS = sorted(
    module.name
    for module in pkgutil.walk_packages(inference.__path__, "inference.")
    if not module.name.endswith("__main__")
)
NOT_THE_CHECK = [name for name in ROOMS if name != "inference.vision.checking"]


@pytest.mark.parametrize(
    ("names", "gone"),
    [
        (NOT_THE_CHECK, ["django", "celery", "psycopg", "torch", "onnx", "webapp", "training"]),
        (
            [n for n in ROOMS if n.startswith("inference.belief")],
            ["onnxruntime", "PIL", "astropy", "pyarrow", "tqdm"],
        ),
        (["inference.formats.tree", "inference.formats.card", "inference.formats.run_json"],
         ["onnxruntime", "PIL", "astropy", "scipy", "tqdm"]),
        (["inference.vision.session", "inference.vision.predict", "inference.vision.explain"],
         ["scipy", "pyarrow", "tqdm"]),
    ],
)  # fmt: skip
def test_a_room_is_imported_without_what_it_does_not_need(names, gone):
    assert names
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED.format(gone=gone, names=names)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
