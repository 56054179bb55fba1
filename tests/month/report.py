"""The month's figures as a page and a plot."""

import json
import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

_CHANGE = re.compile(r"([\d.]+) -> ([\d.]+)")


def write_month(facts: dict[str, Any], out: Path) -> None:
    (out / "month.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    _plot(facts, out / "month.png")
    rollout = facts["rollout"]
    lines = [
        "# One month of the loop",
        "",
        f"World: {facts['world']}; newcomer: {facts['newcomer']}; labelled by people: "
        f"{facts['labelled']['fakes']} fakes and {facts['labelled']['photos']} photos. {facts['seconds']} s in all.",
        "",
        "![slices before and after](month.png)",
        "",
        "## How each photo got its label",
        "",
        "| what it was: what the champion said of it, who decided | photos |",
        "| --- | --- |",
        *(f"| {way} | {count} |" for way, count in facts["ways"].items()),
        "",
        f"## The gate: {'passed' if facts['gate']['passed'] else 'refused'}",
        "",
        "| rule | slice | | champion -> candidate |",
        "| --- | --- | --- | --- |",
    ]
    for check in facts["checks"]:
        word = ("passed" if check["passed"] else "FAILED") if check["decides"] else "too few to tell"
        lines.append(f"| {check['rule']} | {check['slice']} | {word} | {check['text']} |")
    for check in facts["checks"]:
        if check["worst"]:
            lines += ["", f"Furthest the wrong way, {check['rule']} {check['slice']}:".replace(" :", ":"), ""]
            lines += [f"- {one}" for one in check["worst"]]
    lines += [
        "",
        "## Pairs and controls",
        "",
        "| figure | champion | candidate | pictures |",
        "| --- | --- | --- | --- |",
        *(
            f"| {name} | {before:.3f} | {after:.3f} | {pictures:.0f} |"
            for name, (before, after, pictures) in facts["pairs_and_controls"].items()
        ),
        "",
        "## Rollout",
        "",
        *([f"Promotion was refused: {rollout['refused']} An admin forced it, to play the way there and back.", ""]
          if rollout["refused"] else []),
        f"Shadow: {rollout['agreement']}. Promoted and rolled back under load: {rollout['requests']} requests, lost "
        f"{rollout['lost'] or 'none'}, answered by {rollout['answered_by']}, the longest took "
        f"{rollout['longest_seconds']} s. Open cases judged by the new champion: {rollout['rescored']}.",
        "",
        "| step | seconds |",
        "| --- | --- |",
        *(f"| {name} | {one['seconds']:.0f} |" for name, one in facts["steps"].items()),
        "",
        f"While training, the network waited for data {facts['waited']:.1%} of the time." if facts["waited"] else "",
    ]  # fmt: skip
    (out / "month.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plot(facts: dict[str, Any], path: Path) -> None:
    """Recall of every slice of manipulated pictures, before and after."""
    pairs = []
    for check in facts["checks"]:
        found = _CHANGE.search(check["text"])
        if check["rule"] == "slice_recall" and found and check["slice"].startswith(("generator", "kind")):
            pairs.append((check["slice"], float(found[1]), float(found[2])))
    figure, axes = pyplot.subplots(figsize=(7, 0.5 * len(pairs) + 1.5))
    for row, (_, before, after) in enumerate(pairs):
        axes.plot([before, after], [row, row], color="#999", zorder=1)
        axes.scatter([before], [row], color="#b33", zorder=2, label="champion" if not row else None)
        axes.scatter([after], [row], color="#183", zorder=2, label="candidate" if not row else None)
    axes.set_yticks(range(len(pairs)), [name for name, _, _ in pairs])
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("share found at the operating rate of false accusations")
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
