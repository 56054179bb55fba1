"""The service that is attacked: two tenants with keys, a refund with a status link, the demo's visitors."""

import base64
import io
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from refundlens.serving.cli.production import keep_for_owner
from refundlens.serving.identity.keys import NewKeyRequest, create_key
from refundlens.serving.identity.tenants import create_tenant, open_database
from refundlens.serving.kit.clock import rfc3339, utc_now
from refundlens.serving.kit.roles import SYSTEM, Role
from refundlens.serving.settings import Settings
from tests.chaos.services import Cold, Service
from tests.support.ports import free_port

ATTACKER, VICTIM = "attacker", "victim"
BUSY = 10
"""Times that a new service is asked again that says it is too busy: other work may have the machine."""
ROLES = (Role.MERCHANT, Role.ADJUDICATOR, Role.ADMIN)


@dataclass(frozen=True)
class Target:
    """keys: by tenant and role. detections, refund, report, image: the victim's, by id. mine: a detection of the
    attacker's own, large. link: the path of a buyer's status link. pid: of the service."""

    base: str
    keys: dict[str, str]
    detection: str
    refund: str
    report: str
    image: str
    mine: str
    link: str
    data: Path
    pid: int

    def headers(self, tenant: str, role: Role = Role.MERCHANT, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[f'{tenant}:{role.value}']}", **more}


def noise(width: int, height: int, seed: int) -> bytes:
    """A JPEG with something everywhere, another for each seed."""
    random = np.random.default_rng(seed)
    small = random.integers(60, 200, (max(1, height // 8), max(1, width // 8), 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG", quality=88)
    return file.getvalue()


@contextmanager
def started(folder: Path, bundle: Path | None, workers: int) -> Iterator[Target]:
    """A service of its own, ready; stopped at the end."""
    data = folder / "data"
    settings = Settings(data_dir=data, bundle=bundle)
    keys = _make_keys(settings)
    port = free_port()
    variables = {"REFUNDLENS_DATA_DIR": str(data), "REFUNDLENS_LOG_LEVEL": "warning", "OMP_NUM_THREADS": "1"}
    if bundle is not None:
        variables["REFUNDLENS_BUNDLE"] = str(bundle)
    launcher = Cold(workers)
    service = Service(launcher, port, folder / "service.log", variables)
    service.start()
    try:
        service.wait("/readyz")
        assert service.pid is not None
        yield _furnished(service.base, keys, data, service.pid)
    finally:
        service.kill()


def _make_keys(settings: Settings) -> dict[str, str]:
    now, keys = utc_now(), {}
    keep_for_owner(settings.data_dir)
    database = open_database(settings, now)
    with database.transaction() as session:
        for name in (ATTACKER, VICTIM):
            tenant = create_tenant(session, name, now, SYSTEM)
            for role in ROLES:
                wanted = NewKeyRequest(role, f"{name}-{role.value}")
                keys[f"{name}:{role.value}"] = create_key(session, tenant.id, now, SYSTEM, wanted).text
    database.close()
    return keys


def _furnished(base: str, keys: dict[str, str], data: Path, pid: int) -> Target:
    def call(tenant: str, method: str, path: str, role: Role = Role.MERCHANT, **given: Any) -> Any:
        key = keys[f"{tenant}:{role.value}"]
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": secrets.token_hex(8)}
        headers |= given.pop("headers", {})
        for _ in range(BUSY):
            answer = httpx.request(method, base + path, headers=headers, timeout=120, **given)
            if answer.status_code != 503:
                break
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        answer.raise_for_status()
        return answer.json()

    jpeg = {"Content-Type": "image/jpeg"}
    theirs = call(VICTIM, "POST", "/v1/detect", content=noise(640, 480, 1), headers=jpeg)["detections"][0]
    large = call(ATTACKER, "POST", "/v1/detect", content=noise(3000, 2000, 2), headers=jpeg)["detections"][0]
    body = {
        "amount": {"value": 12800, "currency": "CNY"},
        "buyer": "buyer-1",
        "claim": {"type": "hole", "text": "There is a hole in it."},
        "deadline_at": rfc3339(utc_now() + timedelta(days=2)),
        "images": {"refund": [{"name": "a.jpg", "data": base64.b64encode(noise(640, 480, 3)).decode()}]},
    }
    refund = call(VICTIM, "PUT", "/v1/refunds/R-1", json=body)
    image = refund["images"][0]["id"]
    report = call(VICTIM, "POST", "/v1/reports", json={"refund_id": "R-1", "image": image})
    shown = call(VICTIM, "GET", f"/v1/reports/{report['id']}", Role.ADMIN)
    return Target(
        base=base,
        keys=keys,
        detection=theirs["id"],
        refund="R-1",
        report=report["id"],
        image=image,
        mine=large["id"],
        link=httpx.URL(shown["track_urls"]["buyer"]).path,
        data=data,
        pid=pid,
    )
