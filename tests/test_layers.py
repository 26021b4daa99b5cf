"""Who may import whom: the layers of the repository, as a table, held against every import there is."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "addon": "wharfinger",
    "rules": "wharfinger.rules",
    "certs": "wharfinger.certs",
    "tools": "wharfinger.tools",
    "policies": "wharfinger.policies",
}
RUNS_ELSEWHERE = "wharfinger.certs.hooks.python"
"""Files that are put into other processes, and import nothing of ours."""

LIBRARIES = {
    "mitmproxy": ("wharfinger.flow", "wharfinger.running.wiring"),
    "OpenSSL": ("wharfinger.flow",),
    "h11": ("wharfinger.flow", "wharfinger.demo"),
    "h2": ("wharfinger.flow",),
    "sqlite3": ("wharfinger.keeping.store", "wharfinger.indexing"),
    "click": ("wharfinger.cli", "wharfinger.running.serving"),
    "rich": ("wharfinger.cli", "wharfinger.demo", "wharfinger.watching"),
    "textual": ("wharfinger.watching.screen", "wharfinger.watching.layout"),
    "starlette": ("wharfinger.control",),
    "jinja2": ("wharfinger.control.office",),
    "prometheus_client": ("wharfinger.metering.exposition",),
    "opentelemetry": ("wharfinger.shipping.traces",),
    "uvicorn": ("wharfinger.control",),
    "httpx2": (
        "wharfinger.cli",
        "wharfinger.doctor",
        "wharfinger.channels.webhook",
        "wharfinger.credentials.asking",
        "wharfinger.shipping",
        "wharfinger.watching.elsewhere",
    ),
    "botocore": ("wharfinger.credentials.stores.aws",),
    "keyring": ("wharfinger.credentials.keychain",),
    "slack_sdk": (
        "wharfinger.channels.slack",
        "wharfinger.channels.slack_http",
        "wharfinger.channels.slack_socket",
    ),
    "subprocess": (
        "wharfinger.cli",
        "wharfinger.credentials.command",
        "wharfinger.demo",
        "wharfinger.doctor",
        "wharfinger.isolation.entrances",
        "wharfinger.isolation.sandbox",
        "wharfinger.isolation.signals",
    ),
    "yaml": (
        "wharfinger.rules.documents.reading",
        "wharfinger.importing.reading",
        "wharfinger.authoring.adapting",
    ),
    "cel_expr_python": ("wharfinger.rules.conditions.cel",),
    "hyperscan": ("wharfinger.rules.redact.heads",),
    "isal": ("wharfinger.rules.redact.decode",),
    "jsonpath_ng": ("wharfinger.rules.redact",),
    "pydantic": ("wharfinger.rules.models", "wharfinger.rules.schema", "wharfinger.rules.digests"),
}
"""Libraries that are some module's business alone."""

PURE = ("wharfinger.rules",)
IMPURE = frozenset({
    "asyncio", "concurrent", "ctypes", "glob", "http", "logging", "multiprocessing", "os", "pathlib",
    "random", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess",
    "tempfile", "threading", "time", "urllib.request", "uuid",
})  # fmt: skip
"""What a module with no input, no output and no clock has no use for."""

