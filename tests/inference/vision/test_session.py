"""A session proves itself and runs any number of pictures, with the memory that there is."""

import contextlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from inference.formats.golden import golden_images
from inference.formats.tree import load_built_in
from inference.vision import providers
from inference.vision.model_file import ModelRefused, NoGpu
from inference.vision.providers import CPU, CUDA
from inference.vision.runtime import onnxruntime
from inference.vision.session import ALPHA, CAM, SCORING, NetworkFailed, Session, loaded
from tests.inference.models import sha256_of, tiny_model

N_SOME = 13  # no divisor of a bucket


@pytest.fixture
def session(tmp_path):
    return Session.open(tiny_model(tmp_path), threads=1)


def pictures(n, size_px=32, seed=0):
    shape = (n, size_px, size_px, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_a_session_knows_its_card_its_hash_and_where_it_runs(tmp_path):
    path = tiny_model(tmp_path, tree="galaxy-zoo-2", size_px=64)
    session = Session.open(path, gpu="prefer", threads=1)
    assert session.card.tree == load_built_in("galaxy-zoo-2")
    assert session.sha256 == sha256_of(path)
    assert session.provider == CPU
    assert session.path == path
    assert session.outputs == ("alpha", "alpha_mc", "embedding", "pooled", "features", "cam")


@pytest.mark.parametrize("n", [0, 1, 2, 8, 9, 32, 33, 128, 130, 300])
def test_any_number_of_pictures_gives_what_each_gives_alone(session, n):
    images = pictures(n)
    found = session.run(images)
    k = session.card.tree.n_answers
    assert {name: array.shape for name, array in found.items()} == {
        "alpha": (n, k),
        "alpha_mc": (n, 4, k),
        "embedding": (n, 128),
    }
    for place in {0, n // 2, n - 1} if n else ():
        alone = session.run(images[place : place + 1])
        for name in SCORING:
            np.testing.assert_allclose(found[name][place], alone[name][0], rtol=1e-4, atol=1e-5)


class Watched:
    """A raw session that notes the batches it is given, and what is asked of its memory."""

    def __init__(self, raw):
        self.raw, self.sizes, self.shrunk, self.threads = raw, [], [], set()
        self.meeting: threading.Barrier | None = None

    def run(self, outputs, feed, options=None):
        self.sizes.append(len(feed["images"]))
        self.threads.add(threading.get_ident())
        if self.meeting is not None:  # nobody goes on before a second thread has come
            with contextlib.suppress(threading.BrokenBarrierError):
                self.meeting.wait(timeout=5)
                self.meeting = None
        if options is not None:
            entry = options.get_run_config_entry("memory.enable_memory_arena_shrinkage")
            self.shrunk.append(entry)
        return self.raw.run(outputs, feed, options)


def test_batches_come_in_few_sizes(session):
    session._session = Watched(session._session)
    for n in range(1, 140):
        session.run(pictures(n))
    assert set(session._session.sizes) == {1, 8, 32}
    assert session.largest_batch == 32


@pytest.mark.parametrize(
    ("n", "threads", "sizes"),
    [
        (1, 3, [1]),
        (3, 3, [8]),
        (10, 3, [1] * 10),
        (30, 3, [8, 8, 8, 8]),
        (100, 3, [32, 32, 32, 8]),
        (100, 1, [32, 32, 32, 8]),
        (31, 1, [8, 8, 8, 8]),
        (5, 1, [8]),
        (500, 20, [8] * 63),
    ],
)
def test_threads_share_pictures_in_batches_that_leave_none_of_them_idle(
    tmp_path, n, threads, sizes
):
    session = Session.open(tiny_model(tmp_path), threads=threads)
    watched = session._session = Watched(session._session)
    if threads > 1 and len(sizes) > 1:
        watched.meeting = threading.Barrier(2)
    found = session.run(pictures(n))
    watched.meeting = None
    assert sorted(watched.sizes, reverse=True) == sizes
    assert session.largest_batch == 32 * threads
    assert (len(watched.threads) > 1) == (threads > 1 and len(sizes) > 1)
    assert len(found[ALPHA]) == n
    watched.threads.clear()
    again = session.run(pictures(n), threads=1)
    assert watched.threads == {threading.get_ident()}
    np.testing.assert_allclose(found[ALPHA], again[ALPHA], rtol=1e-4)


def test_each_batch_size_was_run_before_a_session_is_ready(session):
    session._session = Watched(session._session)
    session.prove(warm=False)
    assert session._session.sizes == [8]
    session.prove()
    assert set(session._session.sizes) == {1, 8, 32}


def test_a_network_that_says_something_else_in_a_larger_batch_is_refused(session):
    raw = session._session

    class Moody:
        def run(self, outputs, feed):
            is_large = len(feed["images"]) == 32
            return [array + is_large for array in raw.run(outputs, feed)]

    session._session = Moody()
    session.prove(warm=False)
    with pytest.raises(ModelRefused, match="says something else of its golden pictures"):
        session.prove()


def test_only_what_is_asked_for_is_computed(session):
    assert list(session.run(pictures(3), (CAM, ALPHA))) == [CAM, ALPHA]


def test_pictures_need_not_lie_in_one_piece(session):
    images = pictures(16)
    np.testing.assert_array_equal(
        session.run(images[::2])[ALPHA], session.run(images[::2].copy())[ALPHA]
    )


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 16, 16, 3), np.uint8),
        np.zeros((2, 32, 32, 3), np.float32),
        np.zeros((32, 32, 3), np.uint8),
    ],
)
def test_pictures_of_another_shape_are_an_error_of_the_caller(session, images):
    with pytest.raises(ValueError, match=r"the network takes uint8 \(n, 32, 32, 3\)"):
        session.run(images)


