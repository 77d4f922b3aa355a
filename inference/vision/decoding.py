"""What runs in the decoding child: pictures in on standard input, renditions out.

`python -m inference.vision.decoding MEMORY_MB TIMEOUT_S PARENT_ID`; see decoder.py.
"""

import sys
from dataclasses import asdict
from typing import Any

import inference.vision.fits  # noqa: F401 - once confined, nothing can be loaded
from inference.vision import wire
from inference.vision.confinement import answer_requests, confine
from inference.vision.images import read_picture
from inference.vision.picture import Picture, PictureRefused
from inference.vision.renditions import Rendition, Renditions, render

# The parent stops a slow picture by the clock; this ends it where the parent is stopped itself.
_CPU_GRACE_S = 5.0


def main() -> None:
    """Answer until the input ends."""
    memory_mb, timeout_s, parent_id = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    confine(memory_mb=memory_mb, parent_id=parent_id)
    refusal = (
        f"The picture needs more than {memory_mb:,} MB of memory to decode: make a smaller cutout, "
        f"or scale the picture down."
    )
    answer_requests(
        _decoded,
        out_of_memory=wire.packed({"refused": refusal}),
        cpu_s=timeout_s + _CPU_GRACE_S,
    )


def _decoded(_: dict[str, Any], blobs: list[bytes]) -> bytes:
    (content,) = blobs
    try:
        picture = read_picture(content)
        return _answer(picture, render(picture))
    except PictureRefused as refusal:
        return wire.packed({"refused": str(refusal)})


def _answer(picture: Picture, renditions: Renditions) -> bytes:
    bands = [rendition for _, rendition in renditions.bands]
    made = (renditions.display, renditions.thumbnail, renditions.stamp, *bands)
    factor = renditions.display.width_px / picture.width_px
    sky = None if picture.sky is None else asdict(picture.sky.resized(factor))
    facts = {
        "format": picture.format,
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "sky": sky,
        "filled_share": picture.filled_share,
        "notes": picture.notes,
    }
    fields = {
        "facts": facts,
        "renditions": [_described(rendition) for rendition in made],
        "bands": [name for name, _ in renditions.bands],
    }
    return wire.packed(fields, [rendition.content for rendition in made])


def _described(rendition: Rendition) -> dict[str, Any]:
    return {
        "sha256": rendition.sha256,
        "width_px": rendition.width_px,
        "height_px": rendition.height_px,
    }


if __name__ == "__main__":
    main()
