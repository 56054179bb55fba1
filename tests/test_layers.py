"""The layer rule by the syntax tree: model <- datasets <- training, model <- serving, and the layers within serving/;
no circle; torch and the web only where they may be."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "model": {"model"},
    "datasets": {"model", "datasets"},
    "training": {"model", "datasets", "training"},
    "serving": {"model", "serving"},
}
TORCH_IN_MODEL = {"model/network/network.py", "model/network/residual.py"}
HEAVY = {"torch", "torchvision", "timm"}
WEB = {"fastapi", "starlette", "uvicorn", "jinja2", "typer", "sqlalchemy"}


@cache
def _imports(path: Path) -> frozenset[str]:
    return frozenset(_walk_imports(path))


def _walk_imports(path: Path) -> Iterator[str]:
    """The package of every import in a file, of our own the one below `refundlens`; inside functions too, but not what
    only the type checker reads."""
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (_package(alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module != "refundlens", f"{path}: say of which package"
            yield _package(node.module or "")
        pending.extend(ast.iter_child_nodes(node))


def _package(module: str) -> str:
    first, *rest = module.split(".")
    assert first not in MAY_IMPORT, f"{module} is importable as refundlens.{module} only"
    return rest[0] if first == "refundlens" and rest else first


@pytest.mark.parametrize("layer", sorted(MAY_IMPORT))
def test_a_layer_imports_only_what_lies_below(layer: str) -> None:
    files = sorted((ROOT / layer).rglob("*.py"))
    assert files
    for path in files:
        others = _imports(path) & set(MAY_IMPORT) - MAY_IMPORT[layer]
        assert not others, f"{path.relative_to(ROOT)} imports {others}"


def test_torch_stays_out_of_what_serves() -> None:
    for path in [*(ROOT / "serving").rglob("*.py"), *(ROOT / "model").rglob("*.py")]:
        if path.relative_to(ROOT).as_posix() in TORCH_IN_MODEL:
            continue
        assert not HEAVY & _imports(path), f"{path.relative_to(ROOT)} imports torch"


@pytest.mark.parametrize("layer", ["model", "datasets", "training"])
def test_the_web_stays_in_serving(layer: str) -> None:
    """A package's command line (cli.py) is its own door; nothing else there knows typer or the web."""
    for path in (ROOT / layer).rglob("*.py"):
        if path.name != "cli.py":
            assert not WEB & _imports(path), f"{path.relative_to(ROOT)} imports the web"


SERVING: tuple[frozenset[str], ...] = tuple(
    frozenset(line.split())
    for line in (
        "cli",  # starts everything
        "app readiness",  # wiring
        "jobs console evidence",  # they use the domain
        "reports",  # click, screening, verdict, appeal, refusal
        "detection",  # photo in, detection out
        "demo complaints drift",
        "refunds buyers labels registry webhooks",
        "platforms drawing reuse",  # pure, but for the rows of prints
        "workflow identity",
        "engine http",
        "remote events observability",  # audit chain, outbox
        "storage",  # database, files
        "kit settings client capacity",  # ids, clock, roles, language
    )
)
"""serving/ in layers, the highest first: a file may import from its own line and from lines below, as long as nothing
runs in a circle."""
WITHOUT_WEB = frozenset(
    " ".join(("platforms drawing reuse workflow engine", *map(" ".join, SERVING[10:]))).split()
)
"""What knows no FastAPI: everything below http/, and of what stands beside or above it whatever has no endpoints."""


DOMAIN = ("workflow", "reports", "complaints", "refunds", "buyers", "labels", "registry", "webhooks")
"""Packages whose rules know no HTTP; what they have of it is in these of their modules:"""
DOORS = {"endpoints.py", "appeal_endpoints.py", "answers.py", "tracking.py", "stream.py"}


def _modules(path: Path) -> Iterator[str]:
    """Our own modules that a file imports, inside functions too; not what only the type checker reads."""
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in _known() else node.module
        pending.extend(ast.iter_child_nodes(node))


