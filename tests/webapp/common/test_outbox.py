"""Mail while the mail server is away, and when it is back (F26)."""

import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes

import pytest
from django.core import mail
from django.db import connection, transaction
from django.db.models.functions import Now

from webapp.accounts.models import User
from webapp.common import outbox
from webapp.common.models import Mail

NEW = {"username": "alice", "email": "alice@example.org", "password1": "a long password",
       "consent": "on"}  # fmt: skip
DELAYED = "The mail server does not answer at the moment."


class Server(socketserver.ThreadingTCPServer):
    """Remembers what it has taken."""

    taken: list[bytes]


class Postman(socketserver.StreamRequestHandler):
    """As much of a mail server as takes mail."""

    server: Server

    def handle(self):
        self.wfile.write(b"220 ready\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.taken.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
            if word == b"QUIT":
                return


@pytest.fixture
def postman(settings):
    """A mail server that listens, on the port that the site was told; `taken` is what it has."""
    with Server(("127.0.0.1", settings.EMAIL_PORT), Postman) as server:
        server.taken = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _site(settings):
    settings.EMAIL_BACKEND = "webapp.common.outbox.Outbox"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False
    with socketserver.TCPServer(("127.0.0.1", 0), Postman) as free:
        settings.EMAIL_PORT = free.server_address[1]


def become_due() -> None:
    Mail.objects.update(not_before_at=Now())


@pytest.mark.django_db(transaction=True)
def test_mail_waits_for_its_server_and_is_sent_once(client, settings, request):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    answer = client.post("/accounts/signup/", NEW, follow=True)
    assert User.objects.get().username == "alice"
    assert DELAYED not in answer.content.decode()  # nobody knows that yet
    assert Mail.objects.count() == 1

    assert outbox.send_waiting() == 0
    waiting = Mail.objects.get()
    assert (waiting.attempts, waiting.error) == (1, "[Errno 111] Connection refused")
    assert outbox.send_waiting() == 0  # not due again so soon
    assert Mail.objects.get().attempts == 1
    again = client.get("/accounts/confirm-email/").content.decode()
    assert DELAYED in again

    postman = request.getfixturevalue("postman")
    become_due()
    assert [outbox.send_waiting(), outbox.send_waiting()] == [1, 0]
    (taken,) = postman.taken
    assert message_from_bytes(taken)["To"] == "alice@example.org"
    assert waiting.message["headers"]["Message-ID"] == message_from_bytes(taken)["Message-ID"]
    assert DELAYED not in client.get("/accounts/confirm-email/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_each_mail_once(postman):
    for number in range(8):
        mail.send_mail(f"Mail {number}", "words", None, ["bob@example.org"], html_message="<p>")

    def send():
        try:
            return outbox.send_waiting()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        n_sent = sum(pool.map(lambda _: send(), range(2)))
    assert n_sent == 8
    subjects = sorted(message_from_bytes(each)["Subject"] for each in postman.taken)
    assert subjects == [f"Mail {number}" for number in range(8)]
    assert {message_from_bytes(each).get_content_type() for each in postman.taken} == {
        "multipart/alternative"
    }


@pytest.mark.django_db
def test_what_is_rolled_back_is_not_sent():
    with transaction.atomic():
        mail.send_mail("Never", "words", None, ["bob@example.org"])
        transaction.set_rollback(True)
    assert not Mail.objects.exists()


@pytest.mark.django_db
def test_a_mail_that_nobody_takes_is_forgotten_after_three_days(caplog):
    mail.send_mail("Old", "words", None, ["bob@example.org"])
    Mail.objects.update(created_at=Now() - outbox.KEPT)
    assert outbox.send_waiting() == 0
    assert not Mail.objects.exists()
    assert "1 mails could not be sent within 3 days." in caplog.text
