"""Which bundle a process starts with, and what the registry learns from it.

In: the settings, the registry. Out: an engine. docs/models.md has the rule in a table: a bundle that is named and that
the registry does not know runs as named; else the champion runs; where there is none, the bundle becomes it.
"""

import logging
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from model.bundle import BundleError, bundled_path
from model.detect import Detector
from serving.db.session import Database
from serving.engine import Engine
from serving.files import FileError, FileStore, digest
from serving.metrics import EngineMetrics
from serving.models import repository, service
from serving.models.bundles import Examined, ModelError, examine, unpacked
from serving.models.service import SERVICE
from serving.models.stages import Stage
from serving.problems import Problem
from serving.settings import Settings

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


def _champion(database: Database) -> str | None:
    with database.reading() as session:
        found = repository.at(session, Stage.CHAMPION)
        return None if found is None else found.sha256


def _known(database: Database, sha256: str) -> bool:
    with database.reading() as session:
        return repository.by_sha256(session, sha256) is not None


def _of_champion(
    bundles: FileStore, sha256: str, settings: Settings, metrics: EngineMetrics
) -> Engine | None:
    """None where the champion cannot be loaded here: a service with its own bundle is better than none."""
    try:
        with unpacked(bundles, sha256) as path:
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
        bundles.put(content)
        _register(database, found, now)
    except (ModelError, Problem) as error:
        _log.warning("%s runs without being in the registry of models: %s", path, error)
    except IntegrityError:
        pass  # a process that started together with this one was first


def _register(database: Database, found: Examined, now: datetime) -> None:
    with database.transaction() as session:
        champion = repository.at(session, Stage.CHAMPION)
        service.add(session, SERVICE, found, now)
        if champion is None or not champion.chosen:
            service.install(session, found.id, now, UPGRADED if champion else None)
