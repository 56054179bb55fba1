"""The model card: what the model is for, what it was made from, how good it is, where not to use it.

In: a run's data as `CardContext`. Out: Markdown with the YAML front matter that model hubs read.
Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import yaml

from refundlens.model.verdict.calibration import LOSSLESS, Bin, Calibration
from refundlens.training.evaluation.real_editors import RealEditorsReport, as_markdown
from refundlens.training.evaluation.report import FEW, number, percent


class Source(TypedDict):
    """Photos or networks of one origin. amount: e.g. "1250 photos"; use: what they served for."""

    name: str
    amount: str
    use: str
    licence: str
    attribution: str


class Figure(TypedDict):
    """A figure measured apart from the report, e.g. speed."""

    name: str
    value: str
    command: str


class CardContext(TypedDict):
    """All that a card needs.

    base: the backbone's name. phone_line: one sentence on which learned processing this data set counts as
    a phone's own. training: configuration, printed as given. report: what `write_report` gave. limits:
    sentences. cpu_minutes: of training, all cores together.
    """

    name: str
    version: str
    licence: str
    base: str
    dataset_version: str
    photos: Sequence[Source]
    generators: Sequence[Source]
    trained_generators: Sequence[str]
    phone_line: str
    training: Mapping[str, Any]
    report: Mapping[str, Any]
    report_command: str
    figures: Sequence[Figure]
    calibration: Calibration
    calibration_command: str
    limits: Sequence[str]
    cpu_minutes: float
    hardware: str


USE = """\
## What it is for

To tell a seller, or the person who decides a refund dispute, whether the photo behind a claim shows pixels
that a generator or a picture editor made, where, and how sure that is.

**Intended**: photos of goods and their damage, as buyers send them through shops and messengers; a first
screening whose doubtful cases a person decides; checking one's own pictures.

**Not intended, and misuse**

- Never the only ground to accuse a person, to refuse a refund, or to close an account. A verdict is evidence
  about pixels. It says nothing about who made them, why, or whether the goods are damaged.
- Not for portraits, identity papers, medical or news pictures, drawings or text: it was never measured there.
- Not as proof that a photo is genuine: an authentic verdict means that no trace was found.
- A verdict counts only with its false-accusation bound, and only in a condition that calibration covers.
- Whoever is judged should see the verdict, the heat map and the reasons, and be able to appeal to a person.
"""

KINDS_TEXT = """\
## What the words mean

| kind | the pixels |
| --- | --- |
| authentic | come from a camera, however resized, recompressed, filtered or openly drawn upon |
| ai_generated | all came out of a generator, also where a chat editor was given a photo and redrew it |
| ai_edited | come from a camera, except for a region that came out of a generator |
| photoshopped | come from a camera, with a region changed by splicing, cloning, healing, blending, painting |

