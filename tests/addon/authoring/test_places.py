"""Which configuration is used: the one named, a trusted one upwards, or the user's; never one by chance."""

import json
import os
import stat
from pathlib import Path

import pytest
from wharfinger.authoring.places import TRUST_FILE, How, NotTrusted, Places
from wharfinger.authoring.snapshot import FolderUnreadable
from wharfinger.keeping.private import NotPrivate


def configure(folder, text="version: 1\n"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wharfinger.yaml").write_text(text)
    (folder / "wharfinger.yaml").chmod(0o644)
    return folder


@pytest.fixture
def places(tmp_path):
    configure(tmp_path / "home" / "config")
    return Places(tmp_path / "home" / "config", tmp_path / "home" / "state")


@pytest.fixture
def project(tmp_path):
    configure(tmp_path / "project")
    (tmp_path / "project" / "src" / "deep").mkdir(parents=True)
    return tmp_path / "project"


HOME = ("/h/.config/wharfinger", "/h/.local/state/wharfinger")


@pytest.mark.parametrize(
    ("environ", "config", "state"),
    [
        ({"HOME": "/h"}, *HOME),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"}, "/c/wharfinger", "/s/wharfinger"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "c", "XDG_STATE_HOME": ""}, *HOME),
    ],
)
def test_the_users_folders_follow_xdg(environ, config, state):
    assert Places.of_user(environ) == Places(Path(config), Path(state))


def test_without_a_home_the_users_entry_counts():
    assert Places.of_user({}).config.is_absolute()


def test_the_named_folder_is_used_trusted_or_not(places, project):
    found = places.find(project, Path("/"))
    assert (found.how, found.snapshot.folder, found.notices) == (How.GIVEN, project, ())


def test_an_untrusted_folder_upwards_is_passed_over_and_said(places, project):
    found = places.find(None, project / "src" / "deep")
    assert (found.how, found.snapshot.folder) == (How.USER, places.config)
    assert found.notices == (
        f'"{project}/wharfinger.yaml" is not used: it has not been trusted '
        f'(wharfinger trust "{project}", or name it with --config)',
    )


def test_a_trusted_folder_is_found_from_within(places, project):
    places.trust(project)
    for start in (project, project / "src" / "deep"):
        found = places.find(None, start)
        assert (found.how, found.snapshot.folder, found.notices) == (How.TRUSTED, project, ())
    assert places.find(None, project.parent).how is How.USER


def test_a_trusted_folder_beyond_an_untrusted_one_is_used_and_that_said(places, project):
    places.trust(project)
    inner = configure(project / "src")
    found = places.find(None, inner / "deep")
    assert found.snapshot.folder == project
    assert len(found.notices) == 1


@pytest.mark.parametrize("name", ["wharfinger.yaml", "policies/new.yaml", "agents.yaml"])
def test_a_trusted_folder_that_changed_is_refused_rather_than_replaced_by_another(places, project, name):
    places.trust(project)
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_text("changed: 1\n")
    (project / name).chmod(0o644)
    with pytest.raises(NotTrusted, match="has changed since it was trusted"):
        places.find(None, project)
    places.trust(project)
    assert places.find(None, project).how is How.TRUSTED


def test_what_is_used_is_what_was_compared(places, project):
    places.trust(project)
    found = places.find(None, project)
    configure(project, "version: 2\n")
    assert found.snapshot.files["wharfinger.yaml"] == b"version: 1\n"


@pytest.mark.parametrize("name", [".", "wharfinger.yaml"])
def test_a_folder_that_others_may_write_is_neither_trusted_nor_used(places, project, name):
    places.trust(project)
    mode = stat.S_IMODE((project / name).stat().st_mode)
    (project / name).chmod(mode | 0o002)
    for use in (lambda: places.find(None, project), lambda: places.trust(project)):
        with pytest.raises(NotTrusted, match="others may write") as caught:
            use()
        assert "chmod -R go-w" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_another_users_folder_is_not_trusted(places, project):
    os.chown(project / "wharfinger.yaml", 12345, -1)
    with pytest.raises(NotTrusted, match="others may write"):
        places.trust(project)


def test_a_folder_without_settings_is_not_trusted(places, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotTrusted, match=r"has no wharfinger\.yaml"):
        places.trust(tmp_path / "empty")
    (tmp_path / "empty" / "wharfinger.yaml").symlink_to(places.config / "wharfinger.yaml")
    with pytest.raises(NotTrusted, match=r"has no wharfinger\.yaml"):
        places.trust(tmp_path / "empty")


def test_trust_is_kept_private_and_outside_the_folder(places, project):
    before = sorted(project.rglob("*"))
    seen = places.trust(project)
    path = places.state / TRUST_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"version": 1, "folders": {str(project): seen.digest}}
    assert sorted(project.rglob("*")) == before


def test_trust_can_be_taken_back(places, project):
    places.trust(project)
    assert places.distrust(project) is True
    assert places.distrust(project) is False
    assert places.find(None, project).how is How.USER


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"folders": {"/x": 1}}', '{"folders": []}', "\xff"]
)
def test_a_broken_memory_of_trust_is_an_error(places, project, text):
    places.trust(project)
    (places.state / TRUST_FILE).write_text(text)
    with pytest.raises(NotTrusted, match="cannot be read"):
        places.find(None, project)


def test_a_memory_that_others_could_have_written_is_an_error(places, project):
    places.trust(project)
    (places.state / TRUST_FILE).chmod(0o666)
    with pytest.raises(NotPrivate):
        places.find(None, project)


def test_without_any_configuration_the_error_says_how_to_make_one(tmp_path):
    places = Places(tmp_path / "none", tmp_path / "state")
    with pytest.raises(FolderUnreadable, match="no such file or directory") as caught:
        places.find(None, tmp_path)
    assert "wharfinger init" in caught.value.hint


def test_the_users_own_folder_needs_no_trust(places):
    found = places.find(None, places.config)
    assert (found.how, found.notices) == (How.USER, ())


@pytest.mark.parametrize(
    ("configured", "data"),
    [(None, "/s/data"), ("./data", "/conf/data"), ("../data", "/data"), ("/var/lib/w", "/var/lib/w")],
)
def test_the_data_folder(configured, data):
    assert Places(Path("/c"), Path("/s")).data(configured, Path("/conf")) == Path(data)