@cache
def _known() -> frozenset[str]:
    """Every module of ours, as it is imported."""
    return frozenset(_name(path) for layer in MAY_IMPORT for path in (ROOT / layer).rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("refundlens", *(part for part in parts if part != "__init__")))


def _arrows(layer: str) -> dict[str, set[str]]:
    """Module -> modules of the same layer that it imports."""
    inside = f"refundlens.{layer}."
    return {
        _name(path): {module for module in _modules(path) if module.startswith(inside)} - {_name(path)}
        for path in (ROOT / layer).rglob("*.py")
    }


def _places(arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same between the folders and loose files of serving/."""
    found: dict[str, set[str]] = {}
    for source, targets in arrows.items():
        parts = source.split(".")
        if len(parts) > 2:
            others = {target.split(".")[2] for target in targets}
            found.setdefault(parts[2], set()).update(others - {parts[2]})
    return found


def _circle(arrows: dict[str, set[str]]) -> list[str]:
    """A way round, empty where there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(arrows.get(name, ())):
            found = walk(other, [*way, name])
            if found:
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := walk(name, []))), [])


def test_nothing_in_serving_imports_from_above() -> None:
    line = {name: number for number, names in enumerate(SERVING) for name in names}
    files = (path.relative_to(ROOT / "serving") for path in (ROOT / "serving").rglob("*.py"))
    assert {file.parts[0].removesuffix(".py") for file in files} - {"__init__"} == set(line)
    for place, others in _places(_arrows("serving")).items():
        assert not (climbing := {other for other in others if line[other] < line[place]}), (place, climbing)


@pytest.mark.parametrize("layer", sorted(MAY_IMPORT))
def test_no_imports_run_in_a_circle(layer: str) -> None:
    arrows = _arrows(layer)
    assert _circle(arrows) == []
    if layer == "serving":
        assert _circle(_places(arrows)) == []


def test_below_http_nothing_knows_the_web() -> None:
    assert {"events", "storage", "kit"} < WITHOUT_WEB
    for path in (ROOT / "serving").rglob("*.py"):
        place = path.relative_to(ROOT / "serving").parts[0].removesuffix(".py")
        if place in WITHOUT_WEB:
            assert not {"fastapi", "starlette", "uvicorn"} & _imports(path), path.relative_to(ROOT)


def test_the_domain_knows_no_http() -> None:
    """Services, repositories and the workflow raise errors of the domain (`kit.errors`); http/ alone says with which
    status they are answered."""
    files = [
        path for name in DOMAIN for path in (ROOT / "serving" / name).glob("*.py") if path.name not in DOORS
    ]
    assert len(files) > 25
    for path in files:
        told = {module for module in _modules(path) if module.startswith("refundlens.serving.http")}
        assert not told, f"{path.relative_to(ROOT)} imports {told}"


def test_a_circle_is_found() -> None:
    assert _circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert _circle({"a": {"b", "c"}, "b": {"c"}}) == []


TELLS_NUMPY = "cli/__init__.py"
"""Sets in the environment how many threads NumPy takes, which it can be told in no other way."""


def test_only_settings_read_the_environment() -> None:
    for path in (ROOT / "serving").rglob("*.py"):
        if path.name == "settings.py" or path == ROOT / "serving" / TELLS_NUMPY:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert ast.unparse(node) not in ("os.environ", "os.getenv"), path.relative_to(ROOT)


SETS_THE_PARTS = {"app.py", "http/problems.py"}
READS_THE_PARTS = "kit/context.py"


def test_the_parts_of_the_process_are_typed_wherever_they_are_read() -> None:
    """`Services.of(request)` gives them; nobody takes them untyped out of Starlette's bag."""
    places = {
        path.relative_to(ROOT / "serving").as_posix()
        for path in (ROOT / "serving").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node).endswith("app.state")
    }
    assert places == {*SETS_THE_PARTS, READS_THE_PARTS}


def test_the_rule_can_fail(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(
        "from refundlens.training.loop import fit\ndef f():\n    import torch.nn\n", encoding="utf-8"
    )
    assert _imports(sample) == {"training", "torch"}
