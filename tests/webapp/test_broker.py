"""Messages as files: whole, one at a time, and forgotten at a start."""

import multiprocessing
import threading

import pytest
from kombu import Connection, Exchange, Queue

from webapp import broker, embedded

QUEUE = Queue("wake", Exchange("wake", type="direct"), routing_key="wake")


@pytest.fixture
def options(tmp_path):
    # Kombu remembers for the whole process which queues it has bound, in whatever folder.
    broker.Transport.global_state.clear()
    return embedded.broker_options(tmp_path)


def connect(options) -> Connection:
    return Connection(embedded.BROKER_URL, transport_options=options)


def send(options, body: str) -> None:
    with connect(options) as connection, connection.Producer() as producer:
        producer.publish(body, exchange=QUEUE.exchange, routing_key="wake", declare=[QUEUE])


def received(options, count: int) -> list[str]:
    bodies: list[str] = []

    def take(body, message) -> None:
        bodies.append(body)
        message.ack()

    with connect(options) as connection, connection.Consumer(QUEUE, callbacks=[take]):
        while len(bodies) < count:
            connection.drain_events(timeout=5)
    return bodies


def test_messages_come_in_the_order_in_which_they_were_sent(options):
    for body in ("first", "second", "third"):
        send(options, body)
    assert received(options, 3) == ["first", "second", "third"]


def test_half_a_message_of_a_killed_sender_is_never_read(options, tmp_path):
    (tmp_path / "broker" / "messages" / "unfinished-abc").write_text('{"half": ')
    send(options, "whole")
    assert received(options, 1) == ["whole"]


def test_messages_are_for_our_eyes_only(options, tmp_path):
    send(options, "look now")
    (message,) = (tmp_path / "broker" / "messages").iterdir()
    assert message.stat().st_mode & 0o077 == 0


def test_unread_messages_are_forgotten_at_a_start(options, tmp_path):
    for body in ("first", "second"):
        send(options, body)
    assert broker.forget_messages(tmp_path / "broker") == 2
    assert list((tmp_path / "broker" / "messages").iterdir()) == []


def test_nothing_to_forget_is_no_failure(tmp_path):
    assert broker.forget_messages(tmp_path / "never made") == 0


def test_senders_at_once_keep_the_table_of_queues_whole(options):
    """The original may read the table while another process is writing it."""
    context = multiprocessing.get_context("spawn")
    senders = [context.Process(target=send_many, args=(options,)) for _ in range(2)]
    for sender in senders:
        sender.start()
    bodies: list[str] = []
    reader = threading.Thread(target=lambda: bodies.extend(received(options, 40)))
    send(options, "mine")
    reader.start()
    for sender in senders:
        sender.join(30)
    reader.join(30)
    assert [sender.exitcode for sender in senders] == [0, 0]
    assert len(bodies) == 40


def send_many(options) -> None:
    for number in range(20):
        send(options, str(number))
