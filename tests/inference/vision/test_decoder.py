"""The limited child: what it takes away, and that one bad picture harms no other."""

import os
import resource
import signal
import subprocess
import sys
import time
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.vision import decoder as decoder_module
from inference.vision.child import Child
from inference.vision.decoder import Decoded, Decoder
from inference.vision.images import read_picture
from inference.vision.picture import MAX_FILE_BYTES, PictureRefused
from inference.vision.renditions import render

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the folder ../shared is not here")
pytestmark = pytest.mark.processes


def png(shade=90, size=(60, 40)):
    buffer = BytesIO()
    image = Image.new("RGB", size, (shade, shade, shade))
    image.paste((255, 255, 255), (0, 0, size[0] // 2, size[1] // 2))
    image.save(buffer, "PNG")
    return buffer.getvalue()


def slow_jpeg():
    """Some 20 megapixels that come in hundreds of scans: seconds of work in a small file."""
    buffer = BytesIO()
    Image.new("L", (4900, 4900)).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    scan = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + scan * 400 + content[-2:]


def status_of(process_id):
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def child_of(decoder):
    return decoder._child.process_id


def formats(outcomes):
    return [outcome.format for outcome in outcomes]


def eventually_gone(process_id, within_s=10.0):
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if status_of(process_id)["State"].startswith("Z"):
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as decoder:
        yield decoder


def test_a_picture_comes_back_as_if_it_were_decoded_here(decoder):
    content = png()
    decoded = decoder.decode(content)
    assert decoded.renditions == render(read_picture(content))
    assert (decoded.format, decoded.width_px, decoded.height_px) == ("png", 60, 40)
    assert (decoded.sky, decoded.filled_share, decoded.notes) == (None, 0.0, ())


@needs_data
def test_the_pixel_scale_is_that_of_the_display_picture(decoder):
    content = (DATA / "fits" / "decals_grz_162.fits").read_bytes()
    decoded = decoder.decode(content)
    assert decoded.renditions == render(read_picture(content))
    assert [name for name, _ in decoded.renditions.bands] == ["g", "r", "z"]
    assert {each.width_px for _, each in decoded.renditions.bands} == {424}
    assert decoded.renditions.display.width_px == 424
    assert decoded.sky.pixel_scale_arcsec == pytest.approx(0.262 * 162 / 424, rel=1e-4)
    assert decoded.sky.ra_deg == pytest.approx(0.004367, abs=1e-6)


def test_a_refusal_says_its_sentence_and_the_next_picture_goes_on(decoder):
    with pytest.raises(PictureRefused, match="a GIF picture by its content"):
        decoder.decode(b"GIF89a;")
    assert decoder.decode(png()).format == "png"


def test_outcomes_keep_the_order_of_the_pictures(decoder):
    contents = [png(), b"GIF89a", png(size=(30, 20)), b"", bytes(MAX_FILE_BYTES + 1), png()]
    outcomes = list(decoder.decode_all(contents))
    kinds = [type(outcome) for outcome in outcomes]
    refused = PictureRefused
    assert kinds == [Decoded, refused, Decoded, refused, refused, Decoded]
    assert [o.width_px for o in outcomes if isinstance(o, Decoded)] == [60, 30, 60]
    assert "60,000,001 bytes" in str(outcomes[4])


def test_only_one_picture_is_read_ahead(decoder):
    taken = []

    def source():
        for number in range(10):
            taken.append(number)
            yield png()

    outcomes = decoder.decode_all(source())
    next(outcomes)
    assert len(taken) <= 3
    outcomes.close()
    assert decoder.decode(png(size=(30, 20))).width_px == 30


def test_the_child_has_given_up_what_it_does_not_need(decoder):
    process_id = child_of(decoder)
    environment = Path(f"/proc/{process_id}/environ").read_bytes().split(b"\0")
    names = {entry.split(b"=")[0] for entry in environment if entry}
    assert names <= {
        *(b"PATH", b"HOME", b"LANG", b"PYTHONPATH"),
        *(b"OPENBLAS_NUM_THREADS", b"OMP_NUM_THREADS", b"MALLOC_ARENA_MAX"),
    }
    folder = Path(f"/proc/{process_id}/cwd").readlink()
    assert list(folder.iterdir()) == []
    assert os.getsid(process_id) == process_id != os.getsid(0)
    assert status_of(process_id)["NoNewPrivs"] == "1"
    assert status_of(process_id)["Threads"] == "1"
    limits = {
        name: resource.prlimit(process_id, getattr(resource, name))
        for name in ("RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_NOFILE")
    }
    assert limits == {
        "RLIMIT_AS": (2_000_000_000, 2_000_000_000),
        "RLIMIT_FSIZE": (0, 0),
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_NOFILE": (64, 64),
    }


def test_a_child_that_was_killed_while_idle_is_replaced_and_nobody_is_blamed(decoder):
    os.kill(child_of(decoder), signal.SIGKILL)
    assert eventually_gone(child_of(decoder))
    assert decoder.decode(png()).format == "png"


def test_a_child_that_was_killed_at_work_costs_no_picture():
    with Decoder() as decoder:
        outcomes = decoder.decode_all([png()] * 6)
        next(outcomes)
        os.kill(child_of(decoder), signal.SIGKILL)
        assert formats(outcomes) == ["png"] * 5


def test_a_picture_that_ends_the_child_twice_is_refused_and_the_next_goes_on(monkeypatch):
    send, reply = Child.send, Child.reply
    deadly_picture = slow_jpeg()  # still at work when the signal comes
    at_work: dict[Child, list[bytes]] = {}

    def noted_send(child, content):
        at_work.setdefault(child, []).append(content)
        send(child, content)

    def deadly_reply(child, timeout_s):
        if at_work.get(child) and at_work[child].pop(0) == deadly_picture:
            os.kill(child.process_id, signal.SIGSEGV)
        return reply(child, timeout_s)

    monkeypatch.setattr(Child, "send", noted_send)
    monkeypatch.setattr(Child, "reply", deadly_reply)
    with Decoder() as decoder:
        before, deadly, after = decoder.decode_all([png(), deadly_picture, png()])
    assert formats([before, after]) == ["png", "png"]
    assert "ended the decoder 2 times (SIGSEGV" in str(deadly)


def test_a_picture_that_takes_too_long_is_stopped_and_the_next_goes_on():
    with Decoder(timeout_s=0.5) as decoder:
        start = time.monotonic()
        slow, after = decoder.decode_all([slow_jpeg(), png()])
        assert time.monotonic() - start < 15
    assert "took more than 0.5 s to decode and was stopped" in str(slow)
    assert formats([after]) == ["png"]


def test_a_picture_that_needs_too_much_memory_is_refused_and_the_next_goes_on():
    pixels = np.random.default_rng(1).integers(0, 255, (4000, 4000), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    with Decoder(memory_mb=230) as decoder:
        large, after = decoder.decode_all([buffer.getvalue(), png()])
    assert "needs more than 230 MB of memory to decode" in str(large)
    assert formats([after]) == ["png"]


def test_a_child_that_cannot_start_is_said_so_and_no_picture_is_blamed(monkeypatch):
    monkeypatch.setattr("inference.vision.child._environment", lambda folder: {"HOME": folder})
    decoder = Decoder()
    with pytest.raises(RuntimeError, match=r"The decoding process did not start \(exit code 1\)"):
        decoder.__enter__()
    assert not Path(decoder._folder.name).exists()


def test_closing_ends_the_child_and_removes_its_folder():
    with Decoder() as decoder:
        process_id, folder = child_of(decoder), Path(decoder._folder.name)
        assert folder.exists()
    assert eventually_gone(process_id)
    assert not folder.exists()
    decoder.close()
    with pytest.raises(RuntimeError, match="closed"):
        decoder.decode(png())


def test_the_child_does_not_outlive_a_parent_that_is_killed(tmp_path):
    program = (
        "import sys, time\n"
        "from inference.vision.decoder import Decoder\n"
        "with Decoder() as decoder:\n"
        "    print(decoder._child.process_id, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as parent:
        process_id = int((parent.stdout or sys.stdin.buffer).readline())
        assert status_of(process_id)["State"]
        parent.kill()
    assert eventually_gone(process_id)


@pytest.mark.slow
def test_memory_is_flat_over_many_pictures():
    contents = [png(shade, (424, 424)) for shade in range(0, 250, 5)]
    with Decoder() as decoder:
        peaks = []
        for number, _ in enumerate(decoder.decode_all(islice(cycle(contents), 600))):
            if number in (100, 599):
                peaks.append(int(status_of(child_of(decoder))["VmHWM"].split()[0]))
    assert peaks[1] - peaks[0] < 4_000  # kB


def test_no_module_here_can_unpickle():
    folder = Path(decoder_module.__file__).parent
    for path in folder.glob("*.py"):
        assert "import pickle" not in path.read_text()