OWN = {
    # A layer: what of ours it may import. Whoever is not named here may import what is not named as closed.
    "wharfinger.rules": ("wharfinger.rules",),
    "wharfinger.certs": ("wharfinger.certs",),
    "wharfinger.tools": (),
    "wharfinger.policies": (),
    "wharfinger.audit": ("wharfinger.audit", "wharfinger.rules", "wharfinger.clock"),
    "wharfinger.approvals": (
        "wharfinger.approvals",
        "wharfinger.rules",
        "wharfinger.clock",
        "wharfinger.faults",
        "wharfinger.transitions",
    ),
    "wharfinger.keeping.store": (
        "wharfinger.keeping.schema",
        "wharfinger.keeping.private",
        "wharfinger.faults",
        "wharfinger.transitions",
    ),
}
CLOSED = {
    # A part of the application: who may import it.
    "wharfinger.flow": ("wharfinger.flow", "wharfinger.running.wiring"),
    "wharfinger.running.wiring": (
        "wharfinger.running.serving",
        "wharfinger.running.commanding",
        "wharfinger.running.reloading",
        "wharfinger.running.selftest",
        "wharfinger.running.measuring",
        "wharfinger.running.readiness",
    ),
    "wharfinger.running.serving": ("wharfinger.cli.up",),
    "wharfinger.cli": ("wharfinger.cli",),
    "wharfinger.demo": ("wharfinger.demo", "wharfinger.cli.demo"),
    "wharfinger.doctor": (
        "wharfinger.doctor",
        "wharfinger.cli.doctor",
        "wharfinger.authoring.preflight",
        "wharfinger.cli.preflight",
    ),
}
UNREACHED = {
    # A part that is loaded without another: neither directly nor by way of what it imports.
    "wharfinger.control": ("mitmproxy", "wharfinger.credentials", "wharfinger.flow"),
    "wharfinger.deciding.gate": ("mitmproxy", "sqlite3"),
    "wharfinger.channels.process": (
        "mitmproxy",
        "sqlite3",
        "wharfinger.credentials",
        "wharfinger.keeping.keys",
    ),
    "wharfinger.rules": ("mitmproxy", "sqlite3", "starlette", "uvicorn"),
}


@dataclass(frozen=True)
class Module:
    name: str
    path: Path
    loads: frozenset[str]
    """What is imported when the module is."""
    later: frozenset[str]
    """What functions import when they run."""
    typed: frozenset[str]
    """What type checkers read only."""

    @property
    def names(self) -> frozenset[str]:
        return self.loads | self.later | self.typed


def within(name: str, layer: str) -> bool:
    return name == layer or name.startswith(f"{layer}.")


