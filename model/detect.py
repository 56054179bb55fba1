"""The detector: bytes of a picture in, a `Detection` out. The one door that serving and evaluation go through.

photo -> tiles -> network -> pooled features -> calibrated probability -> verdict under the bound -> reasons.

The network sees every tile at native resolution; metadata is read beside it and never raises
the probability. A part that is there twice raises it, below the threshold of `fake` (`model.verdict.copied`).
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from refundlens.model import bundle
from refundlens.model.bundle import Bundle, BundleError, bundled_path
from refundlens.model.detection import Conditions, DefectFound, Details, Detection, ModelName, Reason, Region
from refundlens.model.names import DEFECTS, Defect, Device, Kind
from refundlens.model.network import pooling, regions, tiles
from refundlens.model.photo import conditions, copy_move, provenance, resizing
from refundlens.model.photo.image import Limits, Photo, read_photo
from refundlens.model.verdict import stability
from refundlens.model.verdict.calibration import Calibration
from refundlens.model.verdict.copied import Traces, network_traces, with_copy
from refundlens.model.verdict.policy import Ruling, rule
from refundlens.model.verdict.reasons import Policy, copied_part, reasons
from refundlens.model.verdict.reliability import ReliabilityMap
from refundlens.model.verdict.selection import select
from refundlens.model.verdict.texts import Language

__all__ = ["BundleError", "Detector", "Scored", "Steps", "bundled_path", "run_steps"]

BATCH = 8
"""Tiles per inference: measured no faster beyond on a CPU, and it bounds memory for large photos."""
REGION_THRESHOLD = 0.5
"""Map probability from which a cell belongs to a manipulated region."""
DEFECT_THRESHOLD = 0.5
"""Map probability from which a cell shows a defect."""
CLAIMED_THRESHOLD = 0.35
"""The same for the defect the buyer claims: there is a reason to look for it, so less evidence shows it."""
LEAST_SIDE = 240
"""Long side in pixels below which no defect can be judged (and no delivery chain of training goes)."""
LEAST_SHORT_SIDE = tiles.TILE // 3
"""Short side in pixels below which most of a tile would be the picture's own reflection."""
Recheck = Literal["fake", "always", "never"]
"""Which photos are compressed once more and scored again: those that would be called fake, all, or none."""


Found = TypeVar("Found", DefectFound, Region)


@dataclass(frozen=True)
class Scored:
    """A picture through the network, before any verdict. features: float64 [F] of `model.network.pooling`."""

    scores: pooling.Scores
    features: NDArray[np.float64]


@dataclass(frozen=True)
class Observations:
    """What is known of a photo without the network. of_file: what metadata and file say. copied: a part that is there
    twice. trust: how far its map can be relied on, where the calibration says so."""

    conditions: Conditions
    of_file: list[Reason]
    copied: copy_move.CopyMove | None
    trust: ReliabilityMap | None


Steps = Generator[NDArray[np.uint8], Scored, Detection]
"""From a photo to its answer: yields pictures for the network, uint8 RGB [H,W,3], and is sent the scores of each."""


