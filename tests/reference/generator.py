"""Random worlds and requests, from a seed: as plain structures, and as the files the project loads."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from reference.evaluator import Asked, Rule, Tool, World

type Specs = dict[str, dict[str, Any]]

HOST = "api.example.com"
WORDS = ("a", "b", "items")
TEXTS = ("a", "b", "x-1", "items", "ä", "7", "true")
INPUTS: tuple[dict[str, Any], ...] = (
    {"type": "string"},
    {"type": "string"},
    {"type": "string", "enum": ["a", "b"]},
    {"type": "string", "max": 2},
    {"type": "integer"},
    {"type": "integer", "min": 0, "max": 100},
    {"type": "boolean"},
    {"type": "array"},
)


class Generator:
    """Everything by one source of chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    # Worlds

    def world(self) -> World:
        """Tools, and one to three policies over them."""
        tools = [
            self.tool(f"{self.pick('get', 'set', 'drop')}_{n}") for n in range(self.chance.randint(1, 7))
        ]
        policies = [
            [self.rule(f"p{p}:{n}", tools) for n in range(self.chance.randint(1, 5))]
            for p in range(self.chance.randint(1, 3))
        ]
        if self.chance.random() < 0.5:
            policies[0].append(Rule("p0:all", self.pick("allow", "allow", "ask"), "*"))
        return World(tools, policies, self.pick("active", "active", "active", "active", "retired"))

    def pick[T](self, *items: T) -> T:
        return self.chance.choice(items)

    def tool(self, name: str) -> Tool:
        remote = self.chance.random() < 0.2
        inputs: Specs = {}
        path = ["rpc"] if remote else self.path(inputs)
        query = {} if remote else self.fields(inputs, ("q", "mode"), 0.25)
        methods = ["POST"] if remote else self.pick(["GET"], ["POST"], ["POST"], ["DELETE"], ["GET", "POST"])
        body = self.fields(inputs, ("kind", "n", "note"), 0.6) if remote or "GET" not in methods else None
        effect = self.pick(None, None, "read", "write", "destructive")
        return Tool(
            name,
            methods,
            path,
            inputs,
            query,
            body,
            effect or ("write" if remote else None),
            self.pick(None, None, "allow", "deny"),
            self.pick("item.get", "item.set") if remote else None,
        )

    def path(self, inputs: Specs) -> list[str]:
        segments = [self.pick(*WORDS)]
        for name in ("x", "y")[: self.chance.randint(0, 2)]:
            if self.chance.random() < 0.3:
                segments.append(self.pick(*WORDS))
            segments.append(self.pick(f"${{{name}}}", f"${{{name}}}", f"a-${{{name}}}"))
            inputs[name] = self.pick(
                {"type": "string"}, {"type": "integer"}, {"type": "string", "enum": ["a", "b"]}
            )
        if self.chance.random() < 0.15:
            segments.append("${rest...}")
            inputs["rest"] = {"type": "string"}
        return segments

    def fields(
        self, inputs: dict[str, dict[str, Any]], names: tuple[str, ...], often: float
    ) -> dict[str, str]:
        found = {}
        for name in names:
            if self.chance.random() > often:
                continue
            if name in {"kind", "mode"} and self.chance.random() < 0.7:
                found[name] = self.pick("a", "b")
            elif name == "note" and "x" in inputs and self.chance.random() < 0.2:
                found[name] = "${x}"
            else:
                found[name] = f"${{{name}}}"
                inputs[name] = {**self.pick(*INPUTS), "required": self.chance.random() < 0.5}
        return found

    def rule(self, id_: str, tools: list[Tool]) -> Rule:
        verdict = self.pick("allow", "allow", "ask", "deny")
        if self.chance.random() < 0.12:
            hosts = [HOST, "other.example.com"] if verdict != "deny" else None
            when = self.pick(None, ("all", [("method", "equals", "GET")]))
            return Rule(id_, verdict, "unmatched", when, hosts)
        written = self.pick(*(tool.name for tool in tools), "*", "get_*", "set_*", "drop_*")
        about = [tool for tool in tools if _matches(tool.name, written)]
        if written == "*" and verdict == "deny":
            return Rule(
                id_, verdict, written, self.pick(None, ("effect", "destructive"), ("method", "DELETE"))
            )
        shared = [n for n in (about[0].inputs if about else {}) if all(n in tool.inputs for tool in about)]
        kinds = {n: {tool.inputs[n]["type"] for tool in about} for n in shared}
        usable = {n: next(iter(kind)) for n, kind in kinds.items() if len(kind) == 1}
        return Rule(id_, verdict, written, self.when(usable))

    def when(self, kinds: dict[str, str]) -> Any:
        roll = self.chance.random()
        if roll < 0.3 or not kinds:
            return self.pick(None, None, ("effect", self.pick("read", "write", "destructive")))
        if roll < 0.65:
            names = self.chance.sample(sorted(kinds), self.chance.randint(1, min(2, len(kinds))))
            return ("all", [(name, *self.test(kinds[name])) for name in names])
        return self.expression(kinds, 2)

    def test(self, kind: str) -> tuple[str, Any]:
        if kind == "integer":
            return self.pick(("max", 5), ("min", 0), ("in", [0, 7]), ("equals", 7))
        if kind == "boolean":
            return ("equals", self.pick(True, False))
        if kind == "array":
            return ("equals", [])
        return self.pick(("in", ["a", "items"]), ("equals", "b"), ("startswith", "x"), ("endswith", "1"))

    def expression(self, kinds: dict[str, str], depth: int) -> Any:
        roll = self.chance.random()
        if depth and roll < 0.4:
            return (
                self.pick("and", "or"), self.expression(kinds, depth - 1), self.expression(kinds, depth - 1)
            )  # fmt: skip
        if depth and roll < 0.5:
            return ("not", self.expression(kinds, depth - 1))
        name = self.pick(*sorted(kinds))
        if roll < 0.6:
            return ("given", name)
        if roll < 0.68:
            return self.pick(("effect", "read"), ("effect", "destructive"), ("method", "POST"))
        if kinds[name] == "integer":
            return (self.pick("<", ">="), name, self.pick(0, 5, 100))
        if kinds[name] == "boolean":
            return ("==", name, True)
        if kinds[name] == "array":
            return ("given", name)
        return ("==", name, self.pick("a", "b", "items"))

    # Requests

    def asked(self, world: World) -> Asked:
        """A request that a tool might make, often with something not quite right about it."""
        tool = self.pick(*world.tools)
        path = "/" + "/".join(self.segment(part) for part in tool.path)
        query = [(k, self.text(tool, v)) for k, v in tool.query.items() if self.chance.random() < 0.85]
        body: Any = None
        if tool.rpc is not None:
            calls = [self.call(world) for _ in range(self.pick(1, 1, 2, 3))]
            body = calls if len(calls) > 1 or self.chance.random() < 0.2 else calls[0]
        elif tool.body is not None and self.chance.random() < 0.95:
            body = self.values(tool, tool.body)
        method = self.pick(*tool.methods)
        if self.chance.random() < 0.12:
            method = self.pick("GET", "POST", "DELETE")
        if self.chance.random() < 0.08:
            path = self.pick("/a", "/b/a", "/items", "/rpc", "/items/7/x", "/nowhere")
        if self.chance.random() < 0.06:
            query.append((self.pick("z", "Q", "note"), "1"))
        host = HOST if self.chance.random() < 0.97 else "other.example.com"
        raw = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        if raw is not None and self.chance.random() < 0.02:
            raw = self.pick(b"{", b'{"a":1,"a":2}', b"[1]", b'"text"', b"5")
        return Asked(method, host, path, query, raw)

    def segment(self, part: str) -> str:
        if part.endswith("...}"):
            return "/".join(self.pick(*WORDS, "q") for _ in range(self.chance.randint(1, 3)))
        if "$" not in part:
            return part if self.chance.random() < 0.97 else self.pick(*WORDS)
        text = self.pick("a", "b", "7", "x-1", "42", "items")
        return part[: part.index("$")] + text

    def text(self, tool: Tool, template: str) -> str:
        if "$" not in template:
            return template if self.chance.random() < 0.9 else self.pick(*TEXTS)
        good = self.good(tool.inputs[template[2:-1]])
        return self.pick(*TEXTS) if self.chance.random() < 0.2 or good == [] else str(good).lower()

    def values(self, tool: Tool, template: dict[str, str]) -> Any:
        found: dict[str, Any] = {}
        for key, value in template.items():
            if "$" not in value:
                found[key] = value if self.chance.random() < 0.9 else self.pick("a", "b", "c", 1, True)
            elif self.chance.random() < 0.85:
                odd = self.chance.random() < 0.12
                name = value[2:-1]
                odd_one = self.pick(*TEXTS, 0, 3, 7, 150, -1, True, False, None, [], [1], "")
                found[key] = odd_one if odd else self.good(tool.inputs[name])
        if self.chance.random() < 0.06:
            found[self.pick("z", "Kind", "N")] = 1
        return found

    def good(self, spec: dict[str, Any]) -> Any:
        """A value that the input takes."""
        match spec["type"]:
            case "integer":
                return self.pick(0, 3, 5, 7, 100)
            case "boolean":
                return self.pick(True, False)
            case "array":
                return self.pick([], ["a"])
        return self.pick("a", "b") if "enum" in spec or "max" in spec else self.pick("a", "b", "x-1", "items")

    def call(self, world: World) -> dict[str, Any]:
        remote = [tool for tool in world.tools if tool.rpc is not None]
        tool = self.pick(*remote) if remote else None
        method = (
            tool.rpc if tool is not None and self.chance.random() < 0.9 else self.pick("item.get", "nothing")
        )
        made: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method}
        if tool is not None and tool.body is not None and self.chance.random() < 0.95:
            made["params"] = self.values(tool, tool.body)
        if self.chance.random() < 0.02:
            made["jsonrpc"] = "1.0"
        return made


