"""FITS: every real file of the shared folder, and files made to break the reader."""

import gzip
import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from inference.vision.images import read_picture
from inference.vision.picture import PictureRefused

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "fits"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the folder ../shared is not here")
RNG = np.random.default_rng(2)
NOISE = RNG.normal(10, 1, (30, 40)).astype(np.float32)

CONSTANT = "every pixel has the same value, 0.0"
M13 = (250.42260, 36.46020, 1.0, 0.0)
SDSS = (313.17019, -5.69335, 1.188, -97.85)

# name: a part of the refusal, or (height, width, (ra, dec, arcsec a pixel, north) or None, notes).
EXPECTED: dict[str, Any] = {
    "blank_pixel.fits": "1 x 1 px",
    "bscale_bzero_float.fits": (21, 20, (266.95882, -29.41757, 5.0, 0.27), []),
    "compressed_with_nan.fits": (12, 12, None, ["0.69% of the image had no value and was filled"]),
    "cube_three_axes.fits": (
        *(10, 11, None),
        ["the 7 bands are not named: taken from blue to red"],
    ),
    "decals_grz_162.fits": (162, 162, (0.00437, 0.54132, 0.262, 0.0), []),
    "decals_grz_225.fits": (225, 225, (146.71421, -1.04128, 0.262, 0.0), []),
    "decals_grz_424.fits": (424, 424, (147.17645, -0.35403, 0.14323, 0.0), []),
    "decals_grz_424_bad_pixels.fits": (
        *(424, 424, (147.45674, 1.09255, 0.13025, 0.0)),
        [
            "76% of band g had no value and was filled",
            "73% of band r had no value and was filled",
        ],
    ),
    "decals_grz_424_truncated.fits": "should end at byte 2,160,192 and the file has 1,389,044",
    "four_image_extensions.fits": (
        *(40, 40, None),
        ["3 further image(s) in the file were left out"],
    ),
    "galaxy_three_extensions_no_wcs.fits": (
        *(162, 162, None),
        ["2 further image(s) in the file were left out"],
    ),
    "gzip_named_fz.fits.fz": (10, 10, None, [CONSTANT]),
    "header_with_newlines.fits": "1 x 1 px",
    "hst_candels_h_cutout_84.fits": (84, 84, (53.14703, -27.77005, 0.06, 0.01), []),
    "m13_float_rice.fits": (300, 300, M13, []),
    "m13_int16.fits": (300, 300, M13, []),
    "m13_int16_gzip.fits": (300, 300, M13, []),
    "m13_int16_rice.fits": (300, 300, M13, []),
    "m51_no_wcs.fits": (512, 512, None, []),
    "mosaic_z_ccd_mask_rice.fits": (208, 204, (177.35969, 59.42719, 0.25709, -90.78), [CONSTANT]),
    "mosaic_z_ccd_rice.fits": (208, 204, (177.35969, 59.42719, 0.25709, -90.78), []),
    "panstarrs_g_m61_with_nan.fits": (
        *(500, 500, (185.47873, 4.47381, 0.72, 30.0)),
        ["0.38% of the image had no value and was filled"],
    ),
    "sdss_frame_g.fits.bz2": (496, 682, SDSS, []),
    "sdss_frame_i.fits.bz2": (496, 682, SDSS, []),
    "sdss_frame_r.fits.bz2": (496, 682, SDSS, []),
    "sdss_r_ic3478.fits": (256, 256, (188.18405, 14.19613, 0.39598, -90.82), []),
    "sdss_r_ngc3073_mask.fits": (200, 150, (150.21996, 55.61655, 0.396, -60.41), []),
    "table_only.fits": "no two-dimensional image, only tables",
    "uint16_bzero_many_extensions.fits": (
        *(44, 62, None),
        ["1 further image(s) in the file were left out"],
    ),
    "wrong_checksum.fits": (
        *(40, 30, (51.18793, -37.45502, 7.0, 0.04)),
        ["the checksum in the file does not match its data"],
    ),
}


def written(*hdus, **options):
    buffer = BytesIO()
    fits.HDUList(list(hdus)).writeto(buffer, **options)
    return buffer.getvalue()


def header(**cards):
    return fits.Header({key.replace("__", "-"): value for key, value in cards.items()})


def sky_header(**changes):
    cards = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": 120.0,
        "CRVAL2": 30.0,
        "CRPIX1": 20.5,
        "CRPIX2": 15.5,
        "CDELT1": -1e-4,
        "CDELT2": 1e-4,
    }
    return fits.Header({**cards, **changes})


