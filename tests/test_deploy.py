"""The chart and the Compose files by their own linters (Helm, Kubernetes' schemas, compose-lint); what they rely on."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import create_engine, inspect
from typer.testing import CliRunner

from refundlens.serving.cli.main import app as command
from refundlens.serving.settings import Settings

ROOT = Path(__file__).parent.parent
CHART = ROOT / "deploy" / "helm" / "refundlens"
COMPOSE = [ROOT / "deploy" / name for name in ("compose.yaml", "compose.scale.yaml")]
KUBERNETES = ("1.29", "1.33", "1.36")
GIVEN: dict[str, Any] = {
    "settings": {"REFUNDLENS_FILES": "s3://lens/p", "REFUNDLENS_PUBLIC_URL": "https://lens.example.com"},
    "secret": {"REFUNDLENS_SECRET": "s" * 40, "REFUNDLENS_DATABASE_URL": "postgresql+psycopg://u:p@db/lens"},
}
BY_DIGEST = "CL-0019"
"""compose-lint: images by digest. Ours is built from the folder, the others' digests are for who chooses a release."""


def _rendered(**more: Any) -> list[dict[str, Any]]:
    helm = pytest.importorskip("helm_python", reason="pip install helm-python-sdk")
    with helm.Chart.load(str(CHART)) as chart:
        files = chart.render({**GIVEN, **more}, name="lens", namespace="prod")
    texts = [text for name, text in files.items() if not name.endswith(".txt")]
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


def test_helm_finds_nothing_to_complain_of() -> None:
    helm = pytest.importorskip("helm_python", reason="pip install helm-python-sdk")
    found = helm.lint(str(CHART), GIVEN, strict=True)
    assert not found["errors"]
    assert {one["path"] for one in found["messages"]} <= {"Chart.yaml"}, (
        "an icon is recommended; we have none"
    )


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"existingSecret": "mine", "gpus": 1},
        {
            "api": {"replicas": 3, "autoscaling": {"enabled": False}},
            "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls"},
            "serviceAccount": {"annotations": {"role": "lens"}},
            "nodeSelector": {"pool": "gpu"},
        },
    ],
    ids=["as it is", "own secret", "everything"],
)
def test_kubernetes_takes_every_object(version: str, more: dict[str, Any]) -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    found = _rendered(**more)
    for one in found:
        schemas.validate(one, version, strict=True)
    kinds = [one["kind"] for one in found]
    assert kinds.count("Deployment") == 2 and "Job" in kinds
    assert ("Secret" in kinds) == ("existingSecret" not in more)


def test_every_pod_is_confined_and_limited_and_those_that_serve_are_looked_at() -> None:
    for one in _rendered():
        if one["kind"] not in ("Deployment", "Job"):
            continue
        pod = one["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"] and confined["capabilities"] == {"drop": ["ALL"]}
        assert set(container["resources"]["limits"]) >= {"cpu", "memory"}
        if one["kind"] == "Deployment":
            paths = {name: container[name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")}
            assert paths == {"livenessProbe": "/healthz", "readinessProbe": "/readyz"}
            selector = one["spec"]["selector"]["matchLabels"]
            assert selector.items() <= one["spec"]["template"]["metadata"]["labels"].items()


def test_no_secret_is_anywhere_but_in_the_secret() -> None:
    for one in _rendered():
        held = json.dumps(one)
        assert (GIVEN["secret"]["REFUNDLENS_SECRET"] in held) == (one["kind"] == "Secret")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"secret": {"REFUNDLENS_SECRET": "", "REFUNDLENS_DATABASE_URL": "x"}}, "existingSecret"),
        ({"settings": {"REFUNDLENS_FILES": ""}}, "name a bucket"),
        ({"api": {"replicas": 0}}, "replicas"),
        ({"typo": 1}, "typo"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, Any], told: str) -> None:
    helm = pytest.importorskip("helm_python", reason="pip install helm-python-sdk")
    with pytest.raises(helm.HelmError, match=told), helm.Chart.load(str(CHART)) as chart:
        values = {**GIVEN, **given}
        chart.validate_schema(values)
        chart.render(values, name="lens", namespace="prod")


@pytest.mark.parametrize("file", COMPOSE, ids=lambda path: path.name)
def test_compose_lint_finds_nothing_but_tags(file: Path) -> None:
    pytest.importorskip("compose_lint", reason="pip install compose-lint")
    run = [
        sys.executable,
        "-m",
        "compose_lint",
        "check",
        "--format",
        "json",
        "--fail-on",
        "critical",
        str(file),
    ]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    findings = found["findings"] if isinstance(found, dict) else found
    assert {one["rule_id"] for one in findings} <= {BY_DIGEST}, done.stdout


@pytest.mark.parametrize("file", [CHART / "values.yaml", *COMPOSE], ids=lambda path: path.name)
def test_every_setting_named_there_is_one(file: Path) -> None:
    named = set(re.findall(r"\bREFUNDLENS_([A-Z_]+)\b", file.read_text(encoding="utf-8")))
    assert named and {name.lower() for name in named} <= set(Settings.model_fields)


def test_what_the_migration_runs_brings_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tenants list`, with a database that is empty, and no data folder to speak of."""
    url = f"sqlite:///{tmp_path / 'rows.db'}"
    monkeypatch.setenv("REFUNDLENS_DATABASE_URL", url)
    monkeypatch.setenv("REFUNDLENS_DATA_DIR", str(tmp_path / "data"))
    (container,) = next(one for one in _rendered() if one["kind"] == "Job")["spec"]["template"]["spec"][
        "containers"
    ]
    migrate = yaml.safe_load(COMPOSE[1].read_text(encoding="utf-8"))["services"]["migrate"]
    assert container["args"] == migrate["command"]
    done = CliRunner().invoke(command, container["args"])
    assert done.exit_code == 0, done.output
    assert "report" in inspect(create_engine(url)).get_table_names()