def _matches(name: str, written: str) -> bool:
    return written in {"*", name} or (written.endswith("*") and name.startswith(written[:-1]))


# As files


type Places = dict[tuple[str, int], str]


def files(
    world: World, order: random.Random | None = None
) -> tuple[dict[str, bytes], dict[tuple[str, int], str]]:
    """The configuration, and which rule stands at which file and line; shuffled where `order` is given."""
    tools = [_tool(tool) for tool in world.tools]
    if order is not None:
        order.shuffle(tools)
    names = [f"p{n}" for n in range(len(world.policies))]
    agents = {"bot": {"owner": "ada", "policies": names, "status": world.status}}
    made = {
        "wharfinger.yaml": b"version: 1\n",
        "people.yaml": b"people: {ada: {email: ada@example.com}}\n",
        "agents.yaml": json.dumps({"agents": agents}).encode(),
        "tools/all.yaml": json.dumps({"api": "all", "base": f"https://{HOST}", "tools": tools}).encode(),
    }
    places: Places = {}
    for name, rules in zip(names, world.policies, strict=True):
        lines = [f"policy: {name}"]
        for verdict in _shuffled(["allow", "ask", "deny"], order):
            mine = _shuffled([rule for rule in rules if rule.verdict == verdict], order)
            if mine:
                lines.append(f"{verdict}:")
            for rule in mine:
                lines.append(f"- {json.dumps(_rule(rule))}")
                places[f"policies/{name}.yaml", len(lines)] = rule.id
        made[f"policies/{name}.yaml"] = "\n".join(lines).encode()
    return dict(_shuffled(list(made.items()), order)), places


