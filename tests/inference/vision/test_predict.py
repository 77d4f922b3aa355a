"""Many pictures: in order, each once, those that cannot be read with the reason."""

import itertools
import os
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.vision import predict as predict_module
from inference.vision.predict import predict
from inference.vision.preprocess import read_stamp
from inference.vision.providers import CPU, CUDA
from inference.vision.session import ALPHA, EMBEDDING, POOLED, NetworkFailed, Session
from inference.vision.slot import Slot
from tests.inference.models import tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module", params=[CPU, CUDA])
def session(folder, request):
    """A session that is treated as one on a processor, or on a GPU."""
    session = Session.open(tiny_model(folder), threads=1)
    session.provider = request.param
    return session


def jpeg(shade, side=40):
    buffer = BytesIO()
    Image.new("RGB", (side, side), (shade % 256, shade // 256, 7)).save(buffer, "JPEG")
    return buffer.getvalue()


def joined(parts):
    parts = list(parts)
    sources = [source for part in parts for source in part.sources]
    errors = [error for part in parts for error in part.errors]
    return sources, errors, np.concatenate([part.outputs[ALPHA] for part in parts])


@given(
    kinds=st.lists(st.sampled_from(["good", "bad", "file", "missing"]), max_size=40),
    batch_size=st.integers(1, 12),
    decode_threads=st.integers(1, 4),
)
@settings(max_examples=30)
def test_every_picture_comes_back_once_in_order(session, folder, kinds, batch_size, decode_threads):
    (folder / "galaxy.jpg").write_bytes(jpeg(99))
    sources = {
        "good": lambda n: (f"name {n}", jpeg(n * 6)),
        "bad": lambda n: (f"name {n}", b"GIF89a"),
        "file": lambda _: folder / "galaxy.jpg",
        "missing": lambda n: folder / f"{n}.jpg",
    }
    asked = [sources[kind](n) for n, kind in enumerate(kinds)]
    found = list(
        predict(session, iter(asked), batch_size=batch_size, decode_threads=decode_threads)
    )
    assert [len(part) for part in found[:-1]] == [batch_size] * (len(found) - 1)
    if not asked:
        assert found == []
        return
    names, errors, alpha = joined(found)
    assert names == [str(source if isinstance(source, Path) else source[0]) for source in asked]
    for kind, error, row, source in zip(kinds, errors, alpha, asked, strict=True):
        if kind in ("bad", "missing"):
            assert "JPEG, PNG" in error
            assert np.isnan(row).all()
        else:
            content = source if isinstance(source, Path) else source[1]
            stamp = read_stamp(content, session.card.input)
            assert error is None
            np.testing.assert_allclose(row, session.run(stamp[None])[ALPHA][0], rtol=1e-4)


def test_real_galaxies_give_the_same_in_any_batch(session, shared):
    paths = sorted((shared / "data/gz2_kaggle/images").glob("*.jpg"))[:50]
    all_at_once = joined(predict(session, paths, batch_size=64))
    few_at_once = joined(predict(session, paths, batch_size=7, decode_threads=3))
    assert all_at_once[:2] == few_at_once[:2]
    np.testing.assert_allclose(all_at_once[2], few_at_once[2], rtol=1e-4)
    assert len(np.unique(all_at_once[2][:, 0].round(3))) > 40


def test_other_outputs_can_be_asked_for(session):
    (found,) = predict(session, [("a", jpeg(1)), ("b", b"")], outputs=(POOLED, EMBEDDING))
    assert list(found.outputs) == [POOLED, EMBEDDING]
    assert np.isfinite(found.outputs[POOLED][0]).all()
    assert np.isnan(found.outputs[POOLED][1]).all()
    assert found.sha256 == session.sha256


def test_a_batch_of_nothing_but_bad_pictures_is_a_result_too(session):
    (found,) = predict(session, [(str(n), b"") for n in range(5)])
    assert all("empty" in error for error in found.errors)
    assert np.isnan(found.outputs[ALPHA]).all()


class Overflowing:
    """A raw session that has no numbers for the brightest pictures and for black, as in 16 bits."""

    def __init__(self, raw):
        self.raw = raw

    def run(self, outputs, feed):
        found = dict(zip(outputs, self.raw.run(outputs, feed), strict=True))
        brightness = feed["images"].mean(axis=(1, 2, 3))
        found[ALPHA][(brightness > 100) | (brightness == 0), 1] = np.inf
        return list(found.values())


def test_a_picture_to_which_the_network_says_nothing_finite_is_noted(folder):
    network = Session.open(tiny_model(folder, name="good.onnx"), threads=1)
    network._session = Overflowing(network._session)
    (found,) = predict(network, [("dark", jpeg(0)), ("white", jpeg(65_535)), ("bad", b"")])
    assert found.errors[0] is None
    assert "no finite number" in found.errors[1]
    assert "empty" in found.errors[2]
    assert np.isfinite(found.outputs[EMBEDDING]).all(axis=1).tolist() == [True, False, False]


def test_a_picture_for_which_there_is_no_memory_is_noted(session, monkeypatch):
    def read(content, spec):
        if content == b"huge":
            raise MemoryError
        return read_stamp(content, spec)

    monkeypatch.setattr(predict_module, "read_stamp", read)
    (found,) = predict(session, [("a", jpeg(3)), ("b", b"huge")])
    assert found.errors[0] is None
    assert "more memory than there is" in found.errors[1]


def test_a_failure_of_the_network_is_raised_and_every_thread_ends(session):
    before = threading.active_count()
    sources = ((str(n), jpeg(n)) for n in range(200))
    with pytest.raises(NetworkFailed, match="cannot be computed"):
        list(predict(session, sources, outputs=("alpha", "nonsense"), batch_size=4))
    assert threading.active_count() == before


def test_an_error_of_the_source_is_raised(session):
    def sources():
        yield ("a", jpeg(1))
        raise KeyError("the database is gone")

    with pytest.raises(KeyError, match="database"):
        list(predict(session, sources(), batch_size=1))


def test_a_caller_who_stops_early_leaves_no_thread_and_reads_no_further(session):
    before, taken = threading.active_count(), itertools.count()
    sources = ((str(next(taken)), jpeg(n)) for n in range(10_000))
    results: Any = predict(session, sources, batch_size=8)
    assert len(next(results)) == 8
    results.close()
    assert threading.active_count() == before
    assert next(taken) <= 5 * 8


def test_a_caller_who_stops_early_has_no_more_decoded_than_what_has_begun(session, monkeypatch):
    decoded, stopped = itertools.count(), threading.Event()

    def read(content, spec):
        if next(decoded) > 30:  # in the second batch
            stopped.wait(timeout=10)
            stopped.set()
        return read_stamp(content, spec)

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, *, cancel_futures=False):  # noqa: FBT002
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            stopped.set()
            super().shutdown(wait)

    monkeypatch.setattr(predict_module, "read_stamp", read)
    monkeypatch.setattr(predict_module, "ThreadPoolExecutor", Pool)
    sources = [(str(n), jpeg(n)) for n in range(80)]
    results: Any = predict(session, sources, batch_size=20, decode_threads=1)
    next(results)
    results.close()
    assert next(decoded) < 60


def test_no_more_is_read_ahead_than_four_batches(session):
    taken: list[int] = []

    def sources():
        for n in range(100):
            taken.append(n)
            yield (str(n), jpeg(n))

    for n, _ in enumerate(predict(session, sources(), batch_size=5), start=1):
        assert len(taken) <= (n + 3) * 5
    assert len(taken) == 100


def test_a_slot_may_be_swapped_between_batches(folder):
    paths = [tiny_model(folder, name=f"swap-{seed}.onnx", seed=seed) for seed in (1, 2)]
    slot = Slot(Session.open(paths[0], threads=1))
    sources = [(str(n), jpeg(n)) for n in range(120)]
    hashes = []
    for n, found in enumerate(predict(slot, sources, batch_size=4)):
        if n == 5:
            slot.swap(paths[1], threads=1)
        hashes.append(found.sha256)
    assert len(hashes) == 30
    assert len(set(hashes[:5])) == 1
    assert hashes[-1] == Session.open(paths[1], threads=1).sha256 != hashes[0]


@pytest.mark.parametrize("end", ["all are done", "the caller stops", "the network fails"])
def test_a_network_is_given_back_however_the_job_ends(session, folder, end):
    slot = Slot(session)
    outputs = ("nonsense",) if end == "the network fails" else (ALPHA,)
    results: Any = predict(
        slot, [(str(n), jpeg(n)) for n in range(40)], batch_size=4, outputs=outputs
    )
    if end == "the network fails":
        with pytest.raises(NetworkFailed):
            next(results)
    elif end == "the caller stops":
        next(results)
        assert slot._users == {session: 4 - 1}
        results.close()
    else:
        list(results)
    assert slot._users == {session: 0}


def test_on_a_processor_each_thread_runs_what_it_decoded(folder):
    network = Session.open(tiny_model(folder, name="two.onnx"), threads=2)
    raw, names = network._session, set()

    class Named:
        def run(self, outputs, feed):
            names.add(threading.current_thread().name.split("_")[0])
            return raw.run(outputs, feed)

    network._session = Named()
    list(predict(network, [(str(n), jpeg(n)) for n in range(300)]))
    assert names == {"decode"}


def test_a_slot_that_gets_another_tree_ends_the_job_with_the_remedy(folder):
    slot = Slot(Session.open(tiny_model(folder, name="first.onnx"), threads=1))
    other = tiny_model(folder, name="second.onnx", tree="galaxy-zoo-2", seed=7)
    results = predict(slot, [(str(n), jpeg(n)) for n in range(100)], batch_size=4)
    next(results)
    slot.swap(other, other_tree=True, threads=1)
    with pytest.raises(NetworkFailed, match=r"was replaced by tiny-7, .* start again"):
        list(results)


def test_memory_stays_flat_over_pictures_of_all_sizes(session):
    sides = (40, 424, 1000, 64, 2000)
    contents = [jpeg(n, side) for n, side in enumerate(sides)]
    sources = ((str(n), contents[n % len(sides)]) for n in range(2_000))
    marks = []
    tracemalloc.start()
    try:
        for found in predict(session, sources, batch_size=32):
            marks.append(tracemalloc.get_traced_memory()[0])
            del found
    finally:
        tracemalloc.stop()
    early, late = max(marks[5:20]), max(marks[-15:])
    assert late < early + 2_000_000


def test_threads_are_as_many_as_cores_unless_told(session, monkeypatch):
    asked = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, n_threads, **options):
            asked.append(n_threads)
            super().__init__(n_threads, **options)

    monkeypatch.setattr(predict_module, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 5})
    list(predict(session, [("a", jpeg(1))]))
    list(predict(session, [("a", jpeg(1))], decode_threads=2))
    assert asked == [1 if session.provider == CPU else 3, 1, 2, 1]
