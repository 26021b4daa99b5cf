"""Tries to get out, one way after the other: `attack.py TARGETS.json`. Prints what became of each, as JSON.

A way that works is told as "out"; else why it did not. Nothing here does harm where it works: it connects
to what the test has set up, reads what the test has written, and changes nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

TARGETS: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
WAYS: dict[str, Callable[[], object]] = {}
SYSCALLS = {
    "mount": 165, "pivot_root": 155, "chroot": 161, "setns": 308, "unshare": 272, "clone": 56, "ptrace": 101,
    "process_vm_readv": 310, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "add_key": 248,
    "keyctl": 250, "io_uring_setup": 425, "open_tree": 428, "fsopen": 430, "name_to_handle_at": 303,
    "pidfd_getfd": 438, "ioctl": 16, "init_module": 175, "syslog": 103, "clone3": 435,
}  # fmt: skip
NEWUSER, NEWNS, NEWNET = 0x10000000, 0x00020000, 0x40000000


def way(work: Callable[[], object]) -> Callable[[], object]:
    WAYS[work.__name__] = work
    return work


def several(name: str, targets: list[Any], work: Callable[[Any], object]) -> None:
    for number, target in enumerate(targets):
        WAYS[f"{name}_{number}"] = lambda target=target: work(target)


def syscall(name: str, *arguments: Any) -> int:
    """Raises where it is refused by the filter or the kernel; other errors mean that it was let through."""
    given = LIBC.syscall(SYSCALLS[name], *arguments)
    if given < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(given)


def let_through(name: str, *arguments: Any) -> bool:
    """Whether the kernel looks at it at all: with arguments it must find wrong, and says so."""
    try:
        syscall(name, *arguments)
    except OSError as error:
        if error.errno in {errno.EPERM, errno.ENOSYS, errno.EACCES}:
            raise
    return True


def connected(family: int, address: Any, kind: int = socket.SOCK_STREAM) -> bool:
    with socket.socket(family, kind) as sock:
        sock.settimeout(2)
        sock.connect(address)
        return True


def echoed(family: int, address: Any) -> bool:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        sock.sendto(b"way out", tuple(address))
        return sock.recv(100) == b"way out"


# The network.

several("tcp", TARGETS["tcp"], lambda at: connected(socket.AF_INET, tuple(at)))
several("tcp6", TARGETS["tcp6"], lambda at: connected(socket.AF_INET6, tuple(at)))
several("udp", TARGETS["udp"], lambda at: echoed(socket.AF_INET, at))
several("udp6", TARGETS["udp6"], lambda at: echoed(socket.AF_INET6, at))


@way
def udp_route_to_the_internet() -> object:
    return connected(socket.AF_INET, ("192.0.2.1", 443), socket.SOCK_DGRAM)


@way
def udp6_route_to_the_internet() -> object:
    return connected(socket.AF_INET6, ("2001:db8::1", 443), socket.SOCK_DGRAM)


@way
def dns_server() -> object:
    return connected(socket.AF_INET, ("8.8.8.8", 53), socket.SOCK_DGRAM)


@way
def dns_by_name() -> object:
    return socket.getaddrinfo("docs.python.org", 443)


@way
def metadata_address() -> object:
    return connected(socket.AF_INET, ("169.254.169.254", 80), socket.SOCK_DGRAM)


@way
def icmp_socket() -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as sock:
        return sock.sendto(struct.pack("!BBHHH", 8, 0, 0xF7FF, 0, 0), (TARGETS["lan"], 0))


@way
def raw_icmp() -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        return sock.sendto(struct.pack("!BBHHH", 8, 0, 0xF7FF, 0, 0), ("127.0.0.1", 0))


@way
def broadcast() -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        return sock.sendto(b"x", ("255.255.255.255", 9))


@way
def multicast() -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return sock.sendto(b"x", ("224.0.0.251", 5353))


@way
def packet_socket() -> object:
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close() is None


@way
def vsock() -> object:
    return socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close() is None


@way
def vsock_with_high_bits() -> object:
    """The kernel looks at 32 bits of the family: a filter that looks at 64 lets this through."""
    given = LIBC.syscall(41, ctypes.c_ulong(1 << 32 | socket.AF_VSOCK), ctypes.c_ulong(1), ctypes.c_ulong(0))
    if given < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return True


@way
def crypto_socket() -> object:
    return socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close() is None


@way
def another_interface() -> object:
    names = {line.partition(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]}
    return names - {"lo"}


@way
def a_route() -> object:
    return Path("/proc/net/route").read_text().splitlines()[1:]


@way
def make_an_interface() -> object:
    made = subprocess.run(
        ["ip", "link", "add", "wfattack0", "type", "dummy"], capture_output=True, check=True
    )
    subprocess.run(["ip", "link", "del", "wfattack0"], check=True)
    return made


# Sockets that are not of the network.

several("unix", TARGETS["unix"], lambda path: connected(socket.AF_UNIX, path))
several("abstract", TARGETS["abstract"], lambda name: connected(socket.AF_UNIX, "\0" + name))
several(
    "unix_of_environment",
    TARGETS["variables"],
    lambda name: connected(socket.AF_UNIX, os.environ[name].removeprefix("unix:path=")),
)


@way
def unix_sockets_of_the_proxy() -> object:
    return any(
        connected(socket.AF_UNIX, str(Path(TARGETS["data"]) / name), kind)
        for name, kind in (("control.sock", socket.SOCK_STREAM), ("doors.sock", socket.SOCK_SEQPACKET))
    )


@way
def tmux_server() -> object:
    return subprocess.run(
        ["tmux", "-S", TARGETS["tmux"], "list-sessions"], capture_output=True, check=True
    ).stdout


# Descriptors and terminals.


@way
def inherited_descriptor() -> object:
    return os.pread(TARGETS["descriptor"], 10, 0)


@way
def any_descriptor_above_two() -> object:
    open_ones = []
    for handle in range(3, 256):
        with contextlib.suppress(OSError):
            os.fstat(handle)
            open_ones.append(handle)
    return open_ones


def pushed(request: int) -> object:
    outside, inside = os.openpty()
    try:
        if LIBC.syscall(16, ctypes.c_ulong(inside), ctypes.c_ulong(request), ctypes.c_char_p(b"x")) < 0:
            raise OSError(ctypes.get_errno(), "refused")
    finally:
        os.close(outside)
        os.close(inside)
    return True


@way
def push_input_into_a_terminal() -> object:
    return pushed(0x5412)


@way
def push_input_with_high_bits() -> object:
    return pushed(1 << 32 | 0x5412)


# Other processes.


@way
def see_another_process() -> object:
    return Path(f"/proc/{TARGETS['victim']}/cmdline").read_bytes()


@way
def environment_of_another_process() -> object:
    return b"VICTIM_SECRET" in Path(f"/proc/{TARGETS['victim']}/environ").read_bytes()


@way
def environment_of_any_process() -> object:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.name != str(os.getpid()) and b"VICTIM_SECRET" in (folder / "environ").read_bytes():
                return True
    return False


@way
def root_of_another_process() -> object:
    return list(Path(f"/proc/{TARGETS['victim']}/root/").iterdir())


@way
def the_first_process_shows_the_host() -> object:
    return (Path("/proc/1/root") / TARGETS["policy"].lstrip("/")).read_text()


@way
def signal_another_process() -> object:
    os.kill(TARGETS["victim"], 0)
    return b"sleep" in Path(f"/proc/{TARGETS['victim']}/cmdline").read_bytes()


@way
def ptrace_another_process() -> object:
    syscall("ptrace", 16, TARGETS["victim"], 0, 0)
    os.waitpid(TARGETS["victim"], 0x40000000)  # __WALL
    syscall("ptrace", 17, TARGETS["victim"], 0, 0)
    return True


@way
def ptrace_a_child() -> object:
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    try:
        return let_through("ptrace", 16, child, 0, 0)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@way
def memory_of_a_process() -> object:
    return let_through("process_vm_readv", os.getpid(), None, 0, None, 0, 0)


@way
def descriptors_of_a_process() -> object:
    return let_through("pidfd_getfd", -1, 0, 0)


@way
def shared_memory() -> object:
    return LIBC.shmget(TARGETS["shm"], 0, 0) >= 0


@way
def shared_memory_file() -> object:
    return Path(TARGETS["shm_file"]).read_text()


# The kernel.


@way
def new_user_namespace() -> object:
    return subprocess.run(["unshare", "-U", "true"], capture_output=True, check=True).returncode == 0


@way
def new_user_namespace_by_clone() -> object:
    child = syscall("clone", ctypes.c_ulong(NEWUSER | signal.SIGCHLD), None, None, None, None)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


@way
def new_user_namespace_by_clone3() -> object:
    return let_through("clone3", None, 0)


@way
def mount() -> object:
    return let_through("mount", b"none", b"/nowhere/at-all", b"tmpfs", 0, None)


@way
def open_tree() -> object:
    return let_through("open_tree", -1, b"", 0)


@way
def fsopen() -> object:
    return let_through("fsopen", b"no-such-file-system", 0)


@way
def pivot_root() -> object:
    return let_through("pivot_root", b"/nowhere", b"/nowhere")


@way
def chroot() -> object:
    return let_through("chroot", b"/nowhere/at-all")


@way
def enter_a_namespace() -> object:
    return let_through("setns", -1, NEWNET)


@way
def bpf() -> object:
    return let_through("bpf", 999, None, 0)


@way
def perf_events() -> object:
    return let_through("perf_event_open", None, 0, -1, -1, 0)


@way
def fault_handling() -> object:
    return let_through("userfaultfd", 0x7FFFFFFF)


@way
def io_uring() -> object:
    return let_through("io_uring_setup", 0, None)


@way
def keyrings() -> object:
    return let_through("keyctl", 6, -3, 0, 0)


@way
def file_handles() -> object:
    return let_through("name_to_handle_at", -1, b"x", None, None, 0)


@way
def kernel_log() -> object:
    return let_through("syslog", 10, 0, 0)


@way
def kernel_modules() -> object:
    return let_through("init_module", None, 0, b"")


@way
def capabilities() -> object:
    lines = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
    )
    return any(int(lines[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"))


@way
def new_privileges() -> object:
    return "NoNewPrivs:\t0" in Path("/proc/self/status").read_text()


@way
def core_pattern() -> object:
    with Path("/proc/sys/kernel/core_pattern").open("a"):
        return True


@way
def kernel_switches() -> object:
    for path in Path("/proc/sys").rglob("*"):
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_WRONLY))
            return str(path)
    return False


@way
def secrets_of_the_kernel() -> object:
    for name in ("kcore", "kmsg", "keys", "timer_list"):
        with contextlib.suppress(OSError):
            file = os.open(f"/proc/{name}", os.O_RDONLY | os.O_NONBLOCK)
            try:
                if os.read(file, 1):
                    return name
            except BlockingIOError:  # it would be told, were there anything new
                return name
            finally:
                os.close(file)
    return False


@way
def sysrq() -> object:
    with Path("/proc/sysrq-trigger").open("a"):
        return True


@way
def control_groups() -> object:
    return list(Path("/sys/fs/cgroup").iterdir())


@way
def devices() -> object:
    for name in ("mem", "kmsg", "vda", "sda", "nvme0n1", "fuse", "net/tun", "kvm"):
        with contextlib.suppress(OSError):
            os.close(os.open(f"/dev/{name}", os.O_RDONLY))
            return name
    return False


@way
def make_a_device() -> object:
    path = Path(TARGETS["work"]) / "device"
    os.mknod(path, 0o20600, os.makedev(1, 1))
    path.unlink()
    return True


# Files.

several("read", TARGETS["read"], lambda path: Path(path).read_bytes())
several("read_a_key_store", TARGETS["stores"], lambda path: Path(path).read_bytes())


@way
def read_a_file_of_tmp() -> object:
    return Path(TARGETS["tmp_file"]).read_text()


@way
def list_data() -> object:
    return {path.name for path in Path(TARGETS["data"]).iterdir()} - {"client", "ca"}


@way
def installation_key() -> object:
    return [path.read_bytes() for path in Path(TARGETS["data"]).rglob("*") if path.suffix in {".key", ".db"}]


@way
def authority_key() -> object:
    return [path.name for path in (Path(TARGETS["data"]) / "ca").iterdir() if "cert" not in path.name]


@way
def rewrite_policy() -> object:
    with Path(TARGETS["policy"]).open("a") as file:
        return file.write("") == 0


@way
def plant_a_policy() -> object:
    path = Path(TARGETS["policy"]).with_name("attack.yaml")
    path.write_text("policy: attack\n")
    path.unlink()
    return True


@way
def replace_the_configuration() -> object:
    """Renaming a folder above it would let another be put in its place."""
    above = Path(TARGETS["config"]).parent
    moved = above.with_name(above.name + "-moved")
    above.rename(moved)
    moved.rename(above)
    return True


@way
def write_into_data() -> object:
    path = Path(TARGETS["data"]) / "attack"
    path.write_text("x")
    path.unlink()
    return True


@way
def change_the_certificates() -> object:
    with (Path(TARGETS["data"]) / "client" / "bundle.pem").open("a"):
        return True


@way
def write_our_code() -> object:
    with Path(TARGETS["code"]).open("a"):
        return True


@way
def write_into_the_system() -> object:
    path = Path("/usr/bin/wharfinger-attack")
    path.write_text("x")
    path.unlink()
    return True


@way
def start_up_files_of_the_user() -> object:
    path = Path(TARGETS["home"]) / ".bashrc"
    return "# of the user" in path.read_text() and os.access(path, os.W_OK)


# The office, and other agents.


def asked(url: str, proxy: str | None) -> int:
    handler = urllib.request.ProxyHandler({} if proxy is None else {"http": proxy})
    try:
        with urllib.request.build_opener(handler).open(url, timeout=3) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


@way
def the_console() -> object:
    return asked(TARGETS["console"], None)


@way
def the_console_through_the_proxy() -> object:
    return asked(TARGETS["console"] + "/sign-in", os.environ["HTTP_PROXY"]) not in {403, 407}


@way
def the_shared_listener() -> object:
    return connected(socket.AF_INET, tuple(TARGETS["proxy"]))


@way
def be_another_agent() -> object:
    """With a token that is good at the shared listener."""
    host, _, port = os.environ["HTTP_PROXY"].rpartition("/")[2].rpartition("@")[2].partition(":")
    return asked("http://docs.python.org/", f"http://{TARGETS['other']}@{host}:{port}") != 407


@way
def approve_own_calls() -> object:
    command = [
        sys.executable,
        "-m",
        "wharfinger.cli.main",
        "approvals",
        "list",
        "--config",
        TARGETS["config"],
    ]
    return subprocess.run(command, capture_output=True, check=True).stdout is not None


def tried(work: Callable[[], object]) -> str:
    try:
        return "out" if work() else "nothing found"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    found = {name: tried(work) for name, work in WAYS.items()}
    found["counted"] = Path("/proc/net/dev").read_text()
    print(json.dumps(found))
