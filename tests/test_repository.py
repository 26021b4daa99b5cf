"""What holds for the repository as a whole: what is packaged, pinned, promised and tidy."""

import ast
import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import wharfinger

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "wharfinger": "addon",
    "wharfinger.rules": "rules",
    "wharfinger.certs": "certs",
    "wharfinger.tools": "tools",
    "wharfinger.policies": "policies",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = ("requirements.txt", "requirements-demo.txt", "requirements-dev.txt")
NOT_PACKAGES = {Path("certs/hooks/python")}
"""Files that are put into other processes as they are."""


def listed() -> list[Path]:
    """Every file of the repository: what git tracks or would, or all there is where there is no git."""
    try:
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, check=True, text=True,
        ).stdout.split("\0")  # fmt: skip
        paths = [ROOT / name for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        hidden = {".venv", ".git", "build", "dist", "node_modules", "__pycache__"}
        paths = [path for path in ROOT.rglob("*") if not hidden & set(path.relative_to(ROOT).parts)]
    return sorted({path for path in paths if path.is_file()})


FILES = listed()
SOURCES = [
    path for path in FILES if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in FOLDERS.values()
]


def name_of(path: Path) -> str:
    """A file's path in the repository, for the name of a test."""
    return str(path.relative_to(ROOT))


def package_of(folder: Path) -> str:
    name, base = next((name, base) for name, base in FOLDERS.items() if folder.parts[0] == base)
    return ".".join((name, *folder.relative_to(base).parts))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The package as a wheel holds it, made from a copy of what it is made of."""
    source = tmp_path_factory.mktemp("source")
    for folder in FOLDERS.values():
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    target = tmp_path_factory.mktemp("built")
    subprocess.run(
        [
            sys.executable,
            "-c",
            "import setuptools; setuptools.setup()",
            "-q",
            "build_py",
            "--build-lib",
            target,
        ],
        cwd=source,
        check=True,
        capture_output=True,
    )
    return target


def test_packages_are_the_folders():
    there = {package_of(path.parent.relative_to(ROOT)) for path in SOURCES if path.name == "__init__.py"}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == there
    assert PROJECT["tool"]["setuptools"]["package-dir"] == FOLDERS


def test_every_folder_of_modules_is_a_package():
    folders = {path.parent for path in SOURCES if path.parent.relative_to(ROOT) not in NOT_PACKAGES}
    assert {folder for folder in folders if not (folder / "__init__.py").exists()} == set()


def test_the_wheel_holds_every_file(built):
    wanted = set()
    for package, folder in FOLDERS.items():
        for path in FILES:
            if path.is_relative_to(ROOT / folder):
                wanted.add(Path(*package.split(".")) / path.relative_to(ROOT / folder))
    found = {path.relative_to(built) for path in built.rglob("*") if path.is_file()}
    assert found == wanted


def test_every_module_of_the_wheel_can_be_imported(built):
    hooks = {built / package_of(folder).replace(".", "/") for folder in NOT_PACKAGES}
    names = sorted(
        ".".join(path.relative_to(built).with_suffix("").parts).removesuffix(".__init__")
        for path in built.rglob("*.py")
        if path.parent not in hooks
    )
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[2:]:\n"
        "    file = importlib.import_module(name).__file__\n"
        "    assert file.startswith(sys.argv[1]), file\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(built), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code, str(built), *names],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_one_version():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    heading = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (unreleased|\d{4}-\d{2}-\d{2})$", re.MULTILINE)
    versions = heading.findall(changelog)
    assert re.findall(r"^## ", changelog, re.MULTILINE) == ["## "] * len(versions), (
        "a heading of another form"
    )
    assert versions[0][0] == wharfinger.__version__ == PROJECT["project"]["version"]
    assert importlib.metadata.version("wharfinger") == wharfinger.__version__


def requirements(name: str) -> dict[str, list[str]]:
    """The pins of a lock, each with its hashes. Fails on any line that is neither."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in (ROOT / name).read_text("utf-8").splitlines():
        text = line.removesuffix("\\").strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("--hash="):
            assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text), f"{name}: {text}"
            found[current].append(text)
        else:
            pin = re.fullmatch(r"([a-z0-9.-]+(?:\[[a-z0-9,-]+\])?==[^\s;]+)(?: ; .+)?", text)
            assert pin, f"{name}: {text}"
            current = text
            found[current] = []
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_everything_by_hash_and_names_no_registry(lock):
    pins = requirements(lock)
    assert pins
    assert [pin for pin, hashes in pins.items() if not hashes] == []
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--?(?:index|extra|find|trusted|i\b|f\b)", text, re.MULTILINE)


