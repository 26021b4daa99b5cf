"""The documentation, held against what it is about: generated parts, examples, sessions, links, commands."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from wharfinger.authoring import checking
from wharfinger.cli.main import cli
from wharfinger.rules.types import Code

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
README = ROOT / "README.md"
FENCE = re.compile(r"(?:<!-- ([^\n]*) -->\n)?^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)")
NOT_RUN = "not run here"
KEY = "rk_test_" + "0123456789abcdef" * 2

OTHERS = {
    "wharfinger.yaml": "version: 1\n",
    "people.yaml": "people: {alice: {role: admin}, bob: {}}\nteams: {finance: [alice, bob]}\n",
    "credentials.yaml": (
        "credentials:\n"
        "  STRIPE_API_KEY: {from: env:STRIPE_API_KEY, hosts: [api.stripe.com]}\n"
        "  TRACKER_TOKEN: {from: env:TRACKER_TOKEN, hosts: [tracker.example.com]}\n"
        "  BOARD_TOKEN: {from: env:BOARD_TOKEN, hosts: [api.board.example]}\n"
        "  HANDBOOK_TOKEN: {from: env:HANDBOOK_TOKEN, hosts: [mcp.handbook.example]}\n"
        "  OPENAI_API_KEY: {from: env:OPENAI_API_KEY, hosts: [api.openai.com]}\n"
        "  FORGE_TOKEN: {from: env:FORGE_TOKEN, hosts: [git.forge.example]}\n"
        "  SCANS_TOKEN: {from: env:SCANS_TOKEN, hosts: [scans.example.com]}\n"
        "  LEDGER_TOKEN: {from: env:LEDGER_TOKEN, hosts: [grpc.ledger.example]}\n"
        "  MAILBOX_TOKEN: {from: env:MAILBOX_TOKEN, hosts: [api.mailbox.example]}\n"
    ),
}
"""What the examples of a page are put among, where they do not bring it themselves."""


def generator():
    spec = importlib.util.spec_from_file_location("blocks", ROOT / "scripts" / "generate" / "blocks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def fences(path: Path, kind: str) -> list[tuple[str, str]]:
    """The blocks of one kind, each with the comment before it."""
    found = FENCE.findall(path.read_text("utf-8"))
    return [(comment, text) for comment, language, text in found if language == kind]


# Generated parts


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_generated_parts_are_as_they_would_be_made_now(path):
    text = path.read_text("utf-8")
    assert generator().render(text) == text, "write them anew with scripts/docs"


def test_every_generated_part_stands_somewhere():
    blocks = generator()
    used = {found[1] for path in DOCUMENTS for found in blocks.BLOCK.findall(path.read_text("utf-8"))}
    assert used == set(blocks.BLOCKS)
    assert set(blocks.CODES) == set(Code)


def test_a_part_that_is_behind_is_seen():
    blocks = generator()
    stale = "<!-- made by scripts/docs: operators -->\nold\n<!-- end -->"
    assert blocks.render(stale) != stale
    assert "`max`" in blocks.render(stale)
    with pytest.raises(KeyError):
        blocks.render(stale.replace("operators", "nothing"))


# Examples


def examples(path: Path) -> dict[str, str]:
    """The files of configuration that a page shows, by the path in their first line."""
    found = {}
    for _, text in fences(path, "yaml"):
        first = text.partition("\n")[0]
        assert re.fullmatch(r"# [a-z]+(?:/[a-z_]+)?\.yaml", first), f"an example without its path: {first}"
        found[first.removeprefix("# ")] = text
    return found


def checked(files: dict[str, str], **agents: str) -> list[str]:
    """What is wrong with a configuration of these files, in which agents have these policies."""
    written = "".join(
        f"  {name}: {{owner: alice, policies: [{policies}], environment: prod}}\n"
        for name, policies in agents.items()
    )
    whole = {**OTHERS, **files, "agents.yaml": f"agents:\n{written}" if agents else "agents: {}\n"}
    found = checking.check_files({name: text.encode() for name, text in whole.items()})
    assert found.configuration is None or bool(found.cases) == ("tests:" in str(files))
    return [str(each) for each in (*found.problems, *found.failed)]


def test_the_policy_of_the_readme_passes_its_tests():
    policy = {"policies/support_refunds.yaml": examples(README)["policies/support_refunds.yaml"]}
    catalogue = {"wharfinger.yaml": "version: 1\ncatalogue: [stripe]\n"}
    assert checked({**catalogue, **policy}, support="support_refunds") == []
    broken = {
        name: text.replace("12000}, expect: ask", "12000}, expect: allow") for name, text in policy.items()
    }
    assert broken != policy
    assert len(checked({**catalogue, **broken}, support="support_refunds")) == 1


def test_the_tool_of_the_readme_loads():
    assert checked({"tools/refund.yaml": examples(README)["tools/refund.yaml"]}) == []


CLERKS = {"signed", "conditions", "outgoing", "triage"}
"""Policies of one agent in the examples, which are all about one call."""


@pytest.mark.parametrize("clerk", sorted(CLERKS))
def test_the_examples_of_tools_and_policies_pass_their_tests(clerk):
    files = examples(ROOT / "docs" / "tools.md") | examples(ROOT / "docs" / "policies.md")
    for other in CLERKS - {clerk}:
        del files[f"policies/{other}.yaml"]
    agents = {"support": "support_refunds, reading", "payer": "limited", "clerk": clerk}
    assert checked(files, **agents, brancher="branches", scanner="small_scans") == []


def test_the_examples_of_settings_are_good():
    files = examples(ROOT / "docs" / "configuration.md")
    policy = {"policies/support_refunds.yaml": "policy: support_refunds\ntools: [stripe_get_customer]\n"}
    assert files.pop("agents.yaml").count("\n") == 3
    told = checked({**files, **policy}, support="support_refunds")
    assert [text for text in told if ": error: " in text] == []


# Sessions


def session() -> list[tuple[str, str]]:
    """The commands of the README's sessions, each with what it is said to print."""
    steps: list[tuple[str, str]] = []
    for comment, text in fences(README, "console"):
        if not comment.startswith(NOT_RUN):
            parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
            assert parts[0] == ""
            steps += [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts[1:]]
    return steps