def imported(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative import"
        yield str(node.module)
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(tree: ast.Module) -> tuple[set[str], set[str], set[str]]:
    """Imports of a module: at load, in functions, for types."""
    found: tuple[set[str], set[str], set[str]] = set(), set(), set()

    def walk(node: ast.AST, place: int) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found[place].update(imported(node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            place = max(place, 1)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                walk(child, 2)
            for child in node.orelse:
                walk(child, place)
            return
        for child in ast.iter_child_nodes(node):
            walk(child, place)

    walk(tree, 0)
    return found


def read(path: Path, name: str) -> Module:
    load, later, typed = imports(ast.parse(path.read_text("utf-8")))
    return Module(name, path, frozenset(load), frozenset(later), frozenset(typed))


def modules() -> dict[str, Module]:
    found = {}
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = read(path, name)
    return found


MODULES = modules()


def known(name: str) -> str | None:
    """The module that an imported name is, or is in."""
    while name:
        if name in MODULES:
            return name
        name = name.rpartition(".")[0]
    return None


def of_ours(names: frozenset[str]) -> set[str]:
    """The modules among imported names: of `from a import b` only `a.b` if that is one."""
    found = {module for name in names if within(name, "wharfinger") and (module := known(name))}
    return {name for name in found if not any(other != name and within(other, name) for other in found)}


def closure(start: str) -> dict[str, str]:
    """All that is loaded with a module, each with the way to it."""
    ways = {start: start}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        packages = {".".join(name.split(".")[:length]) for length in range(1, name.count(".") + 1)}
        loaded = of_ours(MODULES[name].loads) | packages & MODULES.keys()
        for other in sorted(loaded):
            if other not in ways:
                ways[other] = f"{ways[name]} -> {other}"
                waiting.append(other)
        for library in MODULES[name].loads:
            if not within(library, "wharfinger"):
                ways.setdefault(library, f"{ways[name]} -> {library}")
    return ways


def test_the_parser_sees_every_kind_of_import():
    tree = ast.parse(
        "import a.b\nfrom c import d\nif TYPE_CHECKING:\n import e\nelse:\n import f\n"
        "def x():\n import g\nclass Y:\n import h\n def z(self):\n  from i import j\n"
        "try:\n import k\nfinally: ...\n"
    )
    load, later, typed = imports(tree)
    assert load == {"a.b", "c", "c.d", "f", "h", "k"}
    assert later == {"g", "i", "i.j"}
    assert typed == {"e"}


def test_the_tables_name_modules_that_are_there():
    named = {*OWN, *CLOSED, *UNREACHED, *(name for who in LIBRARIES.values() for name in who)}
    assert {name for name in named if name not in MODULES} == set()
    used = {name for module in MODULES.values() for name in module.names}
    assert {library for library in LIBRARIES if not any(within(name, library) for name in used)} == set()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_its_modules_business(library):
    found = {
        module.name
        for module in MODULES.values()
        if any(within(name, library) for name in module.names)
        and not any(within(module.name, allowed) for allowed in LIBRARIES[library])
    }
    assert found == set()


@pytest.mark.parametrize("layer", OWN)
def test_a_layer_imports_only_what_lies_below(layer):
    found = {
        (module.name, name)
        for module in MODULES.values()
        if within(module.name, layer)
        for name in of_ours(module.names)
        if not any(within(name, allowed) for allowed in OWN[layer])
    }
    assert found == set()


@pytest.mark.parametrize("part", CLOSED)
def test_a_part_is_imported_only_by_its_owner(part):
    found = {
        (module.name, name)
        for module in MODULES.values()
        if not any(within(module.name, allowed) for allowed in (part, *CLOSED[part]))
        for name in of_ours(module.names)
        if within(name, part)
    }
    assert found == set()


@pytest.mark.parametrize("part", UNREACHED)
def test_a_part_loads_without_what_it_must_not_have(part):
    for start in (name for name in MODULES if within(name, part)):
        for name, way in closure(start).items():
            assert not any(within(name, other) for other in UNREACHED[part]), way


@pytest.mark.parametrize(
    "command",
    sorted(name for name in MODULES if within(name, "wharfinger.cli") and name != "wharfinger.cli.up"),
)
def test_only_up_can_load_the_proxy(command):
    """`up` imports it in a function, so that its `--help` is quick; for the others it is out of reach."""
    module = MODULES[command]
    for name in of_ours(module.loads | module.later):
        assert "mitmproxy" not in {library.split(".")[0] for library in closure(name)}, f"{command} -> {name}"


def test_up_does_load_the_proxy():
    """What the tests above would see if it were within reach."""
    assert "wharfinger.running.serving" in of_ours(MODULES["wharfinger.cli.up"].later)
    assert any(within(library, "mitmproxy") for library in closure("wharfinger.running.serving"))


def test_rules_are_pure():
    found = {
        (module.name, name)
        for module in MODULES.values()
        if any(within(module.name, layer) for layer in PURE)
        for name in module.names
        if any(within(name, impure) for impure in IMPURE)
    }
    assert found == set()


def test_rules_read_no_clock():
    """The time of a decision is an argument: `datetime.now()` and its like are nowhere in `rules`."""
    clocks = {"now", "utcnow", "today", "fromtimestamp"}
    found = {
        (module.name, node.lineno)
        for module in MODULES.values()
        if within(module.name, "wharfinger.rules")
        for node in ast.walk(ast.parse(module.path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in clocks
    }
    assert found == set()


def test_no_module_is_loaded_by_way_of_itself():
    """No circle of imports at load: a module can be read, and tested, without those above it."""
    circles = [
        (start, name)
        for start in MODULES
        for name in of_ours(MODULES[start].loads) - {start}
        if not within(start, name) and start in closure(name)
    ]
    assert circles == []


def test_the_folders_of_rules_lie_above_one_another():
    """No circle among folders either, so that each can be read after those that it stands on."""

    def folder(name: str) -> str:
        return ".".join(name.split(".")[:3])

    stands_on: dict[str, set[str]] = {}
    for module in MODULES.values():
        if within(module.name, "wharfinger.rules") and module.name != "wharfinger.rules":
            below = {folder(name) for name in of_ours(module.loads)} - {"wharfinger.rules"}
            stands_on.setdefault(folder(module.name), set()).update(below - {folder(module.name)})
    left = dict(stands_on)
    while ready := [name for name, below in left.items() if not below & left.keys()]:
        for name in ready:
            del left[name]
    assert len(stands_on) > 15
    assert left == {}


def test_what_runs_in_other_processes_imports_only_the_standard_library():
    hooks = [module for module in MODULES.values() if within(module.name, RUNS_ELSEWHERE)]
    assert hooks
    for module in hooks:
        loaded = {name.split(".")[0] for name in module.loads | module.later}
        assert loaded - {"__future__"} <= sys.stdlib_module_names | {"certifi"}