def test_larger_locks_hold_the_smaller():
    base, demo, dev = (set(requirements(lock)) for lock in LOCKS)
    assert base <= demo <= dev


def test_what_is_depended_on_is_locked():
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = {
        "requirements.txt": [*PROJECT["project"]["dependencies"], *extras["setup"]],
        "requirements-demo.txt": extras["demo"],
        "requirements-dev.txt": extras["dev"],
    }
    for lock, names in wanted.items():
        pinned = {re.split(r"[=\[]", pin)[0] for pin in requirements(lock)}
        plain = {re.sub(r"[-_.]+", "-", re.split(r"[<>=;\[ ]", name)[0]).lower() for name in names}
        assert plain - pinned == set(), lock


def test_no_file_names_where_packages_come_from():
    """Which registry or mirror packages come from is a matter of the machine, not of the repository."""
    for path in FILES:
        assert path.name not in {"uv.lock", "poetry.lock", "pip.conf", ".npmrc", ".pypirc"}
        if path.suffix in {".toml", ".txt", ".cfg"} or path.parent.name in {"scripts", ".ci"}:
            text = path.read_text("utf-8")
            found = re.search(
                r"--(?:extra-)?index-url|--find-links|--trusted-host|https?://[^\s\"']*/simple\b", text
            )
            assert found is None, f"{name_of(path)}: {found}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_public_things_say_what_they_are_for(path):
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree), "no docstring at its head"
    without = [name for name, node in public(tree) if not ast.get_docstring(node)]
    assert [name for name in without if not overridden(path, name)] == []


def overridden(path: Path, name: str) -> bool:
    """Whether it is a method of a mitmproxy class, whose contract is told there."""
    holder, dot, method = name.rpartition(".")
    if not dot or path.relative_to(ROOT).parts[:2] != ("addon", "flow"):
        return False
    module = importlib.import_module(f"wharfinger.flow.{path.stem}")
    bases = getattr(module, holder).__mro__[1:]
    return any(base.__module__.startswith("mitmproxy.") and method in vars(base) for base in bases)


def public(tree: ast.Module | ast.ClassDef, prefix: str = ""):
    """Classes and functions of a module, and of its classes, that do not begin with an underscore."""
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_") or any("overload" in ast.unparse(each) for each in node.decorator_list):
            continue
        yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from public(node, f"{prefix}{node.name}.")


def test_scripts_can_be_run():
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file()] + [ROOT / ".ci" / "run"]
    for path in scripts:
        assert os.access(path, os.X_OK), name_of(path)
        assert path.read_bytes().startswith(b"#!/"), name_of(path)


def test_nothing_is_left_for_later_in_the_code():
    marks = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
    for path in FILES:
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".sh", ".cjs"} or not path.suffix:
            found = marks.search(path.read_text("utf-8"))
            assert found is None, f"{name_of(path)}: {found}"


def test_nothing_is_skipped_for_good():
    """A test that never runs proves nothing; `skipif` and `pytest.skip` say on which machine it does."""
    for path in FILES:
        if path.suffix == ".py" and path != Path(__file__):
            text = path.read_text("utf-8")
            assert not re.search(r"@pytest\.mark\.(?:skip\b|xfail\b)", text), name_of(path)