def claimed(**cards):
    """A header without data, as a download that stopped or a lie would leave it."""
    base = {"SIMPLE": True, "BITPIX": -32, "NAXIS": 2}
    return fits.Header({**base, **cards}).tostring().encode()


@needs_data
def test_every_real_file_has_its_line_in_the_table():
    assert {path.name for path in DATA.glob("*.fits*")} == set(EXPECTED)


@needs_data
@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_file_comes_out_as_expected(name):
    expected = EXPECTED[name]
    if isinstance(expected, str):
        with pytest.raises(PictureRefused, match=expected.replace("(", "\\(")):
            read_picture(DATA / name)
        return
    picture = read_picture((DATA / name).read_bytes())
    height, width, sky, notes = expected
    assert picture.pixels.shape == (height, width, 3)
    assert picture.format == "fits"
    assert list(picture.notes) == notes
    assert (picture.filled_share > 0) == any("filled" in note for note in notes)
    if sky is None:
        assert picture.sky is None
        return
    found: Any = picture.sky
    assert (found.ra_deg, found.dec_deg) == pytest.approx(sky[:2], abs=2e-5)
    assert found.pixel_scale_arcsec == pytest.approx(sky[2], rel=1e-3)
    assert found.north_deg == pytest.approx(sky[3], abs=0.01)
    assert not found.is_mirrored


@needs_data
def test_tile_compression_changes_nothing_that_is_seen():
    plain = read_picture(DATA / "m13_int16.fits").pixels
    for name in ("m13_int16_rice.fits", "m13_int16_gzip.fits"):
        assert (read_picture(DATA / name).pixels == plain).all()


@needs_data
def test_the_edge_of_the_survey_is_gray_and_not_red():
    picture = read_picture(DATA / "decals_grz_424_bad_pixels.fits")
    assert picture.filled_share == pytest.approx(0.794, abs=0.001)
    galaxy = picture.pixels[195:205, 195:215].astype(int)
    assert galaxy.mean() > 120
    assert np.ptp(galaxy, axis=2).max() <= 2


@needs_data
@pytest.mark.parametrize("name", ["decals_grz_162.fits", "decals_grz_225.fits"])
def test_the_sky_is_dark_and_the_galaxy_bright(name):
    pixels = read_picture(DATA / name).pixels
    middle = pixels.shape[0] // 2
    assert 3 < np.median(pixels) < 60
    assert pixels[middle - 3 : middle + 3, middle - 3 : middle + 3].mean() > 150


def test_the_reddest_band_is_red_and_the_order_of_the_file_does_not_matter():
    planes = np.stack([NOISE, NOISE[::-1], NOISE[:, ::-1]])
    planes[2, 10:20, 10:20] += 300  # only z shines
    for order, bands in [([0, 1, 2], "grz"), ([2, 1, 0], "zrg")]:
        content = written(fits.PrimaryHDU(planes[order], header(BANDS=bands)))
        red, green, blue = read_picture(content).pixels[15, 15]
        assert red > 200
        assert max(green, blue) < 60


def test_every_band_is_a_gray_picture_of_its_own_bluest_first_and_upright():
    planes = np.stack([NOISE, NOISE[::-1], NOISE[:, ::-1]])
    planes[2, :5] += 300  # only z shines, and below
    for order, named in [([0, 1, 2], "grz"), ([2, 1, 0], "zrg")]:
        picture = read_picture(written(fits.PrimaryHDU(planes[order], header(BANDS=named))))
        assert [name for name, _ in picture.bands] == ["g", "r", "z"]
        assert {pixels.shape for _, pixels in picture.bands} == {(30, 40)}
        g, _, z = (pixels for _, pixels in picture.bands)
        assert z[-5:].mean() > 150 > z[:-5].mean()
        assert abs(g[-5:].mean() - g[:-5].mean()) < 30


@pytest.mark.parametrize("named", ["", "ggr"])
def test_bands_without_names_of_their_own_are_numbered(named):
    planes = np.stack([NOISE, NOISE[::-1], NOISE[:, ::-1]])
    cards = {"BANDS": named} if named else {}
    picture = read_picture(written(fits.PrimaryHDU(planes, header(**cards))))
    assert [name for name, _ in picture.bands] == ["1", "2", "3"]


def test_one_band_is_the_picture_itself():
    assert read_picture(written(fits.PrimaryHDU(NOISE))).bands == ()


