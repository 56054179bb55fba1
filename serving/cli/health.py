"""What `refundlens doctor` looks at. In: settings. Out: findings, each with what to do if something is wrong."""

import hashlib
import platform
import shutil
import tempfile
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from refundlens.model.bundle import Bundle, bundled_path, load, stated_sum
from refundlens.serving.settings import Settings, cores, trusted_signers
from refundlens.serving.storage.database import DatabaseError
from refundlens.serving.storage.faults import storage_fault

LOW_DISK = 1_000_000_000
"""Bytes; below this, keeping results and logs of a busy day is at risk."""
SAME = 1e-4
"""Largest difference of two runs on the same bytes: the contract's."""
_KEPT_LENGTH = 12
"""Digits of a checksum shown to people; the JSON of a detection has all of them."""


class HealthFinding(NamedTuple):
    """One check. `note` is worth knowing and does not fail."""

    check: str
    state: Literal["ok", "note", "failed"]
    detail: str


def examine(settings: Settings) -> list[HealthFinding]:
    """All checks. One that crashes is a finding of its own, so that the others are still shown."""
    checks: tuple[tuple[str, Callable[[Settings], HealthFinding]], ...] = (
        ("python", _python), ("providers", _providers), ("gpu", _gpu), ("disk", _disk),
        ("database", _database), ("model", _model), ("credentials", _credentials),
        ("fonts", _fonts), ("self-test", _self_test),
    )  # fmt: skip
    return [_guarded(name, check, settings) for name, check in checks]


def _guarded(name: str, check: Callable[[Settings], HealthFinding], settings: Settings) -> HealthFinding:
    try:
        return check(settings)
    except Exception as error:
        fault = storage_fault(error)
        advice = f"{type(error).__name__}: {error}" if fault is None else f"{error}: {fault.advice}"
        return HealthFinding(name, "failed", str(error) if isinstance(error, DatabaseError) else advice)


def _python(settings: Settings) -> HealthFinding:
    return HealthFinding(
        "python", "ok", f"Python {platform.python_version()}, {cores()} processors, {platform.machine()}"
    )


def _providers(settings: Settings) -> HealthFinding:
    import onnxruntime

    names = ", ".join(onnxruntime.get_available_providers())
    return HealthFinding("providers", "ok", f"ONNX Runtime {onnxruntime.__version__} offers {names}")


def _gpu(settings: Settings) -> HealthFinding:
    used = _bundle(settings).session.get_providers()
    if "CUDAExecutionProvider" in used:
        return HealthFinding("gpu", "ok", "inference runs on the GPU")
    detail = "inference runs on the CPU; a GPU needs NVIDIA's driver and CUDA 13 (the Docker image `cuda` has both)"
    return HealthFinding("gpu", "note", detail)


def _disk(settings: Settings) -> HealthFinding:
    folder = settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0")
    free = shutil.disk_usage(folder).free
    detail = f"{folder.resolve()} is writable and has {free / 1e9:.1f} GB free"
    return HealthFinding("disk", "ok" if free >= LOW_DISK else "note", detail)


def _database(settings: Settings) -> HealthFinding:
    from refundlens.serving.storage.database import Database, sqlite_file, sqlite_url

    if not settings.database_url and not sqlite_file(settings.data_dir).exists():
        return HealthFinding("database", "note", "none yet; `refundlens serve` makes one at its first start")
    database = Database(settings.database_url or sqlite_url(settings.data_dir))
    try:
        database.check()
        state = database.state()
    finally:
        database.close()
    return HealthFinding("database", "ok" if state.current else "note", f"{database.name}: {state.text}")


def _credentials(settings: Settings) -> HealthFinding:
    """Whether Content Credentials (C2PA) are verified, and whose count as proof."""
    from refundlens.model.photo.credentials import can_verify

    if not can_verify():
        detail = "c2pa-python is not installed: Content Credentials are named, their signatures not checked"
        return HealthFinding("credentials", "note", detail)
    count = trusted_signers(settings).count("-----BEGIN CERTIFICATE-----")
    if not count:
        detail = (
            "signatures are verified; no signer counts as proof until REFUNDLENS_TRUST_LIST names a PEM file"
        )
        return HealthFinding("credentials", "note", detail)
    return HealthFinding("credentials", "ok", f"signatures are verified against {count} trusted certificates")


def _fonts(settings: Settings) -> HealthFinding:
    """Whether evidence for Chinese shops can be set in Chinese."""
    from refundlens.serving.drawing.text import chinese_font, lacking

    found = chinese_font()
    if found is None:
        detail = (
            "no font with Chinese: evidence for Chinese shops is set in English until one is there "
            "(Debian: apt install fonts-noto-cjk; anywhere: pip install mplfonts)"
        )
        return HealthFinding("fonts", "note", detail)
    missing = lacking()
    if missing:
        return HealthFinding(
            "fonts", "note", f"{found[0].name} has no {' '.join(sorted(missing))}: install another"
        )
    return HealthFinding("fonts", "ok", f"evidence is set in {found[0].name}")


def _model(settings: Settings) -> HealthFinding:
    path = settings.bundle or bundled_path()
    bundle = _bundle(settings)
    detail = (
        f"{bundle.name.name} {bundle.name.version}, {path.stat().st_size / 1e6:.1f} MB, "
        f"SHA-256 {bundle.name.sha256[:_KEPT_LENGTH]}"
    )
    if bundle.calibration is None:
        return HealthFinding("model", "note", f"{detail}; it is not calibrated, run `refundlens calibrate`")
    stated = stated_sum(path)
    if stated is None:
        return HealthFinding("model", "note", f"{detail}; no checksum lies beside it")
    return HealthFinding("model", "ok", f"{detail} as shipped")


def _self_test(settings: Settings) -> HealthFinding:
    """Judge a drawn picture twice: the answer must be whole, and the same."""
    from refundlens.model.detect import Detector
    from refundlens.serving.demo.samples import SAMPLES, draw_sample

    data = draw_sample(SAMPLES[0])
    detector = Detector(settings.bundle)
    first, second = detector.detect(data), detector.detect(data)
    if first.sha256 != hashlib.sha256(data).hexdigest():
        return HealthFinding("self-test", "failed", "the detection is of other bytes than were given")
    if (
        abs(sum(first.kind.values()) - 1) > SAME
        or abs(1 - first.kind["authentic"] - first.probability) > SAME
    ):
        return HealthFinding("self-test", "failed", "the probabilities do not add up: reinstall refundlens")
    if abs(first.probability - second.probability) > SAME or not np.allclose(
        first.heatmap, second.heatmap, atol=SAME
    ):
        return HealthFinding(
            "self-test", "failed", "the same bytes gave two answers: check the machine's memory and driver"
        )
    detail = (
        f"a picture of {first.width} x {first.height} judged twice alike, {second.timings_ms['total']:.0f} ms"
    )
    return HealthFinding("self-test", "ok", detail)


def _bundle(settings: Settings) -> Bundle:
    return load(settings.bundle)