class Detector:
    """Loads a bundle once; `detect` may be called from many threads.

    bundle_path: an .onnx bundle, none for the one that ships with the package. threads: of one inference on the CPU,
    none for one a core. device, cache: see model.providers. trust_list: PEM certificates of those whose
    Content Credentials prove something (`model.photo.credentials`), "" for nobody.
    Raises BundleError that says what to do.
    """

    def __init__(
        self,
        bundle_path: Path | None = None,
        threads: int | None = None,
        device: Device = "auto",
        cache: Path | None = None,
        trust_list: str = "",
    ) -> None:
        self._trust_list = trust_list
        self._bundle: Bundle = bundle.load(bundle_path, threads, device, cache)

    @property
    def bundle(self) -> Bundle:
        """What was loaded, for those who run the graph themselves and only `judge` here."""
        return self._bundle

    @property
    def name(self) -> ModelName:
        return self._bundle.name

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return self._bundle.card

    @property
    def calibration(self) -> Calibration | None:
        """None for a network that was not calibrated yet: it can score, but not judge."""
        return self._bundle.calibration

    def score(self, pixels: NDArray[np.uint8]) -> Scored:
        """Run the network over uint8 RGB [H,W,3], a photo's `judged` pixels, and pool its tiles."""
        scores = pooling.score_picture(pixels, self._bundle.run, BATCH)
        return Scored(scores, pooling.features(scores))

    def detect(
        self,
        data: bytes,
        claim: Defect | None = None,
        language: Language = "en",
        limits: Limits | None = None,
        recheck: Recheck = "fake",
    ) -> Detection:
        """Judge one picture file.

        claim: the defect the buyer claims, which is then looked for harder; it changes no probability. recheck: which
        photos get a second look at their own JPEG copy, which doubles their time; "never" gives verdicts of `fake`
        that one more upload may undo.
        Raises model.photo.image.ImageError for a file that cannot be judged, BundleError for an uncalibrated bundle.
        """
        self._calibrated()  # before any work is done in vain
        began = time.perf_counter()
        photo = read_photo(data, limits)
        decoded = inferred = time.perf_counter()

        def score(pictures: Sequence[NDArray[np.uint8]]) -> list[Scored]:
            nonlocal inferred
            found = [self.score(pixels) for pixels in pictures]
            inferred = time.perf_counter()
            return found

        (answer,) = run_steps([self.steps(photo, claim, language, recheck)], score)
        finished = time.perf_counter()
        timings = {"decode": decoded - began, "infer": inferred - decoded, "total": finished - began}
        return answer.model_copy(
            update={"timings_ms": {name: round(1000 * spent, 1) for name, spent in timings.items()}}
        )

    def steps(
        self,
        photo: Photo,
        claim: Defect | None = None,
        language: Language = "en",
        recheck: Recheck = "fake",
        observed: Callable[[], Observations] | None = None,
    ) -> Steps:
        """The one sequence from scores to a verdict, for everybody who runs the network in a way of their own: the
        photo is scored; where it would be called fake, its copy (`model.verdict.stability.reencode`) is scored, too;
        then it is judged. `timings_ms` is left empty: the driver knows it. observed: what `observe` said, asked for
        when the photo is scored, so that both can be done side by side; by default it is done then.

        Raises BundleError for an uncalibrated bundle.
        """
        found = yield photo.judged
        known = observed() if observed else self.observe(photo, language)
        again = None
        if recheck == "always" or (
            recheck == "fake" and self._look(photo, found, known.conditions).verdict == "fake"
        ):
            again = yield stability.reencode(photo.judged)
        return self.judge(photo, found, claim, language, again, known)

    def observe(self, photo: Photo, language: Language = "en") -> Observations:
        """Everything that needs no network; the search for copied parts is most of it. Raises BundleError for an
        uncalibrated bundle."""
        table = self._calibrated().reliability
        return Observations(
            conditions.measure(photo),
            provenance.read_provenance(photo, language, self._trust_list),
            copy_move.find_copy(photo.judged),
            ReliabilityMap(photo.judged, table) if table else None,
        )

    def judge(
        self,
        photo: Photo,
        found: Scored,
        claim: Defect | None = None,
        language: Language = "en",
        again: Scored | None = None,
        observed: Observations | None = None,
    ) -> Detection:
        """The last of the `steps`: from a photo and its scores to the answer; no inference.

        again: the scores of the photo's copy, where there was a second look; the photo stays `fake` only if the copy
        is. observed: none to have it done now. Raises BundleError for an uncalibrated bundle.
        """
        calibration = self._calibrated()
        known = observed or self.observe(photo, language)
        first = self._look(photo, found, known.conditions)
        copy = stability.look_at_copy(calibration, again.features, first.conditions) if again else None
        verdict = stability.settle(first, copy)
        measured = first.conditions
        suspect, suspect_bound = (
            calibration.suspicion(first.probability, measured) if measured.supported else (False, None)
        )
        covering = calibration.bin(measured) if measured.supported else None
        traces = network_traces(found.scores, first.probability)
        judged, displayed = photo.judged.shape[:2], photo.pixels.shape[:2]
        marked = regions.find_regions(traces.heat, tiles.STRIDE, judged[1], judged[0], REGION_THRESHOLD)
        trust, of_file, twice = known.trust, known.of_file, known.copied
        copied = copied_part(twice, len(marked) + 1, language) if twice else None
        ruling = rule(verdict, [*of_file, copied] if copied else of_file)
        # which of both places is the copy is not known, so that no defect in them and no trace is called made by it
        defects = _defects(found.scores.maps, traces.heat, judged[1], judged[0], claim)
        seen = _kinds(traces)
        # a trusted camera's own pixels: what is there twice, it saw twice
        if twice and ruling.evidence != "signed_camera":
            threshold = calibration.threshold(measured) if measured.supported else None
            traces = with_copy(traces, twice, threshold)
        sure = min(twice.score, traces.probability) if twice else 0.0  # no place is surer than the picture
        places = [Region(box=box, probability=sure) for box in twice.places] if twice else []
        policy = Policy(
            ruling.verdict,
            _outside(photo, measured, calibration),
            _too_small(photo),
            # where the copy turned doubt into a verdict, it is the verdict that lasts
            unstable=verdict == "inconclusive" != first.verdict,
            ruled_by=ruling.evidence if ruling.changed else None,
        )
        defects = [_placed(one, judged, displayed) for one in defects]
        shown = [_placed(one, judged, displayed) for one in (*marked, *places)]
        made = [one for one in defects if one.fake_probability >= REGION_THRESHOLD]
        said = reasons(photo, policy, seen, made, shown[: len(marked)], measured, language, copied)
        said += trust.reasons(marked, language) if trust else []
        said += of_file
        told, details = select(said, ruling.verdict)
        return Detection(
            sha256=photo.sha256,
            width=photo.width,
            height=photo.height,
            verdict=ruling.verdict,
            probability=traces.probability,
            kind=_kinds(traces),
            defects=defects,
            regions=shown,
            conditions=measured,
            false_accusation_bound=_bound(ruling, first.bound, calibration),
            suspect=suspect and ruling.verdict != "authentic",  # the copy may have cleared it
            suspect_bound=suspect_bound,
            stability=stability.compare(calibration, first, copy),
            reasons=told,
            details=Details(reasons=details),
            model=self.name,
            timings_ms={},
            heatmap=pooling.to_shown(traces.heat, judged, displayed),
            tracemap=pooling.to_shown(traces.trace, judged, displayed),
            defectmap=pooling.to_shown(pooling.sigmoid(found.scores.maps[1:].max(axis=0)), judged, displayed),
            miss_bound=covering.miss_bound if covering else None,
            miss_bound_of=covering.miss_bound_of if covering else None,
            reliability=trust.summary(marked) if trust else None,
            reliabilitymap=pooling.to_shown(trust.map, judged, displayed) if trust else None,
        )

    def _look(self, photo: Photo, found: Scored, measured: Conditions) -> stability.Look:
        """What the photo alone would be called."""
        calibration = self._calibrated()
        supported = _outside(photo, measured, calibration) is None and not _too_small(photo)
        return stability.look(
            calibration, found.features, measured.model_copy(update={"supported": supported})
        )

    def _calibrated(self) -> Calibration:
        if self._bundle.calibration is None:
            raise BundleError(
                "this bundle carries no calibration; run `refundlens calibrate` and export it again"
            )
        return self._bundle.calibration


