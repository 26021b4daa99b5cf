"""What `check` remarks on: each kind found where it is, and not found beside it; only what is certain."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from wharfinger.authoring import checking
from wharfinger.rules.documents.kinds import KINDS
from wharfinger.rules.lint import keys

BASE = {
    "wharfinger.yaml": "version: 1\n",
    "people.yaml": "people: {alice: {role: admin}, bob: {}}\n",
    "credentials.yaml": "credentials: {KEY: {from: env:KEY, hosts: [api.example.com]}}\n",
    "agents.yaml": "agents: {bot: {owner: alice, policies: [main], environment: prod}}\n",
    "tools/things.yaml": """
        api: things
        base: https://api.example.com
        auth: {secret: KEY}
        tools:
          - tool: pay
            input:
              amount: {type: integer, min: 1, max: 1000}
              to: {type: string, enum: [a, b, c]}
              note: {type: string, required: false}
            run: {method: POST, url: /pay, body: {amount: "${amount}", to: "${to}", note: "${note}"}}
          - tool: thing_get
            run: {method: GET, url: "/things/${id}"}
          - tool: thing_drop
            run: {method: DELETE, url: "/things/${id}"}
          - tool: thing_purge
            effect: destructive
            run: {method: POST, url: "/things/${id}/purge"}
        """,
}
USES_ALL = "allow: [{tool: thing_*}]"
TESTED = """
tests:
  - {agent: bot, call: pay, input: {amount: 5, to: a}, expect: allow}
