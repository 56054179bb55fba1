"""Has this process run what the registry says: its champion, and its shadow.

In: the registry, looked at every few seconds and when it is notified. Out: an engine that changed its model without
losing a photo. What cannot be loaded leaves the old model running and is told in the log and by `RunningModels`.

A process that runs a bundle which the registry does not know was told to (REFUNDLENS_BUNDLE, --model, or SIGHUP after
the file was replaced): it follows nobody.
"""

import asyncio
import logging
import threading
import time
from dataclasses import dataclass
from typing import Any, Literal

from refundlens.model.bundle import BundleError
from refundlens.model.detection import ModelName
from refundlens.serving.engine.engine import Engine
from refundlens.serving.kit.clock import Clock
from refundlens.serving.kit.notifier import Notifier
from refundlens.serving.registry import repository
from refundlens.serving.registry.bundles import unpacked
from refundlens.serving.registry.loader import own_bundle
from refundlens.serving.registry.repository import keep_tallies
from refundlens.serving.registry.signatures import check_signature, read_signature
from refundlens.serving.registry.stages import Stage
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileStore, digest
from refundlens.serving.storage.tables import ModelVersion

LOOK_AGAIN = 2.0
"""Seconds between looks when nobody notifies: changes that other processes and the command line made."""
REST = 0.25
"""Seconds between looks however often it is notified, which every job does that is done."""
TRY_AGAIN = 60.0
"""Seconds after which a bundle that could not be loaded is tried again: its file may have come meanwhile."""
_log = logging.getLogger(__name__)

State = Literal["starting", "following", "changing", "own", "failed"]
"""starting: the registry was not looked at yet. following: the champion runs. changing: it is being loaded. own: a
bundle that the registry does not know runs. failed: the champion could not be loaded, and another version runs."""


@dataclass(frozen=True)
class RunningModels:
    """What this process does. why: what went wrong, in `failed`; shadow_why: with the shadow."""

    model: ModelName
    state: State
    why: str | None
    shadow_why: str | None


@dataclass(frozen=True)
class _Failure:
    """What could not be loaded, why, and until when (on the monotonic clock) it is not tried again."""

    wanted: object
    why: str
    until: float

    def holds(self, wanted: object) -> bool:
        return self.wanted == wanted and time.monotonic() < self.until


