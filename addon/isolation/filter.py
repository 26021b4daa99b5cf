"""What a sandboxed process may not ask of the kernel: a seccomp filter, put together by libseccomp.

Namespaces leave all system calls open, and with them the kernel's bugs and what no namespace covers. So
these are refused: the ways to new namespaces and mounts, to other processes' memory, to kernel keyrings
and modules, io_uring (whose operations pass by any filter), pushing input into a terminal, and sockets
but Unix, IP and routing ones. Programs of another architecture (32-bit ones) are killed: their calls have
other numbers. Comparisons are of 32 bits, since the kernel looks at no more (CVE-2019-10063).

Spoken to by ctypes: it is five functions of a library that is kept with the kernel, and every binding for
Python is either a compiler's work at installation, or has not been touched for years.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import tempfile
from collections.abc import Iterator

from wharfinger.faults import Fault

LIBRARY = "libseccomp.so.2"
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_MASKED_EQ = 7
_LOW = 0xFFFFFFFF

NAMESPACES = 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x00020000
"""CLONE_NEWCGROUP, UTS, IPC, USER, PID, NET and NS (linux/sched.h)."""
FAMILIES = frozenset({1, 2, 10, 16})
"""AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK: sockets of any other family cannot be made."""
_FAMILIES_END = 64
TIOCSTI, TIOCLINUX = 0x5412, 0x541C

REFUSED = (
    # Mounts and namespaces.
    "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "setns", "unshare",
    # Other processes, and the kernel's view of them.
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    "perf_event_open", "bpf", "userfaultfd", "migrate_pages", "move_pages",
    # What no namespace covers.
    "add_key", "request_key", "keyctl", "open_by_handle_at", "name_to_handle_at", "fanotify_init",
    "quotactl", "quotactl_fd", "acct", "syslog", "vhangup", "lookup_dcookie", "nfsservctl",
    # The machine.
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon",
    "swapoff", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "iopl", "ioperm",
)  # fmt: skip
"""Refused with EPERM, whatever their arguments"""

NEWER = {"open_tree_attr": 467}
"""Numbers, the same on all architectures, of calls that are younger than the libraries about."""

ABSENT = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register")
"""Refused with ENOSYS: programs then fall back to what the filter can look into."""


class NoFilter(Fault):
    """The filter cannot be made, so nothing may be run."""


class _Compare(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


type _Rule = tuple[str, int, tuple[int, int, int] | None]
"""System call, error to give, and argument, mask and value where it is refused for these only."""


def rules() -> Iterator[_Rule]:
    """The whole filter; what is not in it is allowed."""
    for name in REFUSED:
        yield name, errno.EPERM, None
    for name in ABSENT:
        yield name, errno.ENOSYS, None
    for bit in range(32):
        if NAMESPACES >> bit & 1:
            yield "clone", errno.EPERM, (0, 1 << bit, 1 << bit)
    for request in (TIOCSTI, TIOCLINUX):
        yield "ioctl", errno.EPERM, (1, _LOW, request)
    for family in range(_FAMILIES_END):
        if family not in FAMILIES:
            yield "socket", errno.EAFNOSUPPORT, (0, _LOW, family)
            yield "socketpair", errno.EAFNOSUPPORT, (0, _LOW, family)


def program() -> int:
    """A file descriptor of the filter as the kernel takes it, at its start. Raises `NoFilter`."""
    library = _library()
    context = library.seccomp_init(_ALLOW)
    if not context:
        raise NoFilter("libseccomp makes no filter")
    try:
        for rule in rules():
            _add(library, context, rule)
        with tempfile.TemporaryFile(prefix="wharfinger-") as file:
            if library.seccomp_export_bpf(context, file.fileno()) != 0:
                raise NoFilter("libseccomp gives no filter")
            handle = os.dup(file.fileno())
    finally:
        library.seccomp_release(context)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _add(library: ctypes.CDLL, context: int, rule: _Rule) -> None:
    name, error, where = rule
    number = library.seccomp_syscall_resolve_name(name.encode())
    number = NEWER.get(name, number) if number < 0 else number
    if number < 0:  # there is no such call on this architecture
        return
    count, compare = 0, None
    if where is not None:
        argument, mask, value = where
        count, compare = 1, ctypes.byref(_Compare(argument, _MASKED_EQ, mask, value))
    if (failed := library.seccomp_rule_add_array(context, _ERRNO | error, number, count, compare)) != 0:
        raise NoFilter(f"libseccomp does not take the rule on {name}: {os.strerror(-failed)}")


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        raise NoFilter(
            f"{LIBRARY} is not installed, so no filter of system calls can be made",
            "install it: apt-get install libseccomp2 (dnf install libseccomp, apk add libseccomp)",
        ) from None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_release.restype = None
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p
    )  # fmt: skip
    return library
