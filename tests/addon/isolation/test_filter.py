"""The filter of system calls, as the kernel enforces it: tried in a process of its own, with a control."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from wharfinger.isolation import filter as seccomp
from wharfinger.isolation.filter import NoFilter

TRY = """\
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
if sys.argv[1] == "filtered":
    rules = open(3, "rb").read()
    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))
    held = Program(len(rules) // 8, rules)
    libc.prctl(38, 1, 0, 0, 0)
    if libc.prctl(22, 2, ctypes.byref(held)) != 0:
        sys.exit("the filter is not taken")
given = libc.syscall(*(ctypes.c_ulong(int(word)) for word in sys.argv[2:]))
print(ctypes.get_errno() if given < 0 else 0)
"""
SOCKET, IOCTL, CLONE, UNSHARE, IO_URING_SETUP, KEYCTL = 41, 16, 56, 272, 425, 250
VSOCK, PACKET, ALG = 40, 17, 38

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are of this architecture")


def tried(how: str, *words: int) -> int:
    """The error that a system call gives."""
    rules = seccomp.program()
    try:
        # As descriptor 3 of the command alone: this process has another use for its own.
        command = ["bash", "-c", f'exec "$@" 3<&{rules}', "bash"]
        command += [sys.executable, "-I", "-S", "-c", TRY, how, *map(str, words)]
        ran = subprocess.run(command, pass_fds=(rules,), capture_output=True, text=True, check=True)
    finally:
        os.close(rules)
    return int(ran.stdout)


@pytest.mark.parametrize(
    ("words", "refused", "otherwise"),
    [
        ((SOCKET, VSOCK, 1, 0), errno.EAFNOSUPPORT, None),
        ((SOCKET, 1 << 32 | VSOCK, 1, 0), errno.EAFNOSUPPORT, None),
        ((SOCKET, PACKET, 3, 0), errno.EAFNOSUPPORT, None),
        ((IOCTL, 0, 0x5412, 0), errno.EPERM, errno.ENOTTY),
        ((IOCTL, 0, 1 << 32 | 0x5412, 0), errno.EPERM, errno.ENOTTY),
        ((IOCTL, 0, 0x541C, 0), errno.EPERM, errno.ENOTTY),
        ((CLONE, 0x10000000 | 0x00010000, 0, 0, 0, 0), errno.EPERM, errno.EINVAL),
        ((UNSHARE, 0x10000000 | 0x800000000), errno.EPERM, errno.EINVAL),
        ((IO_URING_SETUP, 0, 0), errno.ENOSYS, None),
        ((KEYCTL, 99), errno.EPERM, errno.EOPNOTSUPP),
    ],
)
def test_a_call_is_refused_and_is_not_without_the_filter(
    words: tuple[int, ...], refused: int, otherwise: int | None
) -> None:
    assert tried("filtered", *words) == refused
    assert tried("free", *words) != refused or otherwise is None
    if otherwise is not None:
        assert tried("free", *words) == otherwise


@pytest.mark.parametrize("family", [1, 2, 10, 16])
def test_ordinary_sockets_can_be_made(family: int) -> None:
    assert tried("filtered", SOCKET, family, 2, 0) in {0, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT}


def test_without_the_library_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "LIBRARY", "libnothing.so.9")
    seccomp._library.cache_clear()
    with pytest.raises(NoFilter, match="is not installed"):
        seccomp.program()
    seccomp._library.cache_clear()
