"""Pictures at model size: the short way of a JPEG looks and refuses like the long one."""

import gzip
import os
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, JpegImagePlugin

from inference.formats.card import InputSpec
from inference.vision import picture as limits
from inference.vision import preprocess
from inference.vision.images import read_picture
from inference.vision.picture import PictureRefused
from inference.vision.preprocess import read_stamp, stamp_of

SPEC = InputSpec(32)


def smooth(width, height):
    """Return a picture whose red grows to the right, green downward, and blue to the center."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    layers = [x, y, 1 - np.hypot(x - 0.5, y - 0.5)]
    return Image.fromarray((np.stack(layers, axis=2) * 255).clip(0, 255).astype(np.uint8))


def saved(image, kind="JPEG", **options):
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def long_way(content, spec):
    return stamp_of(Image.fromarray(read_picture(content).pixels), spec)


@pytest.mark.parametrize(
    "spec", [InputSpec(96, 0.5), InputSpec(64), InputSpec(32, 0.3), InputSpec(224), InputSpec(424)]
)
def test_the_short_way_shows_real_galaxies_as_the_long_way_does(shared, spec):
    for path in sorted((shared / "data/gz2_kaggle/images").glob("*.jpg"))[:12]:
        short = read_stamp(path, spec).astype(int)
        long = long_way(path.read_bytes(), spec).astype(int)
        assert np.abs(short - long).mean() < 1
        assert np.abs(short - long).max() <= 24


def test_the_short_way_decodes_less_where_enough_pixels_are_left():
    for least_px, width in ((424, 424), (213, 424), (212, 212), (100, 106), (53, 53), (8, 53)):
        image = JpegImagePlugin.JpegImageFile(BytesIO(saved(smooth(424, 424))))
        assert preprocess._decoded(image, least_px).width == width


@given(
    width=st.integers(8, 300),
    height=st.integers(8, 300),
    spec=st.builds(InputSpec, st.integers(16, 128), st.floats(0.05, 1)),
)
@example(width=129, height=129, spec=InputSpec(16))  # an eighth of it is 17 px, the last one partly
@settings(max_examples=60)
def test_a_stamp_has_its_size_and_shows_the_same_part_of_the_sky_the_short_way(width, height, spec):
    content = saved(smooth(width, height), quality=95)
    stamp = read_stamp(content, spec)
    assert stamp.shape == (spec.size_px, spec.size_px, 3)
    assert stamp.dtype == np.uint8
    assert np.abs(stamp.astype(int) - long_way(content, spec)).mean() < 3


@pytest.mark.parametrize(("width", "height"), [(400, 400), (640, 400), (400, 640)])
def test_a_stamp_is_the_central_square_of_the_short_side(width, height):
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left = height // 2 - 100, width // 2 - 100
    pixels[top : top + 200, left : left + 200] = 255
    stamp = stamp_of(Image.fromarray(pixels), InputSpec(40, 0.5))
    assert (stamp[2:-2, 2:-2] > 250).all()
    assert (stamp > 200).all()
    whole = stamp_of(Image.fromarray(pixels), InputSpec(40))
    assert (whole[11:29, 11:29] > 250).all()
    assert (whole[:9] < 5).all()
    assert (whole[:, 31:] < 5).all()


@given(
    width=st.integers(40, 90),
    height=st.integers(40, 90),
    size_px=st.integers(16, 40),
    seed=st.integers(0, 9),
)
def test_pixels_that_need_no_resampling_are_what_resampling_makes_of_them(
    width, height, size_px, seed
):
    spec = InputSpec(size_px, size_px / min(width, height))
    random = np.random.default_rng(seed)
    image = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
    left, top = (width - size_px) / 2, (height - size_px) / 2
    resampled = image.resize(
        (size_px, size_px),
        Image.Resampling.LANCZOS,
        box=(left, top, left + size_px, top + size_px),
    )
    assert (stamp_of(image, spec) == np.asarray(resampled)).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_gray_pictures_have_three_equal_colors(kind):
    stamp = read_stamp(saved(smooth(300, 200).convert("L"), kind), SPEC)
    assert (stamp[..., 0] == stamp[..., 1]).all()
    assert (stamp[..., 0] == stamp[..., 2]).all()
    assert stamp.std() > 10


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif}


def xmp_of(orientation):
    tag = f'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/>'
    return {"xmp": tag.encode()}


def profile_of(_):
    return {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("note", [exif_of, xmp_of])
def test_a_turned_jpeg_stands_upright(orientation, note):
    picture = smooth(300, 200)
    turned = saved(picture, quality=95, **note(orientation))
    upright = saved(picture.transpose(_TURNS[orientation]) if orientation > 1 else picture)
    difference = read_stamp(turned, SPEC).astype(int) - read_stamp(upright, SPEC)
    assert np.abs(difference).mean() < 2


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def test_a_color_profile_is_used():
    picture = smooth(300, 300)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    content = saved(picture, icc_profile=swapped)
    assert (read_stamp(content, SPEC) == long_way(content, SPEC)).all()
    assert not np.allclose(read_stamp(content, SPEC), read_stamp(saved(picture), SPEC), atol=30)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_unreadable_metadata_do_not_hide_a_picture():
    content = saved(smooth(300, 200), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09garbage")
    plain = read_stamp(saved(smooth(300, 200)), SPEC)
    assert np.abs(read_stamp(content, SPEC).astype(int) - plain).mean() < 1


def broken_pictures():
    jpeg, png = saved(smooth(120, 90)), saved(smooth(120, 90), "PNG")
    bomb, damaged = bytearray(jpeg), bytearray(png)
    start = bomb.index(b"\xff\xc0")
    bomb[start + 5 : start + 9] = struct.pack(">HH", 60_000, 60_000)
    damaged[60:80] = bytes(20)
    frames = [Image.new("RGB", (20, 20), (shade, 0, 0)) for shade in (0, 99)]
    return {
        "empty": b"",
        "text": b"hello, this is no picture",
        "gif": saved(smooth(20, 20), "GIF"),
        "tiff": saved(smooth(20, 20), "TIFF"),
        "jpeg cut off": jpeg[: len(jpeg) // 2],
        "jpeg of three bytes": jpeg[:3],
        "jpeg without data": jpeg[:30] + jpeg[-2:],
        "jpeg of an impossible size": bytes(bomb),
        "jpeg too small": saved(smooth(7, 60)),
        "jpeg in four inks": saved(smooth(60, 60).convert("CMYK")),
        "png cut off": png[:-30],
        "png damaged": bytes(damaged),
        "png of many frames": saved(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        "fits cut off": b"SIMPLE  =                    T".ljust(2880),
        "gzip of text": gzip.compress(b"hello"),
        "too large": b"\xff\xd8\xff".ljust(limits.MAX_FILE_BYTES + 1, b"\0"),
    }


@pytest.mark.parametrize("name", broken_pictures())
def test_what_cannot_be_a_picture_is_refused_in_the_words_of_read_picture(name, tmp_path):
    content = broken_pictures()[name]
    with pytest.raises(PictureRefused) as expected:
        read_picture(content)
    with pytest.raises(PictureRefused) as from_bytes:
        read_stamp(content, SPEC)
    path = tmp_path / "picture"
    path.write_bytes(content)
    with pytest.raises(PictureRefused) as from_file:
        read_stamp(path, SPEC)
    assert str(expected.value) == str(from_bytes.value) == str(from_file.value)
    assert "\n" not in str(expected.value)


def test_a_jpeg_cut_anywhere_is_refused_or_shows_the_whole_picture():
    content = saved(smooth(60, 40))
    whole = read_stamp(content, SPEC)
    for end in range(len(content) - 1):
        with pytest.raises(PictureRefused):
            read_stamp(content[:end], SPEC)
    assert (read_stamp(content + b"<script>", SPEC) == whole).all()


@pytest.mark.parametrize("name", ["missing.jpg", "x" * 300, "folder", "pipe", "nul\0", "\udcff"])
def test_a_path_without_a_file_is_refused_with_its_name_and_the_remedy(tmp_path, name):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PictureRefused, match="name a JPEG, PNG or FITS picture") as refusal:
        read_stamp(tmp_path / name, SPEC)
    assert repr(name)[1:-1] in str(refusal.value)
    str(refusal.value).encode()  # nothing that a file of results could not hold


def test_a_file_that_one_may_not_read_is_refused(tmp_path, monkeypatch):
    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(PictureRefused, match=r"cannot be read \(Permission denied\)"):
        read_stamp(tmp_path / "secret.jpg", SPEC)


def test_the_same_picture_gives_the_same_bytes_in_every_thread(shared):
    paths = sorted((shared / "data/gz2_kaggle/images").glob("*.jpg"))[:20]
    alone = [read_stamp(path, InputSpec(96, 0.5)) for path in paths]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda path: read_stamp(path, InputSpec(96, 0.5)), paths * 4))
    assert all((a == b).all() for a, b in zip(alone * 4, together, strict=True))


@pytest.mark.parametrize(
    "name",
    ["decals_grz_424.fits", "m13_int16_gzip.fits", "sdss_frame_r.fits.bz2", "m13_float_rice.fits"],
)
def test_fits_files_become_stamps(shared, name):
    stamp = read_stamp(shared / "data/fits" / name, InputSpec(64))
    assert stamp.shape == (64, 64, 3)
    assert stamp.std() > 1


def test_fits_files_in_many_threads_leave_warnings_as_they_were(shared):
    path: Path = shared / "data/fits/decals_grz_424_bad_pixels.fits"
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        stamps = list(pool.map(lambda _: read_stamp(path, SPEC), range(24)))
    assert warnings.filters == before
    assert all((stamp == stamps[0]).all() for stamp in stamps)
