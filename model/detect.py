"""The detector: bytes of a picture in, a `Detection` out. The one door that serving and evaluation go through.

photo -> tiles -> network -> pooled features -> calibrated probability -> verdict under the bound -> reasons.

The network sees every tile at native resolution; metadata is read beside it and never changes the probability.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model import bundle, conditions, pooling, provenance, regions, tiles
from model.bundle import Bundle, BundleError, bundled_path
from model.calibration import Calibration
from model.detection import Conditions, DefectFound, Detection, ModelName, Reason
from model.formats import Format
from model.image import Limits, Photo, read_photo
from model.names import DEFECTS, Basis, Defect, Device, Kind, Verdict
from model.reliability import ReliabilityMap
from model.texts import Language, reason_text

__all__ = ["BundleError", "Detector", "Scored", "bundled_path"]

BATCH = 8
"""Tiles per inference: measured no faster beyond on a CPU, and it bounds memory for large photos."""
REGION_THRESHOLD = 0.5
"""Map probability from which a cell belongs to a manipulated region."""
DEFECT_THRESHOLD = 0.5
"""Map probability from which a cell shows a defect."""
CLAIMED_THRESHOLD = 0.35
"""The same for the defect the buyer claims: there is a reason to look for it, so less evidence shows it."""
ENLARGED = 0.2
"""Sharpness under which a picture is said to be blurred or enlarged: pictures enlarged twice come to 0.13, camera
photos to 0.64 in the median (model.conditions)."""
LEAST_SIDE = 240
"""Long side in pixels below which no defect can be judged (and no delivery chain of training goes)."""
LEAST_SHORT_SIDE = tiles.TILE // 3
"""Short side in pixels below which most of a tile would be the picture's own reflection."""
MEASURED_FORMATS: tuple[Format, ...] = ("jpeg", "png", "webp", "bmp", "tiff")
"""Formats whose pixels calibration's photos came in (BMP and TIFF keep them as PNG does). HEIC and AVIF compress, and
GIF dithers, as nothing in calibration was: no bound was counted for them, so they never get a verdict but
inconclusive."""
_TRACES: dict[Kind, str] = {
    "ai_generated": "pixel.whole_regeneration",
    "ai_edited": "pixel.local_regeneration",
    "photoshopped": "pixel.classical_edit",
}
"""The sentence for each kind of manipulation."""


@dataclass(frozen=True)
class Scored:
    """A picture through the network, before any verdict. features: float64 [6] of `model.pooling`."""

    scores: pooling.Scores
    features: NDArray[np.float64]


class Detector:
    """Loads a bundle once; `detect` may be called from many threads.

    bundle_path: an .onnx bundle, none for the one that ships with the package. threads: of one inference on the CPU,
    none for one a core. device, cache: see model.providers. Raises BundleError that says what to do.
    """

    def __init__(
        self,
        bundle_path: Path | None = None,
        threads: int | None = None,
        device: Device = "auto",
        cache: Path | None = None,
    ) -> None:
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
        """Run the network over uint8 RGB [H,W,3] and pool its tiles."""
        scores = pooling.score_picture(pixels, self._bundle.run, BATCH)
        return Scored(scores, pooling.features(scores))

    def detect(
        self,
        data: bytes,
        claim: Defect | None = None,
        language: Language = "en",
        limits: Limits | None = None,
    ) -> Detection:
        """Judge one picture file.

        claim: the defect the buyer claims, which is then looked for harder; it changes no probability.
        Raises model.image.ImageError for a file that cannot be judged, BundleError for an uncalibrated bundle.
        """
        self._calibrated()  # before any work is done in vain
        began = time.perf_counter()
        photo = read_photo(data, limits)
        decoded = time.perf_counter()
        found = self.score(photo.pixels)
        inferred = time.perf_counter()
        answer = self.judge(photo, found, claim, language)
        finished = time.perf_counter()
        timings = {"decode": decoded - began, "infer": inferred - decoded, "total": finished - began}
        return answer.model_copy(
            update={"timings_ms": {name: round(1000 * spent, 1) for name, spent in timings.items()}}
        )

    def judge(
        self, photo: Photo, found: Scored, claim: Defect | None = None, language: Language = "en"
    ) -> Detection:
        """From a photo and its scores to the answer; no inference. `timings_ms` is left empty: the caller knows it.

        Raises BundleError for an uncalibrated bundle.
        """
        calibration = self._calibrated()
        probability = calibration.probability(found.features)
        measured = _conditions(photo, calibration)
        verdict, bound = (
            calibration.decide(probability, measured) if measured.supported else ("inconclusive", None)
        )
        heat = pooling.heat(found.scores, probability)
        height, width = photo.pixels.shape[:2]
        defects = _defects(found.scores.maps, heat, width, height, claim)
        kinds: dict[Kind, float] = {"authentic": 1.0 - probability}
        kinds |= {kind: probability * share for kind, share in pooling.fake_shares(found.scores).items()}
        shown = regions.find_regions(heat, tiles.STRIDE, width, height, REGION_THRESHOLD)
        trust = ReliabilityMap(photo.pixels, calibration.reliability) if calibration.reliability else None
        reasons = _reasons(photo, verdict, kinds, defects, measured, language)
        reasons += trust.reasons(shown, language) if trust else []
        reasons += provenance.read_provenance(photo, language)
        return Detection(
            sha256=photo.sha256,
            width=width,
            height=height,
            verdict=verdict,
            probability=probability,
            kind=kinds,
            defects=defects,
            regions=shown,
            conditions=measured,
            false_accusation_bound=bound,
            reasons=reasons,
            model=self.name,
            timings_ms={},
            heatmap=heat,
            defectmap=pooling.sigmoid(found.scores.maps[1:].max(axis=0)),
            reliability=trust.summary(shown) if trust else None,
            reliabilitymap=trust.map if trust else None,
        )

    def _calibrated(self) -> Calibration:
        if self._bundle.calibration is None:
            raise BundleError(
                "this bundle carries no calibration; run `refundlens calibrate` and export it again"
            )
        return self._bundle.calibration


