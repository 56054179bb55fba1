"""One public name, one meaning: whoever searches for a class or a function finds one."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORLDS = {"serving": ("model", "serving"), "training": ("model", "datasets", "training")}
"""What is ever imported together."""
DOORS = ("/cli/", "cli.py", "/console/", "endpoints.py", "commands.py", "__main__.py")
"""A verb, a form or an endpoint has the name of what it does behind the door; that is one meaning."""
CLASSES = {"Look", "Pair", "Photo", "Picture", "Scored"}
"""Of a stage of training each: said with their module, and never two in one file."""
FUNCTIONS = {
    "as_json", "calibrate", "check", "choose", "clean", "compare", "cut", "decode", "digest", "encode", "evaluate",
    "facts", "in_order", "infer", "install", "load", "look", "main", "markdown", "measure", "missing", "plan",
    "psnr", "publish", "read", "read_photo", "reasons", "refuse", "save", "select", "settle", "table", "train",
    "verify", "write",
}  # fmt: skip
"""Verbs said with their module (`manifest.read`, `conditions.measure`): the module is half of the name."""


def _public(world: str) -> Iterator[tuple[str, bool, str]]:
    """(name, whether a class, file) of everything public at a module's top."""
    for folder in WORLDS[world]:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    yield node.name, isinstance(node, ast.ClassDef), path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_a_public_name_means_one_thing(world: str) -> None:
    places: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for name, is_class, file in _public(world):
        if not name.startswith("_") and (is_class or not any(door in file for door in DOORS)):
            places[name, is_class].append(file)
    allowed = {True: CLASSES, False: FUNCTIONS}
    repeated = {
        name: files
        for (name, is_class), files in places.items()
        if len(files) > 1 and name not in allowed[is_class]
    }
    assert not repeated


def test_nothing_is_allowed_for_nothing() -> None:
    counts: dict[str, int] = defaultdict(int)
    for world in WORLDS:
        for name, _, _ in _public(world):
            counts[name] += 1
    assert {name for name in CLASSES | FUNCTIONS if counts[name] < 2} == set()
