"""Runs the whole site on one machine until Ctrl-C: what `make run` ends in."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Self

import psycopg
from django.core.exceptions import ImproperlyConfigured

from webapp import broker, cluster, embedded, sentinel
from webapp.children import ROOT, Child, Patience, Post, bound, ending
from webapp.cluster import CannotStart
from webapp.env import env_bool, env_int, env_str

LOGS_BOUNDED_EVERY_S = 60.0
DATABASE_WITHIN_S = 10.0  # a configured server may be starting at the same time


class Supervisor:
    """Starts children, restarts those that end, and ends all of them when it is left."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self.posts: list[Post] = []
        self.interrupts = 0
        self.environment = os.environ | {
            "PYTHONUNBUFFERED": "1",
            "ORT_DISABLE_TELEMETRY": "1",  # nothing here calls home
        }
        self._sentinel: sentinel.Sentinel | None = None
        self._bounded_at = time.monotonic()

    def __enter__(self) -> Self:
        # A script's background job ignores SIGINT from birth; ours must not. nohup's wish stands.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note_interrupt)
        self._watch_sentinel()
        return self

    def __exit__(self, *error: object) -> None:
        self._end(is_last=False, within_s=self.patience.stop_within_s)
        self._end(is_last=True, within_s=self.patience.last_within_s)
        if self._sentinel is not None:
            self._sentinel.dismiss()

    def _note_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.interrupts += 1

    def start(self, child: Child) -> Post:
        """Start a child that shall run until the end."""
        bound(child.log)
        post = Post(child)
        self.posts.append(post)
        self._start(post)
        return post

    def complete(self, *children: Child) -> None:
        """Run children that end by themselves, all at once, and wait for them.

        Raises:
            CannotStart: one of them failed, or we are to stop.
        """
        posts = [self.start(child) for child in children]
        while any(self.is_alive(post) for post in posts):
            time.sleep(self.patience.poll_s)
        for post in posts:
            code, child = post.exit_code, post.child
            if code is None:
                raise CannotStart(f"{child.name} was interrupted.")
            self.posts.remove(post)
            self._clear_away(post)
            if code != 0:
                raise CannotStart(
                    f"{child.name} failed: {embedded.last_words(child.log)} See {child.log}."
                )

    def watch(self, each_time: Callable[[], None] = lambda: None) -> None:
        """Keep every child running until a signal comes; each_time is called at every look.

        Raises:
            CannotStart: a child fails too often.
        """
        while not self.interrupts:
            self._watch_sentinel()
            for post in self.posts:
                self._look_at(post)
            self._bound_logs()
            each_time()
            time.sleep(self.patience.poll_s)

    def is_alive(self, post: Post) -> bool:
        """Return whether a child runs and nobody wants to stop."""
        return post.process is not None and post.exit_code is None and not self.interrupts

    def _look_at(self, post: Post) -> None:
        if post.process is None:
            if time.monotonic() >= post.due_at:
                self._start(post)
        elif (code := post.exit_code) is not None:
            self._clear_away(post)
            delay_s = post.note_end(self.patience, code)
            if not post.child.is_optional:
                say(f"{post.child.name} {ending(code)}; it starts again in {delay_s:g} s.")
            elif post.n_failures == 1:
                say(
                    f"{post.child.name} {ending(code)}; the site goes on without it. See "
                    f"{post.child.log}."
                )

    def _start(self, post: Post) -> None:
        process = post.start(self.environment)
        self._tell_sentinel(process.pid, post.child.stop_signal)

    def _clear_away(self, post: Post) -> None:
        """End what a dead child has left in its session, such as workers without their master."""
        if post.process is not None:
            sentinel.end({post.process.pid: 0}, within_s=0)
            self._tell_sentinel(post.process.pid, 0)
            post.process = None

    def _end(self, *, is_last: bool, within_s: float) -> None:
        """End the children of one round; a further signal ends the waiting."""
        ending_now = {
            post.process.pid: post.child.stop_signal
            for post in self.posts
            if post.process is not None and post.child.ends_last == is_last
        }
        before = self.interrupts
        sentinel.end(ending_now, within_s=within_s, is_hurried=lambda: self.interrupts > before)
        for post in self.posts:
            if post.process is not None and post.process.pid in ending_now:
                post.process.wait()
                self._clear_away(post)

    def _watch_sentinel(self) -> None:
        """Have a sentinel that knows all children; it too may be killed."""
        if self._sentinel is not None and self._sentinel.is_alive:
            return
        if self._sentinel is not None:
            self._sentinel.dismiss()
        self._sentinel = sentinel.Sentinel(
            self.patience.stop_within_s + self.patience.last_within_s
        )
        for post in self.posts:
            if post.process is not None:
                self._sentinel.tell(post.process.pid, post.child.stop_signal)

    def _tell_sentinel(self, session: int, stop_signal: int) -> None:
        if self._sentinel is not None:
            self._sentinel.tell(session, stop_signal)

    def _bound_logs(self) -> None:
        if time.monotonic() - self._bounded_at > LOGS_BOUNDED_EVERY_S:
            self._bounded_at = time.monotonic()
            for post in self.posts:
                bound(post.child.log)