def test_catalog_columns_count_where_they_are_known(tmp_path):
    session = Session.open(tiny_model(tmp_path, aux_names=("mag_r", "redshift")), threads=1)
    images = np.repeat(pictures(1), N_SOME, axis=0)
    aux = np.random.default_rng(1).normal(size=(N_SOME, 2)).astype(np.float32)
    missing = session.run(images)[ALPHA]
    known = session.run(images, aux=aux)[ALPHA]
    assert np.allclose(missing, missing[0])
    assert (np.abs(known - missing).max(axis=1) > 0.01).all()
    aux[3] = np.nan
    mask = np.ones((N_SOME, 2), bool)
    mask[5] = False
    partly = session.run(images, aux=aux, aux_mask=mask)[ALPHA]
    np.testing.assert_allclose(partly[[3, 5]], missing[[3, 5]], rtol=1e-5)
    others = np.delete(np.arange(N_SOME), [3, 5])
    np.testing.assert_allclose(partly[others], known[others], rtol=1e-5)


def test_catalog_columns_of_another_number_are_an_error_of_the_caller(tmp_path):
    session = Session.open(tiny_model(tmp_path, aux_names=("mag_r",)), threads=1)
    with pytest.raises(ValueError, match=r"aux is \(2, 3\), the network takes \(2, 1\)"):
        session.run(pictures(2), aux=np.zeros((2, 3), np.float32))


def test_many_threads_may_run_one_session(session):
    images = pictures(64)
    expected = session.run(images)[ALPHA]

    def one(seed):
        rows = np.random.default_rng(seed).permutation(64)[: 1 + seed % 40]
        found = session.run(images[rows])[ALPHA]
        return np.abs(found - expected[rows]).max()

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(one, range(200))) < 1e-3


@pytest.mark.parametrize(("provider", "arenas"), [(CPU, "cpu:0"), (CUDA, "gpu:0;cpu:0")])
def test_a_job_ends_with_a_small_arena_and_the_session_goes_on(session, provider, arenas):
    before = session.run(pictures(5))[ALPHA]
    watched = session._session = Watched(session._session)
    session.provider = provider
    session.run(pictures(128))
    assert watched.shrunk == []
    watched.raw, raw = Forgiving(watched.raw), watched.raw
    session.shrink()
    assert (watched.sizes[-1], watched.shrunk) == (1, [arenas])
    watched.raw = raw
    np.testing.assert_array_equal(session.run(pictures(5))[ALPHA], before)


def test_the_runtime_knows_how_to_shrink_its_arena(session):
    session.run(pictures(300))
    session.shrink()
    session.run(pictures(300))


class Forgiving:
    """A raw session that takes no heed of options: this machine may have no GPU's arena."""

    def __init__(self, raw):
        self.raw = raw

    def run(self, outputs, feed, _=None):
        return self.raw.run(outputs, feed)


def test_a_closed_session_is_gone_with_its_threads(session):
    session.close()
    assert session._session is None
    with pytest.raises(RuntimeError, match="shutdown"):
        session._pool.submit(print)


def test_a_network_that_cannot_be_run_is_refused(session):
    session._session = Forgetful(session._session, most=0)
    with pytest.raises(ModelRefused, match=r"tiny-0 cannot be computed on .*, 1 at a time"):
        session.prove()


def test_a_failure_of_the_runtime_is_raised_in_one_sentence(session):
    with pytest.raises(NetworkFailed, match=r"tiny-0 cannot be computed on CPU.*, 8 at a time"):
        session.run(pictures(2), ("no such output",))


# Memory and GPUs


class Forgetful:
    """A raw session that has memory for few pictures."""

    def __init__(self, raw, most):
        self.raw, self.most, self.sizes = raw, most, []

    def run(self, outputs, feed):
        n = len(feed["images"])
        self.sizes.append(n)
        if n > self.most:
            raise RuntimeError("CUDA failure 2: out of memory ; GPU=0")
        return self.raw.run(outputs, feed)


