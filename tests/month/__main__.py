"""`python -m tests.month OUT`: play the month, write `month.json`, `month.md` and a plot there.

With `--collection … --replay … --weights … --champion … --newcomer NAME` on real pictures and the real detector;
without, on rendered ones.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from refundlens.datasets.collection import read_index
from refundlens.training.gate.rules import Check
from refundlens.training.retrain.retrain import read_gate
from tests.month.report import write_month
from tests.month.service import Callers, client, label_dispute, serving, until, verb
from tests.month.world import LIMIT, World, rendered


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the service must not outlive it
    given = _arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", file=sys.stderr, flush=True)

    world = _real(given) if given.collection else rendered(given.out / "world", given.steps, tell)
    tell("the champion is there")
    facts = play(world, given.out, given, tell)
    facts["seconds"] = round(time.monotonic() - began)
    write_month(facts, given.out)
    print(given.out / "month.md")


def play(world: World, out: Path, given: argparse.Namespace, tell: Any) -> dict[str, Any]:
    """The month. Returns its figures; raises where it goes another way."""
    facts: dict[str, Any] = {"world": "real" if given.collection else "rendered", "newcomer": world.newcomer}
    with serving(out / "data", world.champion) as (base, variables):
        labelled = out / "labelled"  # a month that was stopped goes on
        for number, photo in enumerate([*world.fakes, *world.photos] if not labelled.is_file() else []):
            label_dispute(base, photo, "ai_generated" if number < len(world.fakes) else "authentic", number)
        labelled.touch()
        facts["labelled"] = {"fakes": len(world.fakes), "photos": len(world.photos)}
        tell(f"{len(world.fakes) + len(world.photos)} photos of disputes were labelled")
        verb("tenants", "set", "default", "--training", variables=variables)
        snapshot = verb(
            "data", "export", out / "snapshots", "--generator", world.newcomer, variables=variables
        )
        tell(f"snapshot {Path(snapshot).name}")
        work = out / "work"
        verb(
            "retrain", snapshot, work, "--collection", world.collection, "--replay", world.replay, "--weights",
            world.weights, "--champion", world.champion, "--config", world.config, "--name", "month", "--version",
            "1.1.0", "--limit", LIMIT, "--deliveries", 2, "--masters", out / "masters",
            "--suite-photos", given.suite_photos, "--shards", given.shards,
            *(["--limit-photos", given.limit_photos] if given.limit_photos else []), variables=variables,
        )  # fmt: skip
        result = read_gate(work / "gate" / "gate.json")
        facts["gate"] = {"passed": result.passed, "checks": len(result.checks)}
        facts["checks"] = [_figures(check) for check in result.checks]
        facts["steps"] = json.loads((work / "steps.json").read_text())
        tell(f"the gate {'passed' if result.passed else 'failed'}")
        facts["rollout"] = _rollout(base, world, variables, tell)
    return facts


def _rollout(base: str, world: World, variables: dict[str, str], tell: Any) -> dict[str, Any]:
    """Shadow, promotion and rollback while callers never stop."""
    candidate = "month-1.1.0"
    callers = Callers(base, [*world.fakes[:20], *world.photos[:20]])

    def running() -> dict[str, Any]:
        with client(base, "engineer") as eve:
            found: dict[str, Any] = eve.get("/v1/models").json()["running"]
            return found

    with callers.calling():
        verb("models", "shadow", candidate, "--share", "1", variables=variables)
        agreement = until("the shadow", lambda: _shadowed(running()))
        tell(f"shadow: {agreement}")
        verb("models", "promote", candidate, "--reason", "month", variables=variables)
        until("the promotion", lambda: running()["version"] == "1.1.0")
        seen = callers.versions["1.1.0"]
        until("answers of the new model", lambda: callers.versions["1.1.0"] > seen + 5)
        verb("models", "rollback", "--reason", "month", variables=variables)
        until("the rollback", lambda: running()["version"] == "1.0.0")
        after = callers.versions["1.0.0"]
        until("answers of the old model", lambda: callers.versions["1.0.0"] > after + 5)
    lost = {status: count for status, count in callers.statuses.items() if status != "200"}
    tell(f"{callers.statuses.total()} requests, lost: {lost or 'none'}")
    return {
        "agreement": agreement, "requests": callers.statuses.total(), "lost": lost,
        "answered_by": dict(callers.versions), "longest_seconds": round(callers.longest, 2),
    }  # fmt: skip


def _shadowed(running: dict[str, Any]) -> dict[str, Any] | None:
    found = running.get("agreement") or {}
    return found if found.get("photos", 0) >= 5 else None


def _figures(check: Check) -> dict[str, Any]:
    return {"rule": check.rule, "slice": check.slice, "passed": check.passed, "decides": check.decides,
            "text": check.text}  # fmt: skip


def _real(given: argparse.Namespace) -> World:
    """Disputes out of a collection: the newcomer's pictures and as many photos that training may see."""
    entries = read_index(given.collection)
    fakes = [e for e in entries if e.generator == given.newcomer and e.label == "ai_generated"]
    photos = [e for e in entries if e.usable_for("train") and e.label == "authentic" and not e.retouched]
    photos = sorted(photos, key=lambda entry: entry.file[::-1])[: max(100, 200 - len(fakes))]
    read = [[(given.collection / e.file).read_bytes() for e in part][:200] for part in (fakes, photos)]
    return World(given.collection, given.replay, given.weights, given.champion, given.config, read[0], read[1],
                 given.newcomer)  # fmt: skip


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.month", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=120, help="rendered: of the champion's training")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--suite-photos", type=int, default=60)
    parser.add_argument("--limit-photos", type=int)
    for name in ("collection", "replay", "weights", "champion", "config"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--newcomer")
    return parser.parse_args()


if __name__ == "__main__":
    main()