def say(line: str) -> None:
    """Print one line for the person at the terminal."""
    with contextlib.suppress(OSError):  # the terminal may be gone; the site goes on
        print(line, flush=True)  # noqa: T201 -- this is a command


def main() -> int:
    """Run the site until a signal comes; return the exit code."""
    supervisor = Supervisor()
    try:
        var = Path(env_str("VAR_DIR", str(ROOT / "var"))).absolute()
        port = free_port()
        with embedded.lock(var), supervisor:
            run_site(supervisor, var, port)
    except (CannotStart, ImproperlyConfigured) as error:
        if not supervisor.interrupts:
            print(error, file=sys.stderr)  # noqa: T201 -- this is a command
            return 1
    say("Stopped.")
    return 0


def free_port() -> int:
    """Return the port of the site.

    Raises:
        CannotStart: it is in use, or not ours to use.
    """
    port = env_int("PORT", "8000", at_least=1)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "a port is at most 65535"
            raise CannotStart(
                f"Port {port} cannot be used ({reason}): stop what uses it, or choose another, "
                f"as in PORT={port + 1 if port < 65535 else 8001} make run."
            ) from error
    return port


def run_site(supervisor: Supervisor, var: Path, port: int) -> None:
    """Start the parts in the order in which they need each other, and watch over them."""
    logs = var / "log"
    supervisor.environment["VAR_DIR"] = str(var)
    is_local = not env_str("DATABASE_URL", "")
    if is_local:
        start_database(supervisor, var)
    else:
        check_configured_database(env_str("DATABASE_URL"))
    broker.forget_messages(var / "broker")
    forget_figures(var / "metrics")
    supervisor.environment["PROMETHEUS_MULTIPROC_DIR"] = str(var / "metrics")
    supervisor.complete(
        manage(logs, "migrate", "--noinput"), manage(logs, "collectstatic", "--noinput")
    )
    if is_local and not (var / "demo-loaded").exists():
        say("First start: making the demo campaign.")
        supervisor.complete(manage(logs, "load_demo"))
        (var / "demo-loaded").touch()
    for child in site_children(logs, port):
        supervisor.start(child)
    runs = Path(env_str("RUNS_DIR", "") or var / "runs").absolute()  # as in the settings
    trainer = [trainer_child(logs, runs)] if env_bool("TRAINER", "true") else []

    def when_up() -> None:
        for child in trainer:  # its installation shall not delay the first page
            supervisor.start(child)

    supervisor.watch(announcement(port, logs, when_up))