def test_too_little_memory_makes_batches_smaller_and_loses_nothing(session, caplog):
    expected = session.run(pictures(200))
    session._session = Forgetful(session._session, most=8)
    found = session.run(pictures(200))
    assert all(np.allclose(found[name], expected[name], rtol=1e-5) for name in SCORING)
    assert session._session.sizes == [32] + [8] * 25
    assert session.largest_batch == 8
    assert len(caplog.messages) == 1


def test_a_batch_size_that_failed_is_given_up_with_all_above_it(session):
    session._session = Forgetful(session._session, most=1)
    session.run(pictures(9))
    assert session._session.sizes == [8] + [1] * 9
    assert session.largest_batch == 1


def test_many_threads_that_run_out_of_memory_agree_on_one_batch_size(session):
    session._session = Forgetful(session._session, most=8)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda seed: session.run(pictures(150, seed=seed)), range(8)))
    assert [len(outputs[ALPHA]) for outputs in found] == [150] * 8
    assert session.largest_batch == 8


def test_no_memory_for_a_single_picture_is_a_failure_with_the_remedy(session):
    session._session = Forgetful(session._session, most=0)
    with pytest.raises(NetworkFailed, match=r", 1 at a time .* use a smaller network"):
        session.run(pictures(3))


def test_a_process_with_a_limit_of_memory_goes_on_in_smaller_batches(tmp_path):
    path = tiny_model(tmp_path, size_px=256, channels=128)
    code = (
        "import resource, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from inference.vision.session import Session\n"
        f"session = Session.open(Path({str(path)!r}), threads=1, warm=False)\n"
        "images = np.zeros((128, 256, 256, 3), np.uint8)\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "limit = used + 40_000_000\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "found = session.run(images, ('alpha',))\n"
        "print(len(found['alpha']), session.largest_batch < 32)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=Path(providers.__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "128 True\n"


class OnGpu:
    """A raw session that says it runs on CUDA, and computes wrongly if told so."""

    def __init__(self, raw, *, fails):
        self.raw, self.fails = raw, fails

    def __getattr__(self, name):
        return getattr(self.raw, name)

    def get_providers(self):
        return [CUDA, CPU]

    def run(self, outputs, feed):
        if self.fails:
            raise RuntimeError("CUDA failure 209: no kernel image is available")
        return self.raw.run(outputs, feed)


@pytest.fixture
def gpu(monkeypatch):
    """Pretend that there is a GPU; return how to make it fail."""
    state = {"fails": False}

    def load(content, name, *, threads, providers):
        raw = loaded(content, name, threads=threads, providers=[(CPU, {})])
        return OnGpu(raw, fails=state["fails"]) if providers[0][0] == CUDA else raw

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr("inference.vision.session.loaded", load)
    return state


def test_a_gpu_runs_larger_batches(tmp_path, gpu):
    session = Session.open(tiny_model(tmp_path), gpu="require", threads=1)
    assert (session.provider, session.largest_batch) == (CUDA, 512)


def test_a_gpu_that_fails_on_the_golden_pictures_is_not_preferred(tmp_path, gpu, caplog):
    gpu["fails"] = True
    session = Session.open(tiny_model(tmp_path), gpu="prefer", threads=1)
    assert session.provider == CPU
    assert "The processor is tried instead of CUDA" in caplog.messages[0]


def test_a_gpu_that_fails_is_refused_where_it_is_required(tmp_path, gpu):
    gpu["fails"] = True
    with pytest.raises(ModelRefused, match="no kernel image"):
        Session.open(tiny_model(tmp_path), gpu="require", threads=1)


def test_a_gpu_is_required_in_vain_where_there_is_none(tmp_path):
    if CUDA in onnxruntime.get_available_providers():
        pytest.skip("There is a GPU package here.")
    with pytest.raises(NoGpu):
        Session.open(tiny_model(tmp_path), gpu="require")


def test_golden_pictures_are_the_same_whatever_else_is_in_their_batch(session):
    golden = golden_images(session.card.golden.seed, 32)
    assert session.card.golden.deviation(session.run(golden)[ALPHA], "float32") < 0.1


def test_a_silent_fallback_is_found_out(tmp_path, gpu, monkeypatch, caplog):
    monkeypatch.setattr(OnGpu, "get_providers", lambda _: [CPU])
    session = Session.open(tiny_model(tmp_path), gpu="prefer", threads=2)
    assert (session.provider, session.threads) == (CPU, 2)
    assert not isinstance(session._session, OnGpu)
    assert caplog.messages == [f"Asked for {CUDA} and got {CPU}: predictions run slower."]
    with pytest.raises(NoGpu, match="fell back"):
        Session.open(tiny_model(tmp_path), gpu="require")


def test_nothing_spins_and_no_later_run_falls_back_by_itself(tmp_path):
    session = Session.open(tiny_model(tmp_path), threads=3)
    options = session._session.get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert not session._session._enable_fallback