class Follower:
    """Safe to use from several threads; one look at a time."""

    def __init__(
        self,
        database: Database,
        bundles: FileStore,
        engine: Engine,
        settings: Settings,
        notifier: Notifier,
        clock: Clock,
    ) -> None:
        self._database, self._bundles, self._engine = database, bundles, engine
        self._settings, self._notifier, self._clock = settings, notifier, clock
        self._looking = threading.Lock()
        self._state: State = "starting"
        self._failure: _Failure | None = None
        self._shown: tuple[str, float] | None = None
        self._shadow_failure: _Failure | None = None

    async def run(self, ready: "asyncio.Task[None]") -> None:
        """Follow until cancelled. ready: the warm-up, which comes first."""
        await asyncio.wait([ready])
        while True:
            try:
                await asyncio.to_thread(self.look)
            except Exception:
                _log.exception("the registry of models could not be read; looking again")
            await asyncio.sleep(REST)
            await self._notifier.wait(LOOK_AGAIN)

    def look(self) -> None:
        """Compare with the registry once, and change what differs; takes as long as a model takes to load.

        Raises SQLAlchemy's errors."""
        with self._looking:
            self._look()

    def swap(self) -> ModelName:
        """What SIGHUP asks for: read the settings' bundle anew. One that the registry knows, or none, means to follow
        it. Raises BundleError, OSError, SQLAlchemy's errors; nothing has changed then."""
        with self._looking:
            path = own_bundle(self._settings)
            if path.is_file() and self._knows(digest(path.read_bytes())):
                self._failure = self._shadow_failure = None
                self._look(told=True)
                if self._failure:
                    raise BundleError(self._failure.why)
                return self._engine.detector.name
            if path.is_file():
                check_signature(self._settings, digest(path.read_bytes()), read_signature(path))
            name = self._engine.swap()
            self._state = "own"
            return name

    @property
    def running(self) -> RunningModels:
        """What this process runs now."""
        failure, shadow_failure = self._failure, self._shadow_failure
        return RunningModels(
            self._engine.detector.name,
            self._state,
            failure.why if failure else None,
            shadow_failure.why if shadow_failure else None,
        )

    def _look(self, told: bool = False) -> None:
        tallies = self._engine.take_tallies()
        if tallies:
            with self._database.transaction() as session:
                keep_tallies(session, tallies, self._clock())
        with self._database.reading() as session:
            champion, shadow = (repository.at(session, stage) for stage in (Stage.CHAMPION, Stage.SHADOW))
        if champion is None:
            self._state = "own"
        else:
            self._follow(champion, told)
        if self._settings.shadow is None:
            self._show(shadow)

    def _knows(self, sha256: str) -> bool:
        with self._database.reading() as session:
            return repository.by_sha256(session, sha256) is not None

    def _follow(self, champion: ModelVersion, told: bool) -> None:
        """told: a SIGHUP ends a bundle of one's own, too."""
        now = self._engine.detector.name.sha256
        if now == champion.sha256:
            self._state, self._failure = "following", None
        elif not told and not self._knows(now):
            self._state, self._failure = "own", None
        elif self._failure is None or not self._failure.holds(champion.sha256):
            self._change(champion)

    def _change(self, champion: ModelVersion) -> None:
        self._state = "changing"
        try:
            check_signature(self._settings, champion.sha256, champion.facts.get("signature"))
            with unpacked(self._bundles, champion.sha256) as path:
                self._engine.swap(path)
        except Exception as error:  # whatever a bundle can do wrong, the old one goes on
            _log.exception("the model stays: %s could not be loaded", champion.id)
            self._failure = _Failure(champion.sha256, _words(error), time.monotonic() + TRY_AGAIN)
            self._state = "failed"
            return
        _log.warning("the model is now %s (%s)", champion.id, champion.sha256[:12])
        self._state, self._failure = "following", None

    def _show(self, shadow: ModelVersion | None) -> None:
        """Give the engine the challenger that is wanted, where it has another or none."""
        wanted = None if shadow is None or shadow.share is None else (shadow.sha256, shadow.share)
        if wanted == self._shown or (self._shadow_failure and self._shadow_failure.holds(wanted)):
            return
        self._shadow_failure = None
        try:
            if wanted is None:
                self._engine.shadow(None)
            else:
                check_signature(self._settings, wanted[0], shadow.facts.get("signature") if shadow else None)
                with unpacked(self._bundles, wanted[0]) as path:
                    self._engine.shadow(path, wanted[1])
        except Exception as error:  # a challenger never disturbs the champion
            _log.exception("the shadow could not be loaded")
            self._shadow_failure = _Failure(wanted, _words(error), time.monotonic() + TRY_AGAIN)
            return
        self._shown = wanted


def show_running(follower: Follower, engine: Engine) -> dict[str, Any]:
    """What this process does, as JSON; agreement: of the shadow with the running model since it began here."""
    now, agreement = follower.running, engine.agreement
    return {
        "name": now.model.name,
        "version": now.model.version,
        "sha256": now.model.sha256,
        "state": now.state,
        "why": now.why,
        "shadow_why": now.shadow_why,
        "agreement": agreement
        and {
            "name": agreement.challenger.name,
            "version": agreement.challenger.version,
            "sha256": agreement.challenger.sha256,
            "photos": agreement.photos,
            "same_verdict": agreement.same_verdict,
            "difference": agreement.mean(agreement.difference),
            "champion_seconds": agreement.mean(agreement.seconds[0]),
            "challenger_seconds": agreement.mean(agreement.seconds[1]),
        },
    }


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
