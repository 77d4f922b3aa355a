"""JPEG and PNG: what is accepted, what is refused, and that nothing but pixels survives."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from inference.vision import picture as limits
from inference.vision.images import read_picture
from inference.vision.picture import PictureRefused
from inference.vision.renditions import render

DATA = Path(__file__).parents[3].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the folder ../shared is not here")
BARE = bytearray(np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8).tobytes())
COLORS = Image.frombytes("RGB", (60, 40), bytes(BARE))


def saved(image, kind="PNG", **options):
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_plain_picture_keeps_its_size_and_has_no_sky(kind):
    picture = read_picture(saved(COLORS, kind))
    assert picture.pixels.shape == (40, 60, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.format == kind.lower()
    assert (picture.sky, picture.filled_share, picture.notes) == (None, 0.0, ())


def test_a_png_comes_out_pixel_for_pixel_from_bytes_and_from_a_path(tmp_path):
    path = tmp_path / "a picture with no ending"
    path.write_bytes(saved(COLORS))
    for source in (path, path.read_bytes()):
        assert (read_picture(source).pixels == np.asarray(COLORS)).all()


@pytest.mark.parametrize("side", [9_000, 12_000, 20_000])
def test_a_png_bomb_is_refused_by_its_header(side, monkeypatch):
    content = saved(Image.new("1", (side, side)))
    monkeypatch.setattr(Image.Image, "convert", None)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    with pytest.raises(PictureRefused, match=f"{side:,} x {side:,} px .* 25 megapixels"):
        read_picture(content)


def test_a_jpeg_that_claims_too_many_pixels_is_refused_by_its_header():
    content = bytearray(saved(COLORS, "JPEG"))
    start = content.index(b"\xff\xc0")
    content[start + 5 : start + 9] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(PictureRefused, match="60,000 x 60,000 px"):
        read_picture(bytes(content))


def test_a_picture_of_exactly_25_megapixels_is_accepted_and_one_row_more_is_not():
    limits.check_size(5_000, 5_000)
    with pytest.raises(PictureRefused, match=r"5,000 x 5,001 px \(25.0 megapixels\)"):
        limits.check_size(5_000, 5_001)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(limits.MAX_FILE_BYTES + 1)
    with pytest.raises(PictureRefused, match="60,000,001 bytes, and at most 60,000,000"):
        read_picture(path)


@needs_data
def test_the_truncated_galaxy_is_refused_and_its_55_neighbors_are_not():
    refused = []
    for path in sorted((DATA / "gz_ferengi" / "images").glob("*.jpg")):
        try:
            assert read_picture(path).width_px == 424
        except PictureRefused as error:
            refused.append((path.name, str(error)))
    ((name, sentence),) = refused
    assert name == "5249ce0c3ae74072a3003b73.jpg"
    assert sentence == ("The JPEG is cut off: its 9,371 bytes have no end marker: upload it again.")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_cut_off_picture_is_refused_and_never_padded(kind, share):
    content = saved(COLORS, kind)
    with pytest.raises(PictureRefused, match="cut off"):
        read_picture(content[: int(len(content) * share)])


def test_a_jpeg_without_its_last_data_is_refused_even_with_an_end_marker():
    content = saved(COLORS, "JPEG")
    with pytest.raises(PictureRefused, match="damaged or cut off"):
        read_picture(content[:30] + content[-2:])


def test_a_png_whose_data_are_damaged_is_refused():
    content = bytearray(saved(COLORS))
    content[60:80] = b"\0" * 20
    with pytest.raises(PictureRefused, match=r"The PNG file of [0-9,]+ bytes is damaged"):
        read_picture(bytes(content))


def test_cmyk_is_refused_with_the_remedy():
    with pytest.raises(PictureRefused, match=r"CMYK.*save it in RGB"):
        read_picture(saved(COLORS.convert("CMYK"), "JPEG"))


def test_an_animation_is_refused_with_its_number_of_frames():
    frames = [Image.new("RGB", (20, 20), (shade, 0, 0)) for shade in (0, 99, 200)]
    content = saved(frames[0], save_all=True, append_images=frames[1:])
    with pytest.raises(PictureRefused, match="animation of 3 frames"):
        read_picture(content)


def test_sixteen_bits_are_reduced_over_their_full_range():
    levels = np.linspace(0, 65_535, 400).reshape(20, 20).astype(np.uint16)
    picture = read_picture(saved(Image.fromarray(levels)))
    assert (picture.pixels[..., 0] == levels // 257).all()
    assert picture.notes == ("16 bits a channel were reduced to 8",)


def test_a_palette_becomes_its_colors():
    few = COLORS.quantize(16)
    assert (read_picture(saved(few)).pixels == np.asarray(few.convert("RGB"))).all()


def test_transparent_parts_are_black_and_said_so():
    layers = COLORS.convert("RGBA")
    layers.paste((255, 255, 255, 0), (0, 0, 30, 40))
    picture = read_picture(saved(layers))
    assert picture.pixels[:, :30].max() == 0
    assert (picture.pixels[:, 30:] == np.asarray(COLORS)[:, 30:]).all()
    assert picture.notes == ("transparent parts are shown black",)


def test_an_opaque_alpha_channel_changes_nothing():
    picture = read_picture(saved(COLORS.convert("RGBA")))
    assert (picture.pixels == np.asarray(COLORS)).all()
    assert picture.notes == ()


def test_a_constant_picture_is_noted():
    assert read_picture(saved(Image.new("L", (20, 20), 7))).notes == (
        "every pixel has the same value, 7",
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_exif_orientation_is_applied(kind):
    bright_left = Image.new("RGB", (60, 40))
    bright_left.paste((255, 255, 255), (0, 0, 30, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the left side belongs at the top
    picture = read_picture(saved(bright_left, kind, exif=exif))
    assert picture.pixels.shape == (60, 40, 3)
    assert picture.pixels[:20].min() > 200
    assert picture.pixels[40:].max() < 50


def test_gps_comment_and_profile_are_gone_from_everything_that_is_made():
    exif = Image.Exif()
    exif[0x010E] = "SECRET-DESCRIPTION"
    exif.get_ifd(0x8825)[1] = "SECRET-GPS"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = saved(COLORS, "JPEG", exif=exif, icc_profile=profile, comment=b"SECRET-COMMENT")
    assert content.count(b"SECRET") == 3
    made = render(read_picture(content))
    for rendition in (made.display, made.thumbnail, made.stamp):
        assert b"SECRET" not in rendition.content
        image = Image.open(BytesIO(rendition.content))
        assert not image.getexif()
        assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()


def test_a_color_profile_is_converted_to_srgb():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    red = Image.new("RGB", (20, 20), (230, 10, 10))
    assert tuple(read_picture(saved(red, icc_profile=profile)).pixels[5, 5]) == (230, 10, 10)
    r, _, b = read_picture(saved(red, icc_profile=swapped)).pixels[5, 5]
    assert b > 200
    assert r < 100


def test_a_broken_color_profile_is_ignored_with_a_note():
    picture = read_picture(saved(COLORS, icc_profile=b"no profile at all"))
    assert (picture.pixels == np.asarray(COLORS)).all()
    assert picture.notes == ("its color profile could not be used and was ignored",)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_page_hidden_behind_the_picture_is_gone(kind):
    page = b"<html><script>alert(1)</script></html>"
    picture = read_picture(saved(COLORS, kind) + page)
    assert picture.notes == ("38 bytes after the end of the picture were ignored",)
    made = render(picture)
    assert all(b"script" not in r.content for r in (made.display, made.thumbnail, made.stamp))


def test_a_png_with_an_oversized_text_chunk_does_not_unpack_it():
    content = saved(COLORS)
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"A" * 200_000_000, 9))
    with pytest.raises(PictureRefused, match="damaged"):
        read_picture(content[:33] + bomb + content[33:])


def test_a_picture_of_a_few_pixels_is_refused():
    with pytest.raises(PictureRefused, match="7 x 60 px, and each side needs at least 8 px"):
        read_picture(saved(Image.new("RGB", (7, 60))))