"""


def remarks(policy: str, *, codes: str = "W1", **files: str | None) -> list[str]:
    """The codes of one kind that are found, each with its line, in a policy among the usual files."""
    text = f"policy: main\n{textwrap.dedent(policy).strip()}\n"
    given = {name.replace("__", "/") + ".yaml": each for name, each in files.items()}
    whole = {**BASE, "policies/main.yaml": text, **given}
    files_ = {name: textwrap.dedent(each).encode() for name, each in whole.items() if each is not None}
    checked = checking.check_files(files_, run_cases=True, lint=True)
    assert checked.errors == (), "\n".join(map(str, checked.errors))
    assert all(problem.code in KINDS for problem in checked.problems)
    return [f"{p.code}:{p.position.line}" for p in checked.problems if p.code.startswith(codes)]


RULES = {
    # shadowed by a deny
    "allow under a deny of all": ('allow: [{tool: pay}]\ndeny: [{tool: "*"}]', ["W101:2"]),
    "allow under a deny by name": ("allow: [{tool: pay}]\ndeny: [{tool: pay}]", ["W101:2"]),
    "ask under a deny": ("ask: [{tool: pay}]\ndeny: [{tool: pay}]", ["W101:2"]),
    "a glob, all of it denied": (
        "allow: [{tool: thing_*}]\ndeny: [{tool: thing_get}, {tool: thing_drop}, {tool: thing_purge}]",
        ["W101:2"],
    ),
    "a glob, some of it denied": (
        "allow: [{tool: thing_*}]\ndeny: [{tool: thing_drop}, {tool: thing_purge}]",
        [],
    ),
    "implied bound": (
        "allow: [{tool: pay, when: {max_amount: 50}}]\ndeny: [{tool: pay, when: {max_amount: 60}}]",
        ["W101:2"],
    ),
    "bound not implied": (
        "allow: [{tool: pay, when: {max_amount: 50}}]\ndeny: [{tool: pay, when: {max_amount: 40}}]",
        [],
    ),
    "implied by CEL": (
        "allow: [{tool: pay, when: input.amount < 50}]\ndeny: [{tool: pay, when: {max_amount: 50}}]",
        ["W101:2"],
    ),
    "implied bounds of CEL, mirrored": (
        "allow: [{tool: pay, when: {max_amount: 50}}]\ndeny: [{tool: pay, when: 51 > input.amount}]",
        ["W101:2"],
    ),
    "strictness matters": (
        "allow: [{tool: pay, when: {max_amount: 50}}]\ndeny: [{tool: pay, when: input.amount < 50}]",
        [],
    ),
    "implied value": (
        "allow: [{tool: pay, when: {to: a}}]\ndeny: [{tool: pay, when: {to: {in: [a, b]}}}]",
        ["W101:2"],
    ),
    "value not implied": (
        "allow: [{tool: pay, when: {to: {in: [a, c]}}}]\ndeny: [{tool: pay, when: {to: {in: [a, b]}}}]",
        [],
    ),
    "implied beginning": (
        "allow: [{tool: thing_get, when: {id: {startswith: abc}}}]\n"
        "deny: [{tool: thing_get, when: {id: {startswith: ab}}}]",
        ["W101:2"],
    ),
    "beginning not implied": (
        "allow: [{tool: thing_get, when: {id: {startswith: ab}}}]\n"
        "deny: [{tool: thing_get, when: {id: {startswith: abc}}}]",
        [],
    ),
    "implied by more conditions": (
        "allow: [{tool: pay, when: {max_amount: 50, to: a}}]\ndeny: [{tool: pay, when: {to: a}}]",
        ["W101:2"],
    ),
    "not by another input": (
        "allow: [{tool: pay, when: {max_amount: 50}}]\ndeny: [{tool: pay, when: {max_amount: 50, to: a}}]",
        [],
    ),
    "same expression": (
        "allow: [{tool: pay, when: input.amount + 1 < 5}]\ndeny: [{tool: pay, when: input.amount + 1 < 5}]",
        ["W101:2"],
    ),
    "expression that is not understood": (
        "allow: [{tool: pay, when: {max_amount: 3}}]\ndeny: [{tool: pay, when: input.amount + 1 < 5}]",
        [],
    ),
    "a row of or": (
        'allow: [{tool: pay, when: {to: a}}]\ndeny: [{tool: pay, when: input.to == "a" || input.amount > 5}]',
        [],
    ),
    "required reason": (
        "allow: [{tool: thing_get, when: {require_reason: true}}]\n"
        "deny: [{tool: thing_get, when: has(call.reason)}]",
        ["W101:2"],
    ),
    "allow under an ask": ("allow: [{tool: pay}]\nask: [{tool: pay}]", ["W101:2"]),
    "ask beside an allow": ("allow: [{tool: pay}]\nask: [{tool: pay, when: {min_amount: 50}}]", []),
    "deny under an ask": ("ask: [{tool: pay}]\ndeny: [{tool: pay, when: {min_amount: 50}}]", []),
    "in other environments": (
        "allow: [{tool: pay}]\ndeny: [{tool: pay, environments: [prod]}]",
        [],
    ),
    "in the same environment": (
        "allow: [{tool: pay, environments: [prod]}]\ndeny: [{tool: pay, environments: [prod]}]",
        ["W101:2"],
    ),
    "unmatched at a host": (
        'allow: [{tool: unmatched, hosts: [docs.example.org]}]\ndeny: [{tool: "*"}]',
        ["W101:2"],
    ),
    # twice, needless
    "twice": ("allow:\n  - {tool: pay}\n  - {tool: pay}", ["W102:4"]),
    "twice in one line": ("allow: [{tool: pay}, {tool: pay}]", ["W102:2"]),
    "twice with the same condition": (
        "deny:\n  - {tool: pay, when: {max_amount: 5}}\n  - {tool: pay, when: {max_amount: 5}}",
        ["W102:4"],
    ),
    "not twice": (
        "deny:\n  - {tool: pay, when: {max_amount: 5}}\n  - {tool: pay, when: {max_amount: 6}}",
        [],
    ),
    "needless": ("allow:\n  - {tool: pay, when: {max_amount: 5}}\n  - {tool: pay}", ["W103:3"]),
    "not needless": (
        "allow:\n  - {tool: pay, when: {max_amount: 5}}\n  - {tool: pay, when: {to: a}}",
        [],
    ),
    # impossible
    "bounds that cross": ("allow: [{tool: pay, when: {amount: {min: 6, max: 5}}}]", ["W104:2"]),
    "one value left": ("allow: [{tool: pay, when: {amount: {min: 5, max: 5}}}]", []),
    "CEL bounds that cross": ("allow: [{tool: pay, when: input.amount > 5 && input.amount < 5}]", ["W104:2"]),
    "no whole number between": (
        "allow: [{tool: pay, when: {amount: {min: 5.2, max: 5.8}}}]",
        ["W104:2"],
    ),
    "beyond what the tool takes": ("allow: [{tool: pay, when: {min_amount: 1001}}]", ["W104:2"]),
    "as much as the tool takes": ("allow: [{tool: pay, when: {min_amount: 1000}}]", []),
    "a value the tool does not take": ("allow: [{tool: pay, when: {to: {in: [d, e]}}}]", ["W104:2"]),
    "a value the tool takes": ("allow: [{tool: pay, when: {to: {in: [c, d]}}}]", []),
    "values that exclude each other": (
        "deny: [{tool: pay, when: {to: {in: [a, b], not_in: [a, b]}}}]",
        ["W104:2"],
    ),
    "two environments at once": (
        'deny: [{tool: pay, when: agent.environment == "prod" && agent.environment == "dev"}]',
        ["W104:2"],
    ),
    "beginnings that differ": (
        'deny: [{tool: thing_get, when: input.id.startsWith("a") && input.id.startsWith("b")}]',
        ["W104:2"],
    ),
    "given and not given": (
        """deny: [{tool: pay, when: 'given("note") && !given("note")'}]""",
        ["W104:2"],
    ),
    "not given, and read": (
        """deny: [{tool: pay, when: '!given("note") && input.note == "x"'}]""",
        ["W104:2"],
    ),
    # globs
    "no match": ("allow: [{tool: other_*}, {tool: pay}]", ["W105:2"]),
    # wider than the sibling
    "wide": (
        "allow: [{tool: thing_*}]\ndeny: [{tool: thing_drop}]",
        ["W106:2"],
    ),
    "not wide, all destructive ones are denied": (
        "allow: [{tool: thing_*}]\ndeny: [{tool: thing_drop}, {tool: thing_purge}]",
        [],
    ),
    "not wide, the other is asked about": (
        "allow: [{tool: thing_*}]\nask: [{tool: thing_purge}]\ndeny: [{tool: thing_drop}]",
        [],
    ),
    "wide, whatever is denied of everything": (
        """
        allow: [{tool: thing_*}]
        deny: [{tool: thing_drop}, {tool: "*", when: agent.environment == "dev"}]
        """,
        ["W106:2"],
    ),
    "not wide, the other is denied by a condition of its own": (
        "allow: [{tool: thing_*}]\ndeny: [{tool: thing_drop}, {tool: thing_purge, when: {id: x}}]",
        [],
    ),
    "not wide, nothing destructive is denied": (
        "allow: [{tool: thing_*}]\ndeny: [{tool: thing_get, when: {id: x}}]",
        [],
    ),
    # unguarded
    "unguarded": (
        "allow: [{tool: pay, when: {note: x}}]\nask: [{tool: pay, when: {max_amount: 5}}]",
        ["W107:2"],
    ),
    "unguarded beside a guard": (
        'allow: [{tool: pay, when: {note: x}}, {tool: pay, when: \'!given("note")\'}]',
        ["W107:2"],
    ),
    "unguarded, alone": ("allow: [{tool: pay, when: {note: x}}]", []),
    "guarded": (
        'allow: [{tool: pay, when: \'given("note") && input.note == "x"\'}, {tool: pay, when: {to: a}}]',
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("policy", "wanted"), RULES.values(), ids=RULES)
def test_rules(policy, wanted):
    assert remarks(policy) == wanted


def test_a_rule_of_another_policy_counts_only_if_every_holder_has_it():
    guard = 'policy: guard\ndeny: [{tool: "*"}]\n'
    both = "agents: {bot: {owner: alice, policies: [main, guard]}}\n"
    one = both.replace("}}", "}, other: {owner: alice, policies: [main]}}")
    assert remarks("allow: [{tool: pay}]", policies__guard=guard, agents=both) == ["W101:2"]
    assert remarks("allow: [{tool: pay}]", policies__guard=guard, agents=one) == []


def test_a_policy_that_observes_shadows_nothing():
    guard = 'policy: guard\nmode: observe\nuntil: 2026-01-20\ndeny: [{tool: "*"}]\n'
    both = "agents: {bot: {owner: alice, policies: [main, guard]}}\n"
    assert remarks("allow: [{tool: pay}]", policies__guard=guard, agents=both) == []


def test_tools_without_a_rule():
    rule = "allow: [{tool: pay}]"
    assert remarks(rule, codes="W2") == [f"W201:{_line('thing_get')}"]
    assert remarks(f'{rule}\ndeny: [{{tool: "*"}}]', codes="W2") == [f"W201:{_line('thing_get')}"]
    assert remarks('allow: [{tool: "*"}]', codes="W2") == []


def _line(tool: str) -> int:
    lines = textwrap.dedent(BASE["tools/things.yaml"]).splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"tool: {tool}"))


def test_tools_whose_answers_pass_unread():
    tool = """
        tool: x
        undecodable: pass
        run: {method: GET, url: "https://files.example.com/x"}
        """
    assert remarks(f"{USES_ALL}\ntools: [x, pay]", codes="W5", tools__x=tool) == ["W504:2"]
    read = tool.replace("undecodable: pass", "reversible: true")
    assert remarks(f"{USES_ALL}\ntools: [x, pay]", codes="W5", tools__x=read) == []


@pytest.mark.parametrize(
    ("method", "found"),
    [("GTE", ["W209:1"]), ("[GET, PSOT]", ["W209:1"]), ("GET", []), ("REPORT", []), ("PURGE", [])],
)
def test_methods_that_are_misspelled(method: str, found: list[str]) -> None:
    tool = f"tool: x\nrun: {{method: {method}, url: 'https://files.example.com/x'}}\n"
    assert remarks(f"{USES_ALL}\ntools: [x, pay]", codes="W209", tools__x=tool) == found


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("{method: {in: [GTE]}}", ["W209:2"]),
        ("{method: {in: [GET, get]}}", ["W209:2"]),
        ("{method: PURGE}", ["W209:2"]),
        ("'input.method == \"post\"'", ["W209:2"]),
        ("{method: {in: [GET, OPTIONS]}}", []),
        ("{path: {startswith: /get}}", []),
    ],
)
def test_methods_that_nothing_passes_with(condition: str, found: list[str]) -> None:
    rule = f"allow: [{{tool: unmatched, hosts: [a.example.com], when: {condition}}}]"
    assert remarks(rule, codes="W209") == found


def test_a_method_that_a_tool_declares_is_one_that_requests_have() -> None:
    tool = "tool: x\nrun: {method: PURGE, url: 'https://files.example.com/x'}\n"
    rule = (
        f"{USES_ALL[:-1]}, {{tool: unmatched, hosts: [a.example.com], when: {{method: PURGE}}}}]\ntools: [x]"
    )
    assert remarks(rule, codes="W209", tools__x=tool) == []


def test_keys_in_files_and_none_of_them_repeated():
    key = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    tool = (
        f'tool: x\nrun: {{method: GET, url: "https://files.example.com/x", headers: {{X-Api-Key: {key}}}}}\n'
    )
    used = f"{USES_ALL}\ntools: [x, pay]"
    assert remarks(used, codes="W505", tools__x=tool) == ["W505:2"]
    assert remarks(used, codes="W505", tools__x=tool.replace(key, "v1")) == []
    told = list(keys.written({"tools/x.yaml": tool.encode(), "agents.yaml": b"agents: {}\n"}))
    assert [each.position.file for each in told] == ["tools/x.yaml"]
    assert key not in str(told)


def test_inputs_named_like_bounds():
    run = "run: {method: GET, url: https://x.example.com/, query: {m: '${max_size}'}}"
    tool = f"tool: x\ninput: {{max_size: integer}}\n{run}\n"
    assert remarks(f"{USES_ALL}\ntools: [x, pay]", codes="W2", tools__x=tool) == ["W202:1"]
    renamed = tool.replace("max_size", "size")
    assert remarks(f"{USES_ALL}\ntools: [x, pay]", codes="W2", tools__x=renamed) == []


def test_policies_and_agents_and_credentials():
    rule = 'allow: [{tool: "*"}]'
    assert remarks(rule, codes="W3") == []
    assert remarks(rule, codes="W3", agents="agents: {bot: {owner: alice}}\n") == ["W301:1", "W302:1"]
    two = "credentials:\n  KEY: {from: env:KEY, hosts: [api.example.com, x.example.com]}\n"
    assert remarks(rule, codes="W3", credentials=two) == ["W304:2"]
    idle = two.replace(", x.example.com", "") + "  B: {from: env:B, hosts: [b.example.com]}\n"
    assert remarks(rule, codes="W3", credentials=idle) == ["W303:3"]
    bases = BASE["tools/things.yaml"].replace(
        "base: https://api.example.com", "base: [https://api.example.com, https://eu.example.com]"
    )
    assert {each[:4] for each in remarks(rule, codes="W3", tools__things=bases)} == {"W305"}


def test_a_policy_that_is_extended_needs_no_agent():
    base = "policy: base\nabstract: true\nallow: [{tool: pay}]\n"
    assert remarks("extends: [base]", codes="W3", policies__base=base) == []


def test_rules_that_no_test_exercises():
    rules = "allow:\n  - {tool: pay}\n  - {tool: thing_get, when: {id: x}}\n"
    assert remarks(rules, codes="W4") == ["W402:1"]
    assert remarks(rules + TESTED, codes="W4") == ["W401:4"]
    unmet = TESTED + "  - {agent: bot, call: thing_get, input: {id: y}, expect: deny}\n"
    assert remarks(rules + unmet, codes="W4") == ["W401:4"]
    met = unmet + "  - {agent: bot, call: thing_get, input: {id: x}, expect: allow}\n"
    assert remarks(rules + met, codes="W4") == []


def test_no_test_is_asked_for_where_none_can_be():
    rules = "allow:\n  - {tool: pay}\n  - {tool: thing_get}\n"
    never = "deny:\n  - {tool: thing_get}\n"
    impossible = "  - {tool: pay, when: {amount: {min: 5, max: 4}}}\n"
    assert remarks(rules + TESTED, codes="W4") == ["W401:4"]
    assert remarks(rules + never + impossible + TESTED, codes="W4") == ["W401:6"]


def test_proposed_tools_that_a_rule_lets_out():
    things = BASE["tools/things.yaml"].replace("api: things", "api: things\n        approved: false")
    first = _line("pay") + 1
    assert remarks('allow: [{tool: "*"}]', codes="W203", tools__things=things) == [f"W203:{first}"]
    assert remarks("ask: [{tool: thing_get}]", codes="W203", tools__things=things) == [f"W203:{first + 6}"]
    assert remarks('deny: [{tool: "*"}]', codes="W203", tools__things=things) == []
    assert remarks('allow: [{tool: "*"}]', codes="W203") == []


def test_tools_that_a_person_has_approved_are_passed_over():
    things = BASE["tools/things.yaml"].replace("api: things", "api: things\n        approved: false")
    texts = {**BASE, "tools/things.yaml": things, "policies/main.yaml": f"policy: main\n{USES_ALL}\n"}
    files = {name: textwrap.dedent(text).encode() for name, text in texts.items()}
    checked = checking.check_files(files)
    every = {tool.digest: tool.name for tool in checked.configuration.tools}

    def waiting(approved):
        found = checking.remarked(checked, files, frozenset(approved)).problems
        return [problem.message for problem in found if problem.code == "W203"]

    assert len(waiting(())) == 1
    assert waiting(every) == []
    assert '"thing_drop" is proposed' in waiting(d for d, name in every.items() if name != "thing_drop")[0]


def test_two_rules_of_one_line_are_told_apart():
    assert remarks("allow: [{tool: pay}, {tool: thing_get}]\n" + TESTED, codes="W4") == ["W401:2"]


def test_every_code_is_explained_and_given():
    """No kind is in the table for nothing, and none is missing in it."""
    root = Path(checking.__file__).parents[2]
    sources = "".join(p.read_text() for folder in ("rules", "addon") for p in (root / folder).rglob("*.py"))
    kinds = (root / "rules" / "documents" / "kinds.py").read_text()
    names = dict(re.findall(r"^([A-Z_]+): Final = \"(W\d+)\"$", kinds, re.MULTILINE))
    assert set(names.values()) == set(KINDS)
    assert len(set(names.values())) == len(names)
    used = set(re.findall(r"\bkinds\.([A-Z_]+)\b", sources))
    assert used - {"KINDS"} == set(names)