def test_named_bands_in_extensions_make_a_color_picture():
    shone = NOISE.copy()
    shone[10:20, 10:20] += 300
    hdus = [fits.PrimaryHDU()] + [
        fits.ImageHDU(data, sky_header(FILTER=band))
        for band, data in [("SDSS i", shone), ("SDSS r", NOISE[::-1]), ("SDSS g", NOISE[:, ::-1])]
    ]
    picture = read_picture(written(*hdus))
    red, green, blue = picture.pixels[15, 15]
    assert red > 200
    assert max(green, blue) < 60
    assert picture.notes == ()


def test_bands_of_another_place_are_left_out():
    hdus = [fits.PrimaryHDU()] + [
        fits.ImageHDU(NOISE, sky_header(FILTER=band, CRVAL1=120.0 + shift))
        for shift, band in enumerate("gri")
    ]
    picture = read_picture(written(*hdus))
    assert picture.notes == ("2 further image(s) in the file were left out",)
    assert (np.ptp(picture.pixels.astype(int), axis=2) == 0).all()


def test_two_bands_make_a_picture_with_the_mean_between():
    planes = np.stack([NOISE, NOISE[::-1]])
    planes[1, 10:20, 10:20] += 300
    red, green, blue = read_picture(written(fits.PrimaryHDU(planes, header(BANDS="gi")))).pixels[
        15, 15
    ]
    assert red > green > blue


def test_the_first_row_is_at_the_bottom_and_north_is_up():
    data = NOISE.copy()
    data[:5] += 100
    picture = read_picture(written(fits.PrimaryHDU(data, sky_header())))
    assert picture.pixels[-5:].mean() > 200
    assert picture.pixels[:20].mean() < 100
    sky: Any = picture.sky
    assert (sky.ra_deg, sky.dec_deg) == pytest.approx((120, 30))
    assert sky.pixel_scale_arcsec == pytest.approx(0.36)
    assert sky.north_deg == pytest.approx(0, abs=1e-6)
    assert not sky.is_mirrored


@pytest.mark.parametrize(
    ("angle_deg", "is_mirrored"), [(0, False), (30, False), (-120, False), (0, True), (75, True)]
)
def test_rotation_and_parity_are_measured(angle_deg, is_mirrored):
    """North is turned counterclockwise by the angle; east is left of it unless mirrored."""
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    east = 1 if is_mirrored else -1
    turned = {
        "CDELT1": 1.0,
        "CDELT2": 1.0,
        "PC1_1": east * cos * 1e-4,
        "PC1_2": east * sin * 1e-4,
        "PC2_1": -sin * 1e-4,
        "PC2_2": cos * 1e-4,
    }
    sky: Any = read_picture(written(fits.PrimaryHDU(NOISE, sky_header(**turned)))).sky
    assert sky.north_deg == pytest.approx(angle_deg, abs=1e-3)
    assert sky.is_mirrored is is_mirrored


