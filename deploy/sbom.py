"""`make sbom`: the bill of materials as it goes out (CycloneDX 1.6), from what cyclonedx-py writes.

In: its JSON on standard input. Out: the same without where its packages were found and what they weigh: they are read
from anywhere, and the hashes of the lock file tell whether they are the same.
"""

import json
import sys
from typing import Any


def trimmed(bill: dict[str, Any]) -> dict[str, Any]:
    """Components by name, version and purl."""
    components = [
        {
            "type": "library",
            "bom-ref": one["purl"],
            "name": one["name"],
            "version": one["version"],
            "purl": one["purl"],
        }
        for one in bill["components"]
    ]
    kept = {name: bill[name] for name in ("$schema", "bomFormat", "specVersion", "version")}
    root = {"type": "application", "bom-ref": "refundlens", "name": "refundlens"}
    return kept | {"metadata": {"component": root}, "components": components}


if __name__ == "__main__":
    json.dump(trimmed(json.load(sys.stdin)), sys.stdout, indent=1, ensure_ascii=False)
    print()
