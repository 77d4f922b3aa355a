"""Messages between a decoder and its child."""

from io import BytesIO

import pytest

from inference.vision import wire


@pytest.mark.parametrize("blobs", [[], [b""], [b"one"], [b"one", b"", bytes(range(256)) * 999]])
def test_a_message_arrives_as_it_was_sent_on_both_sides(blobs):
    message = wire.packed({"name": "Ünïcode"}, blobs)
    inbox = bytearray(message)
    received = [wire.taken(inbox), wire.received(BytesIO(message))]
    for fields, arrived in filter(None, received):
        assert fields["name"] == "Ünïcode"
        assert arrived == blobs
    assert None not in received
    assert inbox == b""


def test_a_message_is_taken_only_when_it_is_whole():
    first, second = wire.packed({"number": 1}, [b"abc"]), wire.packed({"number": 2})
    inbox = bytearray()
    for byte in first[:-1]:
        inbox.append(byte)
        assert wire.taken(inbox) is None
    inbox += first[-1:] + second
    messages = [wire.taken(inbox) for _ in range(2)]
    assert [message and message[0]["number"] for message in messages] == [1, 2]
    assert wire.taken(inbox) is None


def test_the_end_of_the_stream_is_no_message():
    assert wire.received(BytesIO(b"")) is None