**A phone's own processing and regeneration.** Merging exposures, demosaicking, denoising, sharpening and
lens correction compute a picture from what the sensor saw, with or without a network: authentic. Decoding
pixels out of a latent code, or letting a generator redraw them, is regeneration, even if it looks the same.
"""

FRONT_MATTER_METRICS = {
    "ROC AUC, all pictures": "roc_auc",
    "fakes found at 1 % false positives": "recall_at_1_percent_fpr",
    "calibration error, equal bins": "expected_calibration_error",
    "pixel F1 of spliced AI edits": "f1",
}
"""Headline figures that model hubs list, with the names they know."""
TITLE = re.compile(r"^# (\S+) \S+$", re.MULTILINE)
"""Name and version."""
QUALITY, CALIBRATION, LIMITS = "## How good it is", "## Calibration", "## Limits"
"""Headings: between the first two a card tells what was measured, between the last two of its calibration."""
REAL_EDITORS_PART = "### On pictures of real editors"
"""Heading of the last part of QUALITY."""
NOT_MEASURED = "Nothing was measured yet: the run was not evaluated."
EARLIER = "These thresholds were set after the evaluation above, whose counts of verdicts are those of earlier ones."
REAL_EDITORS_METRICS = {
    "whole pictures against unrelated photos, AUC": "ROC AUC, whole pictures of real generators",
    "local edits against unrelated photos, AUC": "ROC AUC, local edits by real editors",
}
"""Figures on pictures of real editors that model hubs list, with the names they show."""
LARGEST = 30_000
"""Pixels: a range of sizes that ends here or beyond is shown without an end; no picture we read is larger."""
WEAKEST = 8
"""Slices shown as the weakest: what a reader takes in."""


def _front_matter(context: CardContext) -> str:
    metrics = [
        {"type": FRONT_MATTER_METRICS[line["name"]], "name": line["name"], "value": round(line["value"], 4)}
        for line in context["report"]["headline"]
        if line["name"] in FRONT_MATTER_METRICS and line["value"] is not None
    ]
    dataset = {"name": "RefundLens dataset", "type": "imagefolder", "revision": context["dataset_version"]}
    result = {"task": {"type": "image-classification"}, "dataset": dataset, "metrics": metrics}
    fields = {
        "license": context["licence"].lower(),
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "base_model": context["base"],
        "tags": ["image-forensics", "ai-generated-image-detection", "manipulation-localisation", "onnx"],
        "model-index": [{"name": context["name"], "results": [result]}],
    }
    dumped: str = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    return f"---\n{dumped}---\n"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; bars within cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def _sources(sources: Sequence[Source]) -> str:
    header = ("origin", "amount", "used for", "licence", "attribution")
    return table(
        header, [(s["name"], s["amount"], s["use"], s["licence"], s["attribution"]) for s in sources]
    )


def _quality(context: CardContext) -> str:
    """What was measured on the dataset: figures, generators met, weakest slices."""
    if not context["report"]["headline"]:
        return NOT_MEASURED
    rows: list[tuple[str, str, str, str]] = []
    for line in context["report"]["headline"]:
        interval = f"{number(line['low'])} to {number(line['high'])}" if "low" in line else ""
        interval = f"at most {percent(line['bound'])}" if "bound" in line else interval
        rows.append((line["name"], number(line["value"]), interval, f"{line['photos']} / {line['rows']}"))
    report = table(("figure", "value", "95 %", "photos / pictures"), rows)
    others = [(one["name"], one["value"], f"`{one['command']}`") for one in context["figures"]]
    parts = [f"Each figure of this table: `{context['report_command']}`", report]
    parts += [table(("figure", "value", "command"), others)] if others else []
    parts += ["### Generators met in the evaluation", _generators_met(context)]
    parts += [f"### Weakest slices (of those with at least {FEW} source photos)", _weakest(context)]
    return "\n\n".join(parts)


def _generators_met(context: CardContext) -> str:
    """Every generator of the evaluation, and whether training had it."""
    trained = set(context["trained_generators"])
    rows = [
        (one["value"], "yes" if one["value"] in trained else "**no**", number(one["auc"]), one["rows"])
        for one in context["report"]["slices"]
        if one["dimension"] == "generator"
    ]
    return table(("generator", "seen in training", "AUC", "pictures"), rows)


def _weakest(context: CardContext) -> str:
    parts = [s for s in context["report"]["slices"] if s["auc"] is not None and s["photos"] >= FEW]
    weakest = sorted(parts, key=lambda one: float(one["auc"]))[:WEAKEST]
    rows = [
        (s["dimension"], s["value"], number(s["auc"]), number(s["tpr_at_1"], 2), s["photos"]) for s in weakest
    ]
    return table(("by", "slice", "AUC", "found at 1 % FPR", "photos"), rows)


def _condition(one: Bin) -> str:
    (least, most), (low, high) = one.long_side, one.jpeg_quality
    side = f"{least} px and more" if most >= LARGEST else f"{least} to {most - 1} px"
    return f"{side}, {'not JPEG' if low >= LOSSLESS else f'JPEG {low} to {min(high - 1, 100)}'}"


def _authentic(one: Bin) -> str:
    """What `authentic` is worth in a condition: the share of photos called so, and the bound on manipulated ones."""
    if one.miss_bound is None or one.miss_bound_of is None:
        return "never: no misses were counted"
    of = one.miss_bound_of
    counted = f"{of.missed} of {of.pictures} pictures by {of.editors} editors"
    cleared = "" if one.cleared is None else f"{percent(one.cleared)}, "
    said = "" if one.clears else "; never said: it would mean nothing"
    return f"{cleared}{percent(one.miss_bound)} ({counted}{said})"


def _calibration(given: Calibration, command: str) -> str:
    rows: list[tuple[object, ...]] = []
    lower = {(one.long_side, one.jpeg_quality): one.threshold for one in given.suspect}
    for one in given.bins:
        threshold = "no verdict `fake`" if one.threshold is None else number(one.threshold, 4)
        # the bound of a borrowed threshold speaks of the wider condition's photos
        around = one.counted_on and Bin(
            long_side=one.counted_on[0], jpeg_quality=one.counted_on[1], sharpness=one.sharpness, photos=0
        )
        bound = percent(one.bound) + (f" (counted on {_condition(around)})" if around else "")
        photos = (
            str(one.photos) if one.senders in (None, one.photos) else f"{one.photos} of {one.senders} senders"
        )
        row = (_condition(one), photos, one.accused, threshold, bound, _authentic(one))
        suspect = lower.get((one.long_side, one.jpeg_quality))
        rows.append((*row, "none" if suspect is None else number(suspect, 4)) if lower else row)
    rule = (
        "A logistic regression on the pooled scores of the tiles gives the probability, at equal odds of authentic "
        f"and manipulated. The verdict `fake` is given only where the {100 * given.confidence:.0f} % upper "
        f"confidence bound on the rate of authentic source photos called fake is within {percent(given.limit)}; "
        f"`authentic` up to a probability of {number(given.clear_below)}, where a bound on the manipulated pictures "
        "called so was counted and says something; in all other cases, and in every "
        f"condition that is not listed, the verdict is `inconclusive`. Measured by "
        f"`{command}`."
    )
    header = [
        "condition",
        "source photos",
        "of them accused",
        "threshold",
        "bound",
        "called `authentic`: photos, fakes at most",
    ]
    if lower:
        loosest = max((one.bound for one in given.suspect if one.bound is not None), default=None)
        rule += (
            " Photos above the lower threshold in the last column are suspect, with a bound of "
            f"{percent(loosest)}: this changes no photo's verdict, but several such photos of one claim may together "
            "be called fake."
        )
        header.append("suspect from")
    return rule + "\n\n" + table(header, rows)


def recalibrated(card: str, calibration: Calibration, command: str, version: str | None = None) -> str:
    """The card of a bundle whose thresholds were set anew; what it says of quality was measured with the old ones.

    version: the new bundle's, where it has one of its own.
    """
    if version:
        card = TITLE.sub(rf"# \1 {version}", card, count=1)
    before, _, rest = card.partition(CALIBRATION)
    _, limits, after = rest.partition(LIMITS)
    note = "" if NOT_MEASURED in before else EARLIER
    parts = [before.rstrip(), CALIBRATION, note, _calibration(calibration, command), limits + after]
    return "\n\n".join(part for part in parts if part)


def with_real_editors(card: str, report: RealEditorsReport) -> str:
    """The card with this report of the very bundle it goes with, instead of an earlier one."""
    head, _, rest = card.partition(QUALITY)
    quality, heading, after = rest.partition(CALIBRATION)
    known = quality.partition(REAL_EDITORS_PART)[0].strip()
    known = "" if known.startswith(NOT_MEASURED) else known
    told = f"Both classes through one delivery; measured by `{report.context['command']}`."
    after = (after if known else after.replace(EARLIER, "")).lstrip()
    parts = [
        _listed(head, report).rstrip(),
        QUALITY,
        known,
        REAL_EDITORS_PART,
        told,
        as_markdown(report).strip(),
    ]
    return "\n\n".join(part for part in [*parts, heading, after] if part)


def _listed(head: str, report: RealEditorsReport) -> str:
    """The front matter with the report's figures among its metrics."""
    if not head.startswith("---\n"):
        return head
    _, front, body = head.split("---\n", 2)
    fields = yaml.safe_load(front)
    (result,) = fields["model-index"][0]["results"]
    shown = [one for one in result["metrics"] if one["name"] not in REAL_EDITORS_METRICS.values()]
    found = {name: report.figures[key] for key, name in REAL_EDITORS_METRICS.items() if key in report.figures}
    result["metrics"] = shown + [
        {"type": "roc_auc", "name": name, "value": one["value"]}
        for name, one in found.items()
        if one["pictures"]
    ]
    return f"---\n{yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)}---\n{body}"


def write_card(context: CardContext) -> str:
    """The card as Markdown. Raises ValueError that names what the context lacks."""
    missing = sorted(CardContext.__required_keys__ - set(context))
    if missing:
        raise ValueError(f"the model card lacks: {', '.join(missing)}")
    settings = [(key, f"`{value}`") for key, value in context["training"].items()]
    limits = "\n".join(f"- {limit}" for limit in context["limits"])
    return (
        "\n\n".join(
            [
                _front_matter(context) + f"\n# {context['name']} {context['version']}",
                USE.strip(),
                KINDS_TEXT + context["phone_line"],
                "## What it was made from",
                f"Dataset version `{context['dataset_version']}`. Starting weights: `{context['base']}`.",
                "### Photos",
                _sources(context["photos"]),
                "### Generators and editors",
                _sources(context["generators"]),
                "## How it was trained",
                table(("setting", "value"), settings),
                QUALITY,
                _quality(context),
                CALIBRATION,
                _calibration(context["calibration"], context["calibration_command"]),
                LIMITS,
                limits,
                "## What it cost",
                f"{context['cpu_minutes']:.0f} CPU minutes on {context['hardware']}, for the training alone.",
            ]
        )
        + "\n"
    )
