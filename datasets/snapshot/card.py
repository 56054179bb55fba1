"""A snapshot's card: what is in it, who said so, what left it and which models had seen that."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from refundlens.datasets.snapshot.judged import JudgedPhoto


def snapshot_card(samples: Sequence[JudgedPhoto], facts: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        f"# Snapshot {facts['number']} of judged photos",
        "",
        f"Made {facts['made_at']}; follows {(facts['parent'] or 'none')[:12]}. Labels are people's: decisions of "
        "adjudicators, appeals, engineers. No verdict of a model is among them.",
        "",
        "| truth | train | test | mean confidence |",
        "| --- | --- | --- | --- |",
    ]
    for truth in sorted({sample.truth for sample in samples}):
        mine = [sample for sample in samples if sample.truth == truth]
        parts = Counter(sample.part for sample in mine)
        mean = sum(sample.confidence for sample in mine) / len(mine)
        lines.append(f"| {truth} | {parts['train']} | {parts['test']} | {mean:.2f} |")
    for title, name in (("label from", "source"), ("generator", "generator"), ("photo from", "image_source")):
        counted = Counter(getattr(sample, name) or "not known" for sample in samples)
        lines += ["", f"| {title} | photos |", "| --- | --- |"]
        lines += [f"| {value} | {count} |" for value, count in sorted(counted.items())]
    if facts["skipped"] or facts["unreadable"]:
        lines += ["", "## Left out", ""]
        lines += [f"- {count} {why}" for why, count in sorted(facts["skipped"].items())]
        lines += [f"- {sha256}: {why}" for sha256, why in sorted(facts["unreadable"].items())]
    if facts["left"]:
        lines += [
            "",
            "## Gone since the snapshot before",
            "",
            "Their bytes are erased here and in every earlier snapshot; a model that saw them keeps what it learned "
            "until it is replaced.",
            "",
            "| photo | why | was in | models that saw it |",
            "| --- | --- | --- | --- |",
        ]
        for sha256, one in sorted(facts["left"].items()):
            models = ", ".join(one["models"]) or "none"
            lines.append(f"| {sha256[:12]} | {one['why']} | {', '.join(one['snapshots'])} | {models} |")
    return "\n".join(lines) + "\n"
