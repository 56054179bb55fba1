"""The layer rule by the syntax tree: model <- datasets <- training, model <- serving; torch only where it may be."""

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


def test_only_settings_read_the_environment() -> None:
    for path in (ROOT / "serving").rglob("*.py"):
        if path.name == "settings.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert ast.unparse(node) not in ("os.environ", "os.getenv"), path.relative_to(ROOT)


def test_the_rule_can_fail(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(
        "from refundlens.training.loop import fit\ndef f():\n    import torch.nn\n", encoding="utf-8"
    )
    assert _imports(sample) == {"training", "torch"}
