"""Why a photo got its verdict, in sentences: what the pixels say, what the policy made of it, what its condition is.

In: the photo, its verdict and what was found. Out: `Reason`s in the asked language (texts in `model.verdict.texts`).
"""

from dataclasses import dataclass

from refundlens.model.detection import Conditions, DefectFound, Reason, Region
from refundlens.model.names import Basis, Kind, Verdict
from refundlens.model.photo.copy_move import CopyMove
from refundlens.model.photo.image import Photo
from refundlens.model.verdict.policy import Evidence
from refundlens.model.verdict.texts import Language, reason_text

_TRACES: dict[Kind, str] = {
    "ai_generated": "pixel.whole_regeneration",
    "ai_edited": "pixel.local_regeneration",
    "photoshopped": "pixel.classical_edit",
}
"""The sentence for each kind of manipulation."""

Found = tuple[str, Basis, dict[str, object]]


@dataclass(frozen=True)
class Policy:
    """What the verdict rests on. outside: what keeps the photo outside the conditions covered (a `Gap`, "format" or
    "quality_unreadable"), none where nothing does. too_small: no picture of this size is judged. unstable: the
    photo's own copy was judged otherwise. ruled_by: what the file says that changed the pixels' verdict."""

    verdict: Verdict
    outside: str | None = None
    too_small: bool = False
    unstable: bool = False
    ruled_by: Evidence | None = None


def reasons(
    photo: Photo,
    policy: Policy,
    kinds: dict[Kind, float],
    fake_defects: list[DefectFound],
    regions: list[Region],
    measured: Conditions,
    language: Language,
    copied: Reason | None = None,
) -> list[Reason]:
    """kinds: the probability of each kind, by the network alone. fake_defects: those whose own pixels look made by an
    editor. regions: the answer's, in the order in which pictures number their frames from 1. copied: the reason of
    `copied_part`, where a part of the photo is there twice; then there is a trace."""
    traces = _pixels(kinds, fake_defects, regions, copied is not None)
    found = [*traces, *_policy(photo, policy, measured), *_condition(measured)]
    return [*([copied] if copied else []), *(_reason(one, language) for one in found)]


def copied_part(copy: CopyMove, mark: int, language: Language) -> Reason:
    """A part of the photo that is there twice. mark: the number of its first place's frame; the other's comes next."""
    details: dict[str, object] = {"marks": [str(mark), str(mark + 1)], "score": round(copy.score, 3)}
    return _reason(("pixel.copied_part", "inferred", details), language)


def _reason(found: Found, language: Language) -> Reason:
    code, basis, values = found
    return Reason(code=code, basis=basis, text=reason_text(code, language, **values), details=values)


def _pixels(
    kinds: dict[Kind, float], fake_defects: list[DefectFound], regions: list[Region], copied: bool
) -> list[Found]:
    if kinds["authentic"] > 0.5:
        return [] if copied else [("pixel.no_trace", "inferred", {})]
    # the likeliest manipulation, though each of the three may be less likely than "authentic" alone
    codes: list[Found] = [(_TRACES[max(_TRACES, key=lambda kind: kinds[kind])], "inferred", {})]
    if fake_defects:
        defects = list(dict.fromkeys(defect.type for defect in fake_defects))
        marks = [str(mark) for mark, region in enumerate(regions, 1) if _meets_any(region, fake_defects)]
        if marks:
            codes.append(("pixel.defect_is_fake", "inferred", {"defects": defects, "marks": marks}))
        else:
            codes.append(("pixel.small_defect_is_fake", "inferred", {"defects": defects}))
    return codes


def _meets_any(region: Region, defects: list[DefectFound]) -> bool:
    x0, y0, x1, y1 = region.box
    return any(one.box[0] < x1 and x0 < one.box[2] and one.box[1] < y1 and y0 < one.box[3] for one in defects)


def _policy(photo: Photo, policy: Policy, measured: Conditions) -> list[Found]:
    if policy.ruled_by is not None:
        return [(f"policy.{policy.ruled_by}", "derived", {})]
    if policy.too_small:
        return [("policy.too_small", "derived", {})]
    if policy.outside is not None:
        values: dict[str, object] = {
            "side": measured.long_side,
            "saved": _saved(photo, measured),
            "gap": f"gap.{policy.outside}",
            "help": f"help.{policy.outside}",
        }
        return [("policy.unsupported_condition", "derived", values)]
    if policy.unstable:
        return [("policy.unstable", "derived", {})]
    return [("policy.inconclusive_band", "derived", {})] if policy.verdict == "inconclusive" else []


def _condition(measured: Conditions) -> list[Found]:
    codes: list[Found] = []
    if measured.jpeg_quality is not None:
        sent: dict[str, object] = {"quality": measured.jpeg_quality, "count": measured.quantisations}
        codes.append(("conditions.compression", "derived", sent))
    if measured.enlarged:
        codes.append(("conditions.enlarged", "derived", {}))
    return codes


def _saved(photo: Photo, measured: Conditions) -> str:
    """The format, with its quality where there is one."""
    name = photo.format.upper()
    return name if measured.jpeg_quality is None else f"{name} {measured.jpeg_quality}"