def test_galactic_coordinates_become_icrs():
    cards = sky_header(CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN", CRVAL1=0.0, CRVAL2=0.0)
    sky: Any = read_picture(written(fits.PrimaryHDU(NOISE, cards))).sky
    assert (sky.ra_deg, sky.dec_deg) == pytest.approx((266.40499, -28.93617), abs=1e-4)


@pytest.mark.parametrize(
    "changes", [{"CRVAL2": 95.0}, {"CDELT1": 0.0}, {"CUNIT1": "parsec"}, {"CTYPE2": "DEC--XYZ"}]
)
def test_a_wcs_that_makes_no_sense_gives_no_position(changes):
    picture = read_picture(written(fits.PrimaryHDU(NOISE, sky_header(**changes))))
    assert picture.sky is None


def test_a_linear_axis_is_no_position():
    cards = header(CTYPE1="LAMBDA", CTYPE2="ANGLE", CRVAL1=8561.0, CRVAL2=0.0)
    picture = read_picture(written(fits.PrimaryHDU(NOISE, cards)))
    assert (picture.sky, picture.notes) == (None, ())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_without_a_value_are_filled_and_counted(bad):
    data = NOISE.copy()
    data[:6] = bad
    picture = read_picture(written(fits.PrimaryHDU(data)))
    assert picture.filled_share == pytest.approx(0.2)
    assert picture.notes == ("20% of the image had no value and was filled",)


def test_blank_integers_are_filled():
    data = RNG.integers(100, 200, (30, 40)).astype(np.int16)
    data[:3] = -999
    picture = read_picture(written(fits.PrimaryHDU(data, header(BLANK=-999))))
    assert picture.filled_share == pytest.approx(0.1)


def test_an_image_without_any_value_is_refused():
    content = written(fits.PrimaryHDU(np.full((30, 40), np.nan, np.float32)))
    with pytest.raises(PictureRefused, match="no value in any of its 1,200 pixels"):
        read_picture(content)


@pytest.mark.parametrize("data", [NOISE - 1000, -NOISE * 1e-12, NOISE.astype(np.int16) - 50])
def test_negative_values_are_shown_like_any_others(data):
    pixels = read_picture(written(fits.PrimaryHDU(data))).pixels
    assert pixels.min() < 20
    assert pixels.max() > 230


def test_a_constant_image_is_gray_and_noted():
    picture = read_picture(written(fits.PrimaryHDU(np.full((30, 40), 7, np.int16))))
    assert (picture.pixels == 128).all()
    assert picture.notes == ("every pixel has the same value, 7.0",)


def test_four_axes_are_refused_unless_two_of_them_are_empty():
    with pytest.raises(PictureRefused, match=r"4 axes .40 x 30 x 2 x 2."):
        read_picture(written(fits.PrimaryHDU(np.zeros((2, 2, 30, 40), np.float32))))
    radio = read_picture(written(fits.PrimaryHDU(NOISE[None, None])))
    assert radio.pixels.shape == (30, 40, 3)


def test_a_spectral_cube_is_refused():
    with pytest.raises(PictureRefused, match="a cube of 50 planes of 40 x 30 px"):
        read_picture(written(fits.PrimaryHDU(np.zeros((50, 30, 40), np.float32))))


def test_a_spectrum_is_refused():
    with pytest.raises(PictureRefused, match="no two-dimensional image"):
        read_picture(written(fits.PrimaryHDU(NOISE[0])))


def test_bscale_zero_is_refused():
    content = written(fits.PrimaryHDU(NOISE.astype(np.int16)))
    card = b"BSCALE  =                    0".ljust(80)
    with pytest.raises(PictureRefused, match="BSCALE = 0"):
        read_picture(content.replace(b"END".ljust(80), card + b"END".ljust(80), 1))


def test_a_header_that_claims_40_gigapixels_is_refused():
    with pytest.raises(PictureRefused, match=r"200,000 x 200,000 px .40,000.0 megapixels"):
        read_picture(claimed(NAXIS1=200_000, NAXIS2=200_000))


def test_a_header_without_data_is_refused_as_cut_off():
    with pytest.raises(PictureRefused, match=r"should end at byte .* and the file has 2,880"):
        read_picture(claimed(NAXIS1=400, NAXIS2=400))


@pytest.mark.parametrize("axes", [{"NAXIS1": -5, "NAXIS2": 9}, {"NAXIS1": 9}, {"NAXIS": 999}])
def test_a_header_of_nonsense_is_refused(axes):
    with pytest.raises(PictureRefused):
        read_picture(claimed(**axes))


def test_control_bytes_in_a_header_are_survived():
    content = written(fits.PrimaryHDU(NOISE, header(OBJECT="galaxyname")))
    picture = read_picture(content.replace(b"galaxyname", b"gal\0\n\x1b[1me"))
    assert picture.pixels.shape == (30, 40, 3)


@pytest.mark.slow
def test_a_gzip_bomb_of_900_megapixels_is_refused():
    """30,000 x 30,000 zeros: 900 MB when unpacked."""
    packed = BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(claimed(BITPIX=8, NAXIS1=30_000, NAXIS2=30_000))
        for _ in range(30):
            file.write(bytes(30_000_000))
    with pytest.raises(PictureRefused, match="unpacks to more than"):
        read_picture(packed.getvalue())


def test_a_rice_bomb_of_400_megapixels_is_refused_by_its_header():
    rows = fits.CompImageHDU(np.zeros((20, 20_000), np.int16), compression_type="RICE_1")
    content = written(fits.PrimaryHDU(), rows)
    small, large = (f"ZNAXIS2 = {n:>20}".encode() for n in (20, 20_000))
    assert small in content
    with pytest.raises(PictureRefused, match=r"20,000 x 20,000 px .400.0 megapixels"):
        read_picture(content.replace(small, large))


def test_a_gzipped_file_is_the_same_picture():
    content = written(fits.PrimaryHDU(NOISE, sky_header()))
    plain, packed = read_picture(content), read_picture(gzip.compress(content))
    assert (plain.pixels == packed.pixels).all()
    assert plain.sky == packed.sky


def test_an_intact_checksum_is_not_noted():
    content = written(fits.PrimaryHDU(NOISE), checksum=True)
    assert read_picture(content).notes == ()
    altered = bytearray(content)
    altered[-4000:-3996] = b"\x41\x20\0\0"
    assert "checksum" in read_picture(bytes(altered)).notes[0]
