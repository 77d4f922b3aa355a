"""Files are known by their first bytes."""

import bz2
import gzip
import tracemalloc
from io import BytesIO

import pytest
from PIL import Image

from inference.vision.contents import kind_of, unpacked
from inference.vision.images import read_picture
from inference.vision.picture import PictureRefused


def saved(kind):
    buffer = BytesIO()
    Image.new("RGB", (20, 20), (9, 9, 9)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "empty"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "SVG"),
        (b'\xef\xbb\xbf <?xml version="1.0"?>\n<!-- x --><svg width="9"></svg>', "SVG"),
        (b"<!DOCTYPE html><html></html>", "HTML page"),
        (b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">]><lolz>&lol;</lolz>', "XML"),
        (b"GIF89a/*\x01\0\x01\0*/=1;alert(document.domain)//", "GIF"),
        (saved("GIF"), "GIF"),
        (saved("TIFF"), "TIFF"),
        (saved("WEBP"), "WebP"),
        (saved("BMP"), "BMP"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"#!/bin/sh\nrm -rf /\n", "script"),
        (b"\x7fELF\x02\x01", "program"),
        (b"\x80\x04\x95\x0b\0\0\0", "pickle"),
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"import os\n", "text"),
        (b"\0\1\2\3\xfe\xff" * 9, "no kind known"),
    ],
)
def test_anything_else_is_refused_and_named(content, name):
    with pytest.raises(PictureRefused) as refused:
        read_picture(content)
    assert name in str(refused.value)
    assert "only JPEG, PNG and FITS pictures are accepted" in str(refused.value)


def test_the_three_kinds_and_two_wrappings_are_known():
    samples = [saved("JPEG"), saved("PNG"), b"SIMPLE  =", gzip.compress(b"x"), bz2.compress(b"x")]
    assert [kind_of(sample) for sample in samples] == ["jpeg", "png", "fits", "gzip", "bzip2"]


@pytest.mark.parametrize(("pack", "kind"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2")])
def test_a_compressed_bomb_is_stopped_at_its_limit(pack, kind):
    bomb = pack(b"SIMPLE  =" + bytes(90_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(PictureRefused, match="unpacks to more than 20,000,000 bytes"):
            unpacked(bomb, kind)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 80_000_000  # the buffer grows by doubling; unbounded, it would pass 90


@pytest.mark.parametrize(("pack", "kind"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2")])
def test_a_cut_off_archive_is_refused(pack, kind):
    with pytest.raises(PictureRefused, match="cut off or damaged"):
        unpacked(pack(b"SIMPLE  =" + bytes(range(256)) * 90)[:-20], kind)


def test_an_archive_of_something_else_is_refused_and_named():
    with pytest.raises(PictureRefused, match="holds a GIF picture and no FITS file"):
        unpacked(gzip.compress(b"GIF89a"), "gzip")


def test_a_bomb_in_a_bomb_is_not_unpacked_twice():
    with pytest.raises(PictureRefused, match="no FITS file"):
        read_picture(gzip.compress(gzip.compress(bytes(1000))))