def _conditions(photo: Photo, calibration: Calibration) -> Conditions:
    """The photo's condition, and whether calibration knows photos like it."""
    measured = conditions.measure(photo)
    # a JPEG whose tables tell no quality must not pass for a file that is not JPEG
    readable = photo.format in MEASURED_FORMATS and (photo.jpeg is None or measured.jpeg_quality is not None)
    known = readable and calibration.bin(measured) is not None
    return measured.model_copy(update={"supported": known and not _too_small(photo)})


def _too_small(photo: Photo) -> bool:
    return max(photo.width, photo.height) < LEAST_SIDE or min(photo.width, photo.height) < LEAST_SHORT_SIDE


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


def _reasons(
    photo: Photo,
    verdict: Verdict,
    kinds: dict[Kind, float],
    defects: list[DefectFound],
    measured: Conditions,
    language: Language,
) -> list[Reason]:
    """What the pixels say, then what the policy made of it, then what the file's condition is."""
    codes: list[tuple[str, Basis, dict[str, object]]] = []
    if kinds["authentic"] > 0.5:
        codes.append(("pixel.no_trace", "inferred", {}))
    else:
        # the likeliest manipulation, though each of the three may be less likely than "authentic" alone
        codes.append((_TRACES[max(_TRACES, key=lambda kind: kinds[kind])], "inferred", {}))
        for defect in defects:
            if defect.fake_probability >= REGION_THRESHOLD:
                place: dict[str, object] = {"defect": defect.type, "box": list(defect.box)}
                codes.append(("pixel.defect_is_fake", "inferred", place))
    if _too_small(photo):
        codes.append(("policy.too_small", "derived", {}))
    elif not measured.supported:
        codes.append(("policy.unsupported_condition", "derived", {"what": _what(photo, measured)}))
    elif verdict == "inconclusive":
        codes.append(("policy.inconclusive_band", "derived", {}))
    if measured.jpeg_quality is not None:
        sent: dict[str, object] = {"quality": measured.jpeg_quality, "count": measured.quantisations}
        codes.append(("conditions.compression", "derived", sent))
    if measured.sharpness < ENLARGED:
        codes.append(("conditions.enlarged", "derived", {}))
    reasons = []
    for code, basis, values in codes:
        text = reason_text(code, language, **values)
        reasons.append(Reason(code=code, basis=basis, text=text, details=values))
    return reasons


def _what(photo: Photo, measured: Conditions) -> str:
    saved = photo.format.upper()
    if measured.jpeg_quality is not None:
        saved += f" {measured.jpeg_quality}"
    return f"{measured.long_side} px, {saved}, sharpness {measured.sharpness:.2f}"