def run_steps(
    photos: Sequence[Steps], score: Callable[[Sequence[NDArray[np.uint8]]], Sequence[Scored]]
) -> list[Detection]:
    """Answers for several photos side by side. score: gives the scores of some pictures, in order; it is called at
    most twice, with one picture of each photo that still needs one. Raises what it and the steps raise."""
    answers: dict[int, Detection] = {}
    asked = {place: next(steps) for place, steps in enumerate(photos)}
    while asked:
        scored = dict(zip(asked, score(list(asked.values())), strict=True))
        asked = {}
        for place, found in scored.items():
            try:
                asked[place] = photos[place].send(found)
            except StopIteration as judged:
                answers[place] = judged.value
    return [answers[place] for place in range(len(photos))]


def _kinds(traces: Traces) -> dict[Kind, float]:
    """Of a photo's probability and what is left; sums to 1."""
    return {"authentic": 1.0 - traces.probability, **traces.kinds}


def _outside(photo: Photo, measured: Conditions, calibration: Calibration) -> str | None:
    """What keeps a photo outside the conditions that calibration covers, as `model.verdict.reasons.Policy` names it."""
    if not calibration.measured(photo.format):
        return "format"
    # a JPEG whose tables tell no quality must not pass for a file that is not JPEG
    if photo.jpeg is not None and measured.jpeg_quality is None:
        return "quality_unreadable"
    return calibration.gap(measured)


def _bound(ruling: Ruling, counted: float | None, calibration: Calibration) -> float | None:
    """The false-accusation bound of a verdict. A verified signature accuses without the pixels' threshold: where
    no bound was counted for them, the answer gives the limit that every accusation of this calibration keeps to."""
    if ruling.evidence == "signed_ai" and counted is None:
        return calibration.limit
    return counted


def _too_small(photo: Photo) -> bool:
    long, short = max(photo.judged.shape[:2]), min(photo.judged.shape[:2])
    return bool(long < LEAST_SIDE or short < LEAST_SHORT_SIDE)


def _placed(found: Found, judged: resizing.Size, displayed: resizing.Size) -> Found:
    """The same with its box in pixels of the displayed picture."""
    return found.model_copy(update={"box": resizing.box_to_shown(found.box, judged, displayed)})


def _defects(
    maps: NDArray[np.float32], heat: NDArray[np.float32], width: int, height: int, claim: Defect | None
) -> list[DefectFound]:
    """Defects the map shows, the claimed type first, each with how manipulated its own pixels look."""
    found = []
    for index, defect in enumerate(DEFECTS):
        threshold = CLAIMED_THRESHOLD if defect == claim else DEFECT_THRESHOLD
        shown = pooling.sigmoid(maps[1 + index])
        for region in regions.find_regions(shown, tiles.STRIDE, width, height, threshold, limit=4):
            x0, y0, x1, y1 = region.box
            inside = heat[
                y0 // tiles.STRIDE : -(-y1 // tiles.STRIDE), x0 // tiles.STRIDE : -(-x1 // tiles.STRIDE)
            ]
            fake = float(np.quantile(inside, regions.QUANTILE))
            found.append(
                DefectFound(
                    type=defect, box=region.box, probability=region.probability, fake_probability=fake
                )
            )
    return sorted(found, key=lambda item: (item.type != claim, -item.probability))
