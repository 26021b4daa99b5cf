"""Private files: whole or not there, and refused when others could have touched them."""

import os
import stat

import pytest
from wharfinger.keeping import private
from wharfinger.keeping.private import NotPrivate


def test_a_created_file_is_private_whole_and_alone(tmp_path):
    private.create(tmp_path / "f", b"content")
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    assert private.read(tmp_path / "f", limit=7) == b"content"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_what_is_there_is_not_overwritten_by_create(tmp_path):
    private.create(tmp_path / "f", b"first")
    with pytest.raises(FileExistsError):
        private.create(tmp_path / "f", b"second")
    assert private.read(tmp_path / "f", limit=10) == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_replace_puts_the_new_content_in_place(tmp_path):
    private.replace(tmp_path / "f", b"first")
    private.replace(tmp_path / "f", b"second")
    assert private.read(tmp_path / "f", limit=10) == b"second"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_failed_replace_leaves_the_old_content(tmp_path, monkeypatch):
    private.replace(tmp_path / "f", b"first")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wharfinger.keeping.private.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        private.replace(tmp_path / "f", b"second")
    assert private.read(tmp_path / "f", limit=10) == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
def test_any_bit_for_others_is_refused_with_the_remedy(tmp_path, mode):
    private.create(tmp_path / "f", b"x")
    (tmp_path / "f").chmod(mode)
    with pytest.raises(NotPrivate, match="open to other users") as caught:
        private.read(tmp_path / "f", limit=10)
    assert caught.value.hint == f'chmod 600 "{tmp_path}/f"'


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_another_users_file_is_refused(tmp_path):
    private.create(tmp_path / "f", b"x")
    os.chown(tmp_path / "f", 12345, -1)
    with pytest.raises(NotPrivate, match="belongs to user 12345"):
        private.read(tmp_path / "f", limit=10)


def test_the_limit_is_exact(tmp_path):
    private.create(tmp_path / "f", b"12345")
    assert private.read(tmp_path / "f", limit=5) == b"12345"
    with pytest.raises(NotPrivate, match="longer than 4 bytes"):
        private.read(tmp_path / "f", limit=4)


def test_a_missing_file_is_told_from_a_bad_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        private.read(tmp_path / "f", limit=5)


def test_a_folder_is_made_private_and_checked_again(tmp_path):
    path = private.folder(tmp_path / "a" / "b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert private.folder(path) == path
    path.chmod(0o750)
    with pytest.raises(NotPrivate, match=r"mode 0750") as caught:
        private.folder(path)
    assert caught.value.hint == f'chmod 700 "{path}"'


def test_a_folder_that_is_a_file_or_a_link_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotPrivate, match="is not a folder"):
        private.folder(tmp_path / "file")
    private.folder(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(NotPrivate, match="not a folder of its own"):
        private.folder(tmp_path / "link")
