"""A network is replaced while others use it, and no request is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from inference.vision.model_file import ModelRefused
from inference.vision.session import ALPHA, Session
from inference.vision.slot import Slot
from tests.inference.models import sha256_of, tiny_model

OPTIONS: dict[str, Any] = {"threads": 1, "gpu": "off"}


@pytest.fixture
def paths(tmp_path):
    """Two networks of one tree with other weights."""
    return [tiny_model(tmp_path, name=f"{seed}.onnx", seed=seed) for seed in (1, 2)]


@pytest.fixture
def slot(paths):
    return Slot(Session.open(paths[0], **OPTIONS))


def served(slot):
    with slot.current() as session:
        return session


def test_a_swapped_in_network_serves_from_then_on(slot, paths):
    new = slot.swap(paths[1], **OPTIONS)
    assert served(slot) is new
    assert new.sha256 == sha256_of(paths[1])


def test_the_old_network_ends_when_its_last_user_is_done(slot, paths):
    with slot.current() as first, slot.current() as second:
        assert first is second
        slot.swap(paths[1], **OPTIONS)
        first.run(np.zeros((1, 32, 32, 3), np.uint8))
    assert first._session is None
    assert slot._users == {served(slot): 0}


def test_the_old_network_ends_at_once_where_nobody_uses_it(slot, paths):
    old = served(slot)
    slot.swap(paths[1], **OPTIONS)
    assert old._session is None


def test_a_network_is_given_back_after_an_error_too(slot):
    with pytest.raises(ZeroDivisionError), slot.current():
        1 / 0  # noqa: B018
    assert list(slot._users.values()) == [0]


def test_a_network_that_does_not_prove_itself_leaves_the_old_one_in_place(slot, paths):
    old = served(slot)
    content = bytearray(paths[1].read_bytes())
    paths[1].write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelRefused):
        slot.swap(paths[1], **OPTIONS)
    with pytest.raises(ModelRefused):
        slot.swap(paths[0], expected_sha256="0" * 64, **OPTIONS)
    assert served(slot) is old
    old.run(np.zeros((1, 32, 32, 3), np.uint8))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tree": "galaxy-zoo-2"}, "tree 'galaxy-zoo-2'"),
        ({"size_px": 64}, "at 64 px"),
        ({"crop": 0.5}, "central 50%"),
    ],
)
def test_a_network_of_another_kind_is_swapped_in_only_on_purpose(slot, tmp_path, change, words):
    old = served(slot)
    path = tiny_model(tmp_path, name="other.onnx", **change)
    with pytest.raises(ModelRefused, match=words):
        slot.swap(path, **OPTIONS)
    assert served(slot) is old
    assert slot.swap(path, other_tree=True, **OPTIONS) is served(slot)


def test_swaps_under_load_lose_no_request_and_mix_no_answers(slot, paths):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    expected = {sha256_of(path): Session.open(path, **OPTIONS).run(images)[ALPHA] for path in paths}
    done, is_over = [], threading.Event()

    def hammer(_):
        while not is_over.is_set():
            with slot.current() as session:
                found = session.run(images)[ALPHA]
                done.append((session.sha256, np.allclose(found, expected[session.sha256])))

    with ThreadPoolExecutor(6) as pool:
        hammering = [pool.submit(hammer, n) for n in range(6)]
        for n in range(30):
            slot.swap(paths[(n + 1) % 2], warm=False, **OPTIONS)
        is_over.set()
        for request in hammering:
            request.result()  # raises what a request did
    assert all(is_right for _, is_right in done)
    assert {sha256 for sha256, _ in done} == set(expected)
    assert slot._users == {served(slot): 0}