def fits(said: str, wanted: str) -> bool:
    """Whether `said` is what is `wanted`, where `…` is anything in a line, and on a line alone any lines."""
    pattern = "".join(
        r"(?s:.*)" if line == "…\n" else re.escape(line).replace("…", ".*")
        for line in wanted.splitlines(keepends=True)
    )
    return re.fullmatch(pattern, said) is not None


def test_fits_can_tell():
    assert fits("a 1 b\nx\ny\nend\n", "a … b\n…\nend\n")
    assert not fits("a 1 b\nend!\n", "a … b\n…\nend\n")
    assert not fits("a\nb\n", "a\n")


def test_the_sessions_of_the_readme_are_true(tmp_path):
    pytest.importorskip("stripe")
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    agent = re.search(r"\$ cat agent\.py\n(.*?)\n\$ ", README.read_text("utf-8"), re.DOTALL)[1]
    (work / "agent.py").write_text(agent + "\n")
    environment = {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STRIPE_API_KEY": KEY,
        "LANG": "C.UTF-8",
        "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled"),
    }
    for command, wanted in session():
        ran = subprocess.run(
            ["bash", "-c", command], cwd=work, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
        )  # fmt: skip
        said = ran.stdout.lstrip("\n")
        assert fits(said, wanted), f"$ {command}\n{said}\n--- but the README has\n{wanted}"
        assert KEY not in said
        if "wharfinger init" in command:  # the ports of the example may be taken on this machine
            settings = home / ".config" / "wharfinger" / "wharfinger.yaml"
            settings.write_text(re.sub(r"127\.0\.0\.1:808[01]", "127.0.0.1:0", settings.read_text("utf-8")))


def test_the_demos_claims_are_quoted_as_they_are():
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "addon" / "demo").glob("*.py"))
    quoted = re.findall(r"^ok: (.*: .*)$", README.read_text("utf-8"), re.MULTILINE)
    assert len(quoted) > 3
    assert [claim for claim in quoted if claim not in sources] == []


# Links, commands, tests


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path):
    for target, anchor in LINK.findall(path.read_text("utf-8")):
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def test_every_page_is_linked_from_the_readme():
    linked = {target for target, _ in LINK.findall(README.read_text("utf-8"))}
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= linked


def spoken() -> list[str]:
    """Every command line of ours in any page, from sessions and from the text."""
    lines = []
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        if path.name != "commands.md":
            lines += re.findall(r"^\$ (wharfinger [^\n|]*)", text, re.MULTILINE)
            lines += re.findall(r"`(wharfinger [a-z][^`]*)`", text)
    return sorted(set(lines))


@pytest.mark.parametrize("line", spoken())
def test_commands_are_as_they_are_written(line):
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="wharfinger")
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context)
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    ours = words[: words.index("--")] if "--" in words else words
    options = {word.partition("=")[0] for word in ours if word.startswith("-")}
    assert options <= known | {"--help", "-h"}


def test_scripts_that_are_named_are_there():
    for path in DOCUMENTS:
        for name in re.findall(r"\bscripts/[a-z-]+\b(?!/)", path.read_text("utf-8")):
            assert (ROOT / name).exists(), f"{name_of(path)}: {name}"


def test_tests_that_are_named_are_there():
    """Each promise of the security page names the tests that keep it."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "security.md").read_text("utf-8"))
    assert len(named) > 30
    for file, test in named:
        path = ROOT / file
        assert path.exists(), file
        assert re.search(rf"^(?:async )?def {test}\(", path.read_text("utf-8"), re.MULTILINE), (
            f"{file}::{test}"
        )


def test_every_promise_names_a_test():
    text = (ROOT / "docs" / "security.md").read_text("utf-8").partition("## What is promised")[2]
    promises = re.split(r"^\d+\. ", text.partition("And between")[0], flags=re.MULTILINE)[1:]
    assert len(promises) == 11
    assert [promise.partition(".")[0] for promise in promises if "::test_" not in promise] == []
