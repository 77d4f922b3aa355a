"""The pictures that are made of a picture."""

import hashlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from inference.vision.picture import Picture
from inference.vision.renditions import render, stamp_image


def picture(width_px, height_px):
    """A bright disk of a third of the short side, in the middle."""
    y, x = np.mgrid[:height_px, :width_px]
    middle = np.hypot(x - (width_px - 1) / 2, y - (height_px - 1) / 2)
    pixels = np.where(middle < min(width_px, height_px) / 6, 220, 12).astype(np.uint8)
    return Picture(np.repeat(pixels[..., None], 3, axis=2), "png")


@pytest.mark.parametrize(
    ("size", "display", "thumbnail"),
    [
        ((424, 424), (424, 424), (160, 160)),
        ((600, 500), (600, 500), (160, 133)),
        ((3000, 1500), (1024, 512), (160, 80)),
        ((300, 300), (424, 424), (160, 160)),
        ((200, 100), (424, 212), (160, 80)),
        ((88, 88), (352, 352), (160, 160)),
        ((10, 8), (40, 32), (40, 32)),
    ],
)
def test_sizes(size, display, thumbnail):
    made = render(picture(*size))
    assert (made.display.width_px, made.display.height_px) == display
    assert (made.thumbnail.width_px, made.thumbnail.height_px) == thumbnail
    assert (made.stamp.width_px, made.stamp.height_px) == (224, 224)


def test_each_is_a_jpeg_of_the_size_and_hash_it_says():
    made = render(picture(500, 400))
    for rendition in (made.display, made.thumbnail, made.stamp):
        image = Image.open(BytesIO(rendition.content))
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert image.size == (rendition.width_px, rendition.height_px)
        assert rendition.sha256 == hashlib.sha256(rendition.content).hexdigest()


def test_the_same_picture_gives_the_same_bytes():
    assert render(picture(500, 400)) == render(picture(500, 400))


@pytest.mark.parametrize("size", [(600, 300), (300, 600)])
def test_the_stamp_is_the_square_around_the_center(size):
    stamp = np.asarray(stamp_image(Image.fromarray(picture(*size).pixels)))[..., 0]
    alone = np.asarray(stamp_image(Image.fromarray(picture(300, 300).pixels)))[..., 0]
    assert (stamp == alone).all()


def test_the_stamp_loses_little_to_compression():
    pixels = np.random.default_rng(3).integers(0, 255, (30, 30, 3), dtype=np.uint8)
    smooth = Image.fromarray(pixels).resize((424, 424), Image.Resampling.BICUBIC)
    made = render(Picture(np.asarray(smooth), "png"))
    stored = np.asarray(Image.open(BytesIO(made.stamp.content)), dtype=int)
    assert np.abs(stored - np.asarray(stamp_image(smooth), dtype=int)).mean() < 1.5
