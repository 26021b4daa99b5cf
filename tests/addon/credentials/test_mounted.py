"""Files that Kubernetes mounts: followed as the kubelet links them, and nowhere else."""

import os
import shutil
import threading

import pytest
from wharfinger.credentials import mounted
from wharfinger.credentials.sources import FileSource, NotFetched
from wharfinger.keeping.private import NotPrivate

VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


class Volume:
    """A mounted folder, written as the kubelet's atomic writer does it."""

    def __init__(self, folder):
        self.folder = folder
        self.number = 0
        folder.mkdir(mode=0o755)

    def write(self, mode=0o440, **files):
        self.number += 1
        version = self.folder / f"..2026_01_14_12_00_00.{self.number:09}"
        version.mkdir(mode=0o755)
        for name, content in files.items():
            (version / name).write_text(content)
            (version / name).chmod(mode)
        data = self.folder / "..data"
        before = data.resolve() if data.is_symlink() else None
        fresh = self.folder / "..data_tmp"
        fresh.symlink_to(version.name)
        fresh.rename(data)
        if before is not None:
            shutil.rmtree(before)
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        return version


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "secrets")


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640], ids=oct)
def test_a_mounted_file_is_read(volume, mode):
    volume.write(mode, token=f"{VALUE}\n")
    found = FileSource(volume.folder / "token").fetch()
    assert found.text == VALUE
    assert found.due is not None


def test_the_next_version_is_read_once_the_link_is_swapped(volume):
    volume.write(token=VALUE)
    source = FileSource(volume.folder / "token")
    assert source.fetch().text == VALUE
    volume.write(token="next" + VALUE)
    assert source.fetch().text == "next" + VALUE


def test_every_reading_while_it_is_swapped_is_whole(volume):
    volume.write(token="a" * 40)
    stop, swaps = threading.Event(), []

    def swapping():
        while not stop.is_set():
            volume.write(token=("a" if len(swaps) % 2 else "b") * 40)
            swaps.append(1)

    thread = threading.Thread(target=swapping)
    thread.start()
    try:
        found = {FileSource(volume.folder / "token").fetch().text for _ in range(300)}
    finally:
        stop.set()
        thread.join()
    assert found <= {"a" * 40, "b" * 40}
    assert swaps


def _outside(volume, path):
    (path / "away").mkdir()
    (path / "away/token").write_text(VALUE)
    (path / "away/token").chmod(0o400)
    return path / "away"


def _leads_out(volume, path):
    _outside(volume, path)
    (volume.folder / "..data").unlink()
    (volume.folder / "..data").symlink_to("../away")


def _leads_out_by_its_name(volume, path):
    away = _outside(volume, path)
    (volume.folder / "..data").unlink()
    (volume.folder / "..data").symlink_to(away)


def _data_is_the_parent(volume, path):
    (path / "token").write_text(VALUE)
    (volume.folder / "..data").unlink()
    (volume.folder / "..data").symlink_to("..")


def _version_is_a_link(volume, path):
    away = _outside(volume, path)
    (volume.folder / "..linked").symlink_to(away)
    (volume.folder / "..data").unlink()
    (volume.folder / "..data").symlink_to("..linked")


def _file_is_a_link(volume, path):
    away = _outside(volume, path)
    file = volume.folder / "..data/token"
    file.unlink()
    file.symlink_to(away / "token")


def _data_is_plain(volume, path):
    (volume.folder / "..data").unlink()
    (volume.folder / "..data").symlink_to("data")
    _outside(volume, path).rename(volume.folder / "data")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_leads_out, "leads out of its folder"),
        (_leads_out_by_its_name, "leads out of its folder"),
        (_data_is_the_parent, "leads out of its folder"),
        (_data_is_plain, "leads out of its folder"),
        (_version_is_a_link, "cannot be read"),
        (_file_is_a_link, "cannot be read"),
        (lambda volume, path: (volume.folder / "..data/token").chmod(0o444), "open to other users"),
        (lambda volume, path: (volume.folder / "..data/token").chmod(0o420), "open to other users"),
        (lambda volume, path: (volume.folder / "..data").resolve().chmod(0o777), "open to other users"),
        (lambda volume, path: volume.folder.chmod(0o777), "may be written by others"),
        (lambda volume, path: (volume.folder / "..data/token").unlink(), "is not there"),
        (lambda volume, path: (volume.folder / "..data").unlink(), "is not there"),
        (lambda volume, path: (volume.folder / "..data/token").write_text("x" * 9000), "is longer than"),
    ],
    ids=[
        "out", "out by name", "parent", "plain", "version", "file", "readable", "writable", "open version",
        "open folder", "no file", "no data", "long",
    ],
)  # fmt: skip
def test_what_is_not_as_the_kubelet_makes_it_is_refused(volume, tmp_path, change, told):
    volume.write(0o640, token=VALUE)
    change(volume, tmp_path)
    with pytest.raises(NotFetched, match=told) as caught:
        FileSource(volume.folder / "token").fetch()
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize(
    "target", ["other", "..data/other", "/etc/hostname", "../away/token", "..data/../token"]
)
def test_any_other_link_is_refused_as_ever(volume, tmp_path, target):
    volume.write(token=VALUE, other=VALUE)
    _outside(volume, tmp_path)
    (volume.folder / "token").unlink()
    (volume.folder / "token").symlink_to(target)
    with pytest.raises(NotFetched, match="symbolic link"):
        FileSource(volume.folder / "token").fetch()


def test_what_anybody_may_read_is_read_only_where_that_is_said(volume):
    volume.write(0o644, token=VALUE)
    assert mounted.read(volume.folder / "token", limit=100, readable=True) == VALUE.encode()
    with pytest.raises(NotPrivate, match="open to other users"):
        mounted.read(volume.folder / "token", limit=100)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
@pytest.mark.parametrize("which", ["..data", "token", "version", "file"])
def test_what_belongs_to_another_user_is_refused(volume, which):
    version = volume.write(token=VALUE)
    path = {"version": version, "file": version / "token"}.get(which, volume.folder / which)
    os.chown(path, 12345, 12345, follow_symlinks=False)
    with pytest.raises(NotFetched, match="belongs to user 12345"):
        FileSource(volume.folder / "token").fetch()