def _shuffled[T](items: list[T], order: random.Random | None) -> list[T]:
    if order is not None:
        order.shuffle(items)
    return items


def _tool(tool: Tool) -> dict[str, Any]:
    url = "/" + "/".join(tool.path)
    if tool.rpc is not None:
        run: dict[str, Any] = {"type": "jsonrpc", "url": url, "method": tool.rpc}
        if tool.body is not None:
            run["params"] = tool.body
    else:
        run = {"method": tool.methods, "url": url, "query": tool.query, "encoding": "json"}
        if tool.body is not None:
            run["body"] = tool.body
    if tool.extra is not None:
        run["extra"] = tool.extra
    made: dict[str, Any] = {"tool": tool.name, "input": tool.inputs, "run": run}
    if tool.effect is not None:
        made["effect"] = tool.effect
    return made


def _rule(rule: Rule) -> dict[str, Any]:
    made: dict[str, Any] = {"tool": rule.tool}
    if rule.hosts is not None:
        made["hosts"] = rule.hosts
    if rule.when is not None and rule.when[0] == "all":
        merged: dict[str, dict[str, Any]] = {}
        for name, operator, value in rule.when[1]:
            merged.setdefault(name, {})[operator] = value
        made["when"] = merged
    elif rule.when is not None:
        made["when"] = cel(rule.when)
    return made


def cel(expression: Any) -> str:
    """The expression as CEL."""
    match expression:
        case ("and" | "or", left, right):
            return f"({cel(left)}) {'&&' if expression[0] == 'and' else '||'} ({cel(right)})"
        case ("not", inner):
            return f"!({cel(inner)})"
        case ("given", name):
            return f"given({json.dumps(name)})"
        case ("effect", effect):
            return f"call.effect == {json.dumps(effect)}"
        case ("method", method):
            return f"request.method == {json.dumps(method)}"
        case (operator, name, value):
            return f"input.{name} {operator} {json.dumps(value)}"
    raise AssertionError(expression)


def requests(world: World, generator: Generator, number: int) -> Iterator[Asked]:
    """So many requests."""
    for _ in range(number):
        yield generator.asked(world)
