"""Pictures of a catalog to one array at model size, made once."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.formats.card import InputSpec
from inference.vision.picture import PictureRefused
from inference.vision.preprocess import read_stamp
from training.errors import DataRefused

_BLOCK = 256


def stamp_blocks(pictures: Sequence[Path], spec: InputSpec) -> Iterator[NDArray[np.uint8]]:
    """Yield pictures at model size in their order, uint8 (up to 256, S, S, 3).

    Raises:
        DataRefused: a picture cannot be read; a training has no use for a hole.
    """

    def read(path: Path) -> NDArray[np.uint8]:
        try:
            return read_stamp(path, spec)
        except PictureRefused as refusal:
            raise DataRefused(f"The picture {path.name} cannot be used. {refusal}") from None

    with (
        ThreadPoolExecutor(len(os.sched_getaffinity(0))) as readers,
        tqdm(total=len(pictures), desc="pictures", unit="", disable=None) as bar,
    ):
        for start in range(0, len(pictures), _BLOCK):
            block = np.stack(list(readers.map(read, pictures[start : start + _BLOCK])))
            bar.update(len(block))
            yield block
