"""Which bundle a process starts with, and what the registry learns from it.

In: the settings, the registry. Out: an engine. docs/models.md has the rule in a table: a bundle that is named and that
the registry does not know runs as named; else the champion runs; where there is none, the bundle becomes it.

SIGHUP changes the model without losing a photo: `kill -HUP` reads the bundle of the settings anew.

Put the new bundle in the old one's place (by renaming, so that it is never half there) and send the signal. A bundle
that cannot judge changes nothing; the log says why. One that the registry of models knows means to follow the registry.
"""

import asyncio
import logging
import signal
import threading
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import IntegrityError

from refundlens.model.bundle import BundleError, bundled_path
from refundlens.model.detect import Detector
from refundlens.model.detection import ModelName
from refundlens.serving.engine.engine import Engine
from refundlens.serving.kit.errors import DomainError
from refundlens.serving.observability import EngineMetrics
from refundlens.serving.registry import repository, service
from refundlens.serving.registry.bundles import BundleFacts, ModelError, examine, unpacked
from refundlens.serving.registry.service import SERVICE
from refundlens.serving.registry.signatures import check_signature, read_signature
from refundlens.serving.registry.stages import Stage
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileError, FileStore, digest
from refundlens.serving.storage.tables import ModelVersion

UPGRADED = "it came with a newer RefundLens, and nobody had chosen the champion before it"
_log = logging.getLogger(__name__)


def own_bundle(settings: Settings) -> Path:
    """The bundle that the settings name, or the one that ships with the package. Raises BundleError."""
    return settings.bundle or bundled_path()


def start_engine(
    database: Database,
    bundles: FileStore,
    settings: Settings,
    metrics: EngineMetrics,
    now: datetime,
    detector: Detector | None = None,
) -> Engine:
    """detector: loaded already, to be used whatever the registry says. Raises BundleError, OSError."""
    if detector is not None:
        engine = Engine(detector, settings, metrics)
        if settings.bundle is not None and settings.bundle.is_file():
            _enrol(database, bundles, settings.bundle, engine.detector, now, named=True)
        return engine
    own = own_bundle(settings)
    if not own.is_file():
        return Engine(own, settings, metrics)  # raises, and says what to do
    sha256, named = digest(own.read_bytes()), settings.bundle is not None
    champion = None if _goes_first(database, sha256, named) else _champion(database)
    of_champion = _of_champion(bundles, champion, settings, metrics) if champion else None
    if of_champion is None:
        check_signature(settings, sha256, read_signature(own))
    engine = of_champion or Engine(own, settings, metrics)
    if engine.detector.name.sha256 == sha256:
        _enrol(database, bundles, own, engine.detector, now, named)
    elif not _known(database, sha256):
        _enrol(database, bundles, own, Detector(own, threads=1, device="cpu"), now, named)
    return engine


def _goes_first(database: Database, sha256: str, named: bool) -> bool:
    """Whether a bundle runs before the champion: named and unknown, or shipped anew where nobody chose the champion."""
    with database.reading() as session:
        if repository.by_sha256(session, sha256) is not None:
            return False
        champion = repository.at(session, Stage.CHAMPION)
        return named or champion is None or not champion.chosen


def _champion(database: Database) -> ModelVersion | None:
    with database.reading() as session:
        return repository.at(session, Stage.CHAMPION)


def _known(database: Database, sha256: str) -> bool:
    with database.reading() as session:
        return repository.by_sha256(session, sha256) is not None


def _of_champion(
    bundles: FileStore, champion: ModelVersion, settings: Settings, metrics: EngineMetrics
) -> Engine | None:
    """None where the champion cannot be loaded here: a service with its own bundle is better than none."""
    try:
        check_signature(settings, champion.sha256, champion.facts.get("signature"))
        with unpacked(bundles, champion.sha256) as path:
            return Engine(path, settings, metrics)
    except (BundleError, FileError, OSError):
        _log.exception(
            "the champion of the registry cannot be loaded; starting with the bundle of the settings"
        )
        return None


def _enrol(
    database: Database, bundles: FileStore, path: Path, detector: Detector, now: datetime, named: bool
) -> None:
    """Register the bundle that this process would start with: as champion where there is none, or where it was shipped
    anew and nobody chose the champion; as candidate where it was shipped; not where somebody named it besides."""
    content = path.read_bytes()
    if detector.name.sha256 != digest(content) or _known(database, detector.name.sha256):
        return
    if named and _champion(database) is not None:
        _log.warning(
            "%s is not in the registry of models; it runs because it was named, and the registry's champion does not",
            path,
        )
        return
    try:
        found = examine(detector, len(content))
        found.facts["signature"] = read_signature(path)
        bundles.put(content)
        _register(database, found, now)
    except (ModelError, DomainError) as error:
        _log.warning("%s runs without being in the registry of models: %s", path, error)
    except IntegrityError:
        pass  # a process that started together with this one was first


def _register(database: Database, found: BundleFacts, now: datetime) -> None:
    with database.transaction() as session:
        champion = repository.at(session, Stage.CHAMPION)
        service.add(session, SERVICE, found, now)
        if champion is None or not champion.chosen:
            service.install(session, found.id, now, UPGRADED if champion else None)


class Swapping(Protocol):
    """An engine, or who decides for one."""

    def swap(self) -> ModelName:
        """Read the bundle anew. Raises where nothing could be changed."""
        ...


def on_hangup(loop: asyncio.AbstractEventLoop, models: Swapping) -> None:
    """Swap at every SIGHUP that the process gets. Does nothing on Windows, and in tests, where the loop runs on a
    thread that signals do not reach."""
    if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
        return

    def swap() -> None:
        loop.run_in_executor(None, _swap, models)

    loop.add_signal_handler(signal.SIGHUP, swap)


def _swap(models: Swapping) -> None:
    try:
        name = models.swap()
    except Exception:
        _log.exception("the model stays: the bundle could not be swapped in")
        return
    _log.warning("the model is now %s %s (%s)", name.name, name.version, name.sha256[:12])
