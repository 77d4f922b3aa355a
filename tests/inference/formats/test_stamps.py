import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.formats.stamps import StampsRefused, read_all_stamps, read_stamps, write_stamps


def pictures(n, size_px=8):
    chance = np.random.default_rng(n)
    return chance.integers(0, 256, (n, size_px, size_px, 3), np.uint8)


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "images.npy"
    write_stamps(path, [pictures(5)], n=5, size_px=8)
    return path


@pytest.mark.parametrize("sizes", [[5], [2, 3], [1, 0, 4]])
def test_blocks_come_back_as_one_array(tmp_path, sizes):
    path, whole = tmp_path / "stamps" / "images.npy", pictures(5)
    blocks = np.split(whole, np.cumsum(sizes)[:-1])
    write_stamps(path, iter(blocks), n=5, size_px=8)
    found = read_stamps(path, n=5, size_px=8)
    assert np.array_equal(found, whole)
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable


def test_the_hash_is_that_of_the_file(tmp_path):
    path = tmp_path / "images.npy"
    digest = write_stamps(path, [pictures(3)], n=3, size_px=8)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_numpy_reads_the_file_and_a_file_of_numpy_is_read(tmp_path, stored):
    assert np.array_equal(np.load(stored), pictures(5))
    np.save(tmp_path / "theirs.npy", pictures(7))
    assert np.array_equal(read_all_stamps(tmp_path / "theirs.npy"), pictures(7))


def test_numbers_of_numpy_make_the_same_file(tmp_path, stored):
    sizes: Any = np.array([5, 8])
    write_stamps(tmp_path / "b.npy", [pictures(5)], n=sizes[0], size_px=sizes[1])
    assert (tmp_path / "b.npy").read_bytes() == stored.read_bytes()


def test_no_pictures_are_an_empty_array(tmp_path):
    path = tmp_path / "images.npy"
    write_stamps(path, [], n=0, size_px=8)
    assert read_stamps(path, n=0, size_px=8).shape == (0, 8, 8, 3)


def test_a_block_that_is_not_contiguous_is_stored_right(tmp_path):
    path, block = tmp_path / "images.npy", pictures(6)[::-2, :, ::-1]
    write_stamps(path, [block], n=3, size_px=8)
    assert np.array_equal(read_stamps(path, n=3, size_px=8), block)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([pictures(4)], "4 pictures came where 5 belong"),
        ([pictures(4), pictures(2)], "More pictures came where 5 belong"),
        ([pictures(5, 9)], r"\(5, 9, 9, 3\).*8 x 8 x 3"),
        ([pictures(5).astype(np.float32)], "float32 came where 8 x 8 x 3 bytes belong"),
        ([pictures(5)[..., :1]], r"\(5, 8, 8, 1\)"),
    ],
)
def test_blocks_that_are_wrong_store_nothing(tmp_path, blocks, words):
    with pytest.raises(StampsRefused, match=words):
        write_stamps(tmp_path / "images.npy", blocks, n=5, size_px=8)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_of_pictures_that_does_not_end_is_not_waited_for(tmp_path):
    def endless():
        yield pictures(4)
        yield pictures(4)
        pytest.fail("Nobody needs a third block.")

    with pytest.raises(StampsRefused, match=r"More pictures"):
        write_stamps(tmp_path / "images.npy", endless(), n=5, size_px=8)


def test_a_reader_that_fails_leaves_the_old_file(stored):
    before = stored.read_bytes()

    def failing():
        yield pictures(2)
        raise KeyError

    with pytest.raises(KeyError):
        write_stamps(stored, failing(), n=5, size_px=8)
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == ["images.npy"]


def test_another_number_or_size_than_wanted_is_refused(stored):
    with pytest.raises(StampsRefused, match=r"5 pictures of 8 px, and 6 of 8 px are wanted.*again"):
        read_stamps(stored, n=6, size_px=8)
    with pytest.raises(StampsRefused, match=r"5 of 16 px are wanted"):
        read_stamps(stored, n=5, size_px=16)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(StampsRefused, match=r"images.npy cannot be read \(No such file"):
        read_all_stamps(tmp_path / "images.npy")


@pytest.mark.parametrize("kept", [0, 5, 60, 127, 128, 129, 1087])
def test_a_file_cut_off_anywhere_is_refused(stored, kept):
    stored.write_bytes(stored.read_bytes()[:kept])
    with pytest.raises(StampsRefused, match=r"again\.$"):
        read_all_stamps(stored)


def test_bytes_behind_the_end_are_refused(stored):
    stored.write_bytes(stored.read_bytes() + b"x")
    with pytest.raises(StampsRefused, match=r"1,089 bytes, and 5 pictures of 8 px are 1,088"):
        read_all_stamps(stored)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5, 8, 8, 3), np.float32),
        np.zeros((5, 8, 9, 3), np.uint8),
        np.zeros((5, 8, 8, 4), np.uint8),
        np.zeros((5, 8, 8), np.uint8),
        np.asfortranarray(np.ones((5, 8, 8, 3), np.uint8)),
        np.array([{"an": "object"}], dtype=object),
    ],
)
def test_another_array_is_refused(tmp_path, array):
    np.save(tmp_path / "images.npy", array, allow_pickle=True)
    with pytest.raises(StampsRefused, match=r"no array of pictures"):
        read_all_stamps(tmp_path / "images.npy")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 127), value=st.integers(0, 255))
def test_a_header_damaged_anywhere_is_refused(tmp_path, place, value):
    path = tmp_path / "images.npy"
    write_stamps(path, [pictures(5)], n=5, size_px=8)
    data = bytearray(path.read_bytes())
    is_damaged = data[place] != value
    data[place] = value
    path.write_bytes(data)
    if is_damaged:
        with pytest.raises(StampsRefused):
            read_stamps(path, n=5, size_px=8)
    else:
        assert np.array_equal(read_stamps(path, n=5, size_px=8), pictures(5))
