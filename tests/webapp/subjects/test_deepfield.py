"""The demo's galaxies, cut from the picture that scikit-image's wheel carries."""

import math
import socket
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from webapp.subjects import deepfield

STARS = [(253, 166), (754, 578)]  # the two with spikes, found by eye


@pytest.fixture(scope="module")
def galaxies():
    return deepfield.galaxies()


@pytest.fixture(scope="module")
def field():
    return skimage.data.hubble_deep_field()


def test_the_picture_is_in_the_wheel_and_needs_no_network(monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    assert (Path(skimage.data.__file__).parent / "hubble_deep_field.jpg").exists()
    assert skimage.data.hubble_deep_field().shape == (872, 1000, 3)


def test_a_few_hundred_sources_of_60_px_are_found(field):
    found = deepfield.sources(field)
    assert 300 <= len(found) <= 450
    assert min(source.n_px for source in found) >= 60


def test_at_least_a_hundred_galaxies_are_large_enough_to_be_shown(galaxies):
    assert 150 <= len(galaxies) <= 250


def test_the_largest_galaxy_comes_first(galaxies):
    sizes = [galaxy.n_px for galaxy in galaxies]
    assert sizes == sorted(sizes, reverse=True)
    assert (round(galaxies[0].x_px), round(galaxies[0].y_px)) == (727, 474)


def test_every_galaxy_is_named_after_its_own_pixel(galaxies):
    names = [galaxy.survey_id for galaxy in galaxies]
    assert len(set(names)) == len(names)
    for galaxy in galaxies:
        assert galaxy.survey_id == f"HDF-{round(galaxy.x_px):04d}-{round(galaxy.y_px):04d}"


def test_no_frame_reaches_over_the_edge(galaxies):
    for galaxy in galaxies:
        half = galaxy.size_px / 2
        assert half <= galaxy.x_px <= 1000 - half
        assert half <= galaxy.y_px <= 872 - half


def test_stars_with_spikes_are_left_out_and_only_they(galaxies, field):
    stars = [s for s in deepfield.sources(field) if deepfield._is_star(field, s)]
    assert sorted((round(s.x_px), round(s.y_px)) for s in stars) == STARS
    for galaxy in galaxies:
        assert all(math.hypot(galaxy.x_px - x, galaxy.y_px - y) > 20 for x, y in STARS)


def test_the_great_spiral_and_the_edge_on_disk_are_there(galaxies):
    near = {(g.x_px // 10, g.y_px // 10) for g in galaxies}
    assert {(12, 40), (8, 48)} <= near


def test_a_galaxy_is_brightest_around_the_middle_of_its_frame(galaxies):
    brighter = 0
    for galaxy in galaxies:
        light = np.asarray(Image.open(BytesIO(galaxy.content)).convert("L"), dtype=float)
        assert light.shape == (256, 256)
        brighter += light[96:160, 96:160].mean() > 1.3 * light.mean()
    assert brighter / len(galaxies) > 0.95


@pytest.mark.slow
def test_the_same_bytes_come_out_each_time(galaxies):
    assert deepfield.galaxies() == galaxies
