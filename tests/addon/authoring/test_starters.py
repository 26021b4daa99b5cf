"""Every first configuration that `init` can write is usable, and its hosts are those of the catalogue."""

from itertools import combinations

import pytest
from wharfinger.authoring import checking, starters
from wharfinger.authoring.snapshot import Catalogue
from wharfinger.authoring.starters import SERVICES, Kind, Plan
from wharfinger.rules.configuration import Sources, load

NAMES = [service.credential for service in SERVICES]
SOME = [(), *combinations(NAMES, 1), *combinations(NAMES, 2), tuple(NAMES)]


def plan(kind, names, agent="agent"):
    sources = {name: f"env:{name}" for name in names}
    offered = {service.credential for service in starters.offered(kind)}
    return Plan(kind, "alice", agent, {name: text for name, text in sources.items() if name in offered})


@pytest.mark.parametrize("kind", [*Kind])
def test_every_choice_of_credentials_gives_a_usable_configuration(kind):
    seen = set()
    for names in SOME:
        made = plan(kind, names)
        if tuple(made.sources) in seen or (kind is Kind.API and not names):
            continue
        seen.add(tuple(made.sources))
        checked = checking.check_files(starters.files(made), lint=True)
        assert checked.good, (names, [*map(str, checked.errors), *map(str, checked.failed)])
        assert not checked.problems, (names, [*map(str, checked.problems)])
        assert len(checked.cases) >= 3 * len(made.policies), names


@pytest.mark.parametrize("kind", [Kind.CODING, Kind.API])
def test_a_credential_may_go_to_the_hosts_of_its_tools_and_to_no_other(kind):
    made = plan(kind, NAMES)
    loaded = load(Sources(starters.files(made), Catalogue()))
    for service in made.services:
        needed = {
            host
            for tool in loaded.tools
            for host in tool.hosts
            if any(placed.credential == service.credential for placed in tool.placements)
        }
        assert set(made.hosts(service)) == needed


def test_without_a_token_git_only_reads():
    loaded = load(Sources(starters.files(plan(Kind.CODING_SIGNED_IN, ())), Catalogue()))
    git = [tool for tool in loaded.tools if tool.name.startswith("git_")]
    assert [tool.name for tool in git] == ["git_fetch"]
    assert all(tool.effect == "read" and not tool.placements for tool in git)


def test_an_agent_that_signs_in_holds_no_model_key():
    made = plan(Kind.CODING_SIGNED_IN, NAMES)
    assert set(made.sources) == {"GITHUB_TOKEN"}


@pytest.mark.parametrize(
    ("name", "written"),
    [("agent", "agent"), ("my-agent_2", "my-agent_2"), ("yes", '"yes"'), ("1", '"1"'), ("a.b", '"a.b"')],
)
def test_names_are_quoted_where_yaml_would_read_something_else(name, written):
    assert starters.scalar(name) == written
