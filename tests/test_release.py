"""What a release is built of: every package with its hashes, and a bill of materials that names the same."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "deploy" / "requirements.lock"


def _locked() -> dict[str, str]:
    """Versions by name."""
    text = LOCK.read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        match = re.match(r"([a-z0-9._-]+)==(\S+)", line)
        assert match, line
        assert "--hash=sha256:" in line, f"{match[1]} has no hash"
        found[match[1]] = match[2]
    return found


def test_every_package_that_serving_needs_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["postgres"], *extras["otel"]]
    names = {re.split(r"[\[<>=!; ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert names <= set(_locked()), "run `make lock`"


def test_no_file_says_where_packages_come_from() -> None:
    for path in (LOCK, ROOT / "deploy" / "sbom.cdx.json"):
        assert not re.search(r"pypi\.org|pythonhosted|index-url|find-links", path.read_text(encoding="utf-8"))


def test_the_bill_of_materials_names_what_is_locked() -> None:
    bill = json.loads((ROOT / "deploy" / "sbom.cdx.json").read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    listed = {one["name"]: one["version"] for one in bill["components"]}
    assert listed == _locked(), "run `make sbom`"
    for one in bill["components"]:
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"


def test_the_container_may_do_nothing_but_its_work() -> None:
    import yaml

    service = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"][
        "refundlens"
    ]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert "REFUNDLENS_DEMO=false" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