def start_database(supervisor: Supervisor, var: Path) -> None:
    """Start the embedded PostgreSQL and wait until it is ready and safe."""
    data, log = embedded.data_folder(var), var / "log" / "postgres.log"
    place = cluster.locate(data)
    if not data.exists():
        (var / "demo-loaded").unlink(missing_ok=True)
    post = supervisor.start(
        Child(
            "database",
            place.command,
            log,
            stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown; SIGTERM waits for sessions
            identity=place.identity,
            before=lambda: cluster.prepare(place),
            ends_last=True,
        )
    )
    embedded.wait_until_ready(place.url, lambda: supervisor.is_alive(post), log)
    with psycopg.connect(place.url) as connection:
        embedded.check_durability(connection)


def forget_figures(folder: Path) -> None:
    """Remove what the processes of an earlier start have counted."""
    for path in folder.glob("*.db"):
        path.unlink()


def check_configured_database(url: str) -> None:
    """Wait a little for the server of DATABASE_URL and refuse one that could lose answers."""
    deadline = time.monotonic() + DATABASE_WITHIN_S
    while True:
        try:
            with psycopg.connect(url, connect_timeout=5) as connection:
                embedded.check_durability(connection)
                return
        except psycopg.Error as error:
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"The database of DATABASE_URL does not answer "
                    f"({str(error).strip().splitlines()[-1]}): start it, or correct DATABASE_URL."
                ) from error
            time.sleep(0.5)


def manage(logs: Path, name: str, *options: str) -> Child:
    """Return one of Django's commands as a child that ends by itself."""
    command = [sys.executable, str(ROOT / "manage.py"), name, *options]
    return Child(name, command, logs / f"{name}.log")


def site_children(logs: Path, port: int) -> list[Child]:
    """Return the process lines of the site; a further one is one more entry."""
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "-A", "webapp.celery"]
    web_processes = env_int("WEB_PROCESSES", "2", at_least=1)
    web_threads = env_int("WEB_THREADS", "2", at_least=1)
    worker_processes = env_int("WORKER_PROCESSES", "2", at_least=1)
    web = [
        *(*python, "gunicorn", "webapp.wsgi:application", "--bind", f"127.0.0.1:{port}"),
        # With threads, a browser's spare connection does not block a process.
        *("--workers", str(web_processes), "--worker-class", "gthread"),
        *("--threads", str(web_threads), "--graceful-timeout", "4", "--no-control-socket"),
        "--preload",
    ]
    # Without gossip and mingle: their letters to workers long dead would pile up as files.
    worker = [
        *(*celery, "worker", "--concurrency", str(worker_processes), "--loglevel", "INFO"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    # One thing at a time and no forks, as a GPU wants it; on a processor it gives way to the web.
    scorer = [
        *("nice", "-n", "5", *celery, "worker", "--queues", "scoring", "--pool", "solo"),
        *("--hostname", "scorer@%h", "--loglevel", "INFO"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    return [
        Child("web", web, logs / "web.log"),
        Child("worker", worker, logs / "worker.log"),
        Child("scorer", scorer, logs / "scorer.log"),
        Child("beat", [*celery, "beat", "--loglevel", "INFO"], logs / "beat.log"),
    ]


def trainer_child(logs: Path, runs: Path) -> Child:
    """Return what makes the training's environment, and then trains runs as they appear.

    It gives way to the site, and forgets that a `make` has started us.
    """
    polite = ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "nice", "-n", "10"]
    command = [*polite, "make", "--no-print-directory", "trainer", f"RUNS={runs}"]
    return Child("trainer", command, logs / "trainer.log", is_optional=True)


def announcement(
    port: int, logs: Path, when_up: Callable[[], None] = lambda: None
) -> Callable[[], None]:
    """Return what prints the address, once, when the site listens, and then calls when_up."""
    waiting = [
        f"Tuning Fork is at http://localhost:{port}",
        "To make an admin: .venv/bin/python manage.py createsuperuser",
        f"Logs are in {logs}. Ctrl-C stops.",
    ]

    def announce() -> None:
        if waiting and listens(port):
            say("\n".join(waiting))
            waiting.clear()
            when_up()

    return announce


def listens(port: int) -> bool:
    """Return whether something accepts connections on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
