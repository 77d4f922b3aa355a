"""What the kernel refuses a child for ever: network, other processes, changes to files.

Root may have more processes than any limit says and write into any folder, and namespaces are
forbidden on many machines; a filter of system calls holds for everybody.
"""

import ctypes
import errno
import os
import platform
from itertools import chain

_CLONE_THREAD = 0x10000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # bytes of `struct seccomp_data`
_OTHER_NUMBERS = 0x40000000  # x86's second table of the same calls

# The numbers of the system calls, as in the kernel's tables; -1 where a machine has none.
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_OPEN, _OPENAT, _OPENAT2 = (2, -1), (257, 56), (437, 437)
_CLONE, _CLONE3, _TGKILL, _SECCOMP = (56, 220), (435, 435), (234, 131), (317, 277)
_FORBIDDEN = {
    # network
    "socket": (41, 198),
    "socketpair": (53, 199),
    # other processes
    "fork": (57, -1),
    "vfork": (58, -1),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    # files: what `open` and `openat` do not do
    "creat": (85, -1),
    "mkdir": (83, -1),
    "mkdirat": (258, 34),
    "mknod": (133, -1),
    "mknodat": (259, 33),
    "link": (86, -1),
    "linkat": (265, 37),
    "symlink": (88, -1),
    "symlinkat": (266, 36),
    "rename": (82, -1),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "unlink": (87, -1),
    "unlinkat": (263, 35),
    "rmdir": (84, -1),
    "truncate": (76, 45),
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "utimensat": (280, 88),
    # ways around all this, and ways into the kernel
    "io_uring_setup": (425, 425),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
}

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def seal() -> bool:
    """Give all that up in every thread of this process; say whether the kernel has agreed.

    It needs `confinement.confine` before: no new privileges.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None or platform.system() != "Linux":
        return False
    column, architecture = machine
    instructions = _filter(column, architecture)
    program = _Program(len(instructions), b"".join(map(_encoded, instructions)))
    call = ctypes.CDLL(None, use_errno=True).syscall
    numbers = (_SECCOMP[column], _SET_MODE_FILTER, _ALL_THREADS)
    return int(call(*map(ctypes.c_long, numbers), ctypes.byref(program))) == 0


def _filter(column: int, architecture: int) -> list[Instruction]:
    refuse = (_RETURN, 0, 0, _FAIL | errno.EPERM)
    # As if it were an old kernel: libraries then make the call whose arguments can be read here.
    unknown = (_RETURN, 0, 0, _FAIL | errno.ENOSYS)
    allow = (_RETURN, 0, 0, _ALLOW)
    begin = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, architecture),
        refuse,
        (_LOAD, 0, 0, _NUMBER),
        (_IF_AT_LEAST, 0, 1, _OTHER_NUMBERS),
        refuse,
    ]
    of_calls = [
        *(_of_call(calls[column], [refuse]) for calls in _FORBIDDEN.values()),
        _of_call(_CLONE3[column], [unknown]),
        _of_call(_OPENAT2[column], [unknown]),
        _of_call(_CLONE[column], _by_bits(0, _CLONE_THREAD, allow, refuse)),
        _of_call(_OPEN[column], _by_bits(1, _WRITING, refuse, allow)),
        _of_call(_OPENAT[column], _by_bits(2, _WRITING, refuse, allow)),
        # A process ends itself by this, as `abort` does; it must not end its parent.
        _of_call(_TGKILL[column], [_argument(0), (_IF_EQUAL, 1, 0, os.getpid()), refuse, allow]),
    ]
    return [*begin, *chain.from_iterable(of_calls), allow]


def _of_call(number: int, then: list[Instruction]) -> list[Instruction]:
    """Return what decides on one system call, whose number has been loaded."""
    return [] if number < 0 else [(_IF_EQUAL, 0, len(then), number), *then]


def _by_bits(place: int, bits: int, yes: Instruction, no: Instruction) -> list[Instruction]:
    return [_argument(place), (_IF_ANY_BIT, 0, 1, bits), yes, no]


def _argument(place: int) -> Instruction:
    """Return what loads the lower half of an argument, on machines with the lower half first."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * place)


def _encoded(instruction: Instruction) -> bytes:
    code, if_true, if_false, operand = instruction
    return b"".join(
        [code.to_bytes(2, "little"), bytes([if_true, if_false]), operand.to_bytes(4, "little")]
    )
