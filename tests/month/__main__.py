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

from refundlens.training.gate.rules import Check
from refundlens.training.retrain.report import share_waited
from refundlens.training.retrain.retrain import read_gate
from tests.month.disputes import dispute_all
from tests.month.real import Champion, real
from tests.month.report import write_month
from tests.month.service import RESTING, Callers, client, serving, until, verb
from tests.month.world import World, rendered
from tests.month.worst import worst_pictures

VERSION = "9.0.0"
"""Of the candidate: higher than any champion's."""


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
    """The month. Returns its figures; raises where it goes another way. A month that was stopped goes on."""
    facts: dict[str, Any] = {"world": "real" if given.collection else "rendered", "newcomer": world.newcomer}
    with serving(out / "data", world.champion) as (base, variables):
        labelled = out / "labelled.json"
        if not labelled.is_file():
            photos = [(photo, True) for photo in world.fakes] + [(photo, False) for photo in world.photos]
            labelled.write_text(json.dumps(dispute_all(base, photos)))
        facts["labelled"] = {"fakes": len(world.fakes), "photos": len(world.photos)}
        facts |= json.loads(labelled.read_text())
        tell(f"{len(world.fakes) + len(world.photos)} photos of disputes were labelled")
        verb("tenants", "set", "default", "--training", variables=variables)
        snapshot = verb(
            "data", "export", out / "snapshots", "--generator", world.newcomer, variables=variables
        )
        tell(f"snapshot {Path(snapshot).name}")
        work = out / "work"
        said = verb(
            "retrain", snapshot, work, "--collection", world.collection, "--replay", world.replay, "--weights",
            world.weights, "--champion", world.champion, "--name", "month", "--version", VERSION, "--limit",
            world.limit, "--deliveries", given.deliveries, "--masters", given.masters or out / "masters",
            "--suite-photos", given.suite_photos, "--shards", given.shards,
            *(["--config", world.config] if world.config else []),
            *(["--with-test"] if given.with_test else []),
            *(part for change in given.set for part in ("--set", change)),
            *(part for code in given.accept for part in ("--accept", code)),
            *(["--limit-photos", given.limit_photos] if given.limit_photos else []),
            variables=variables, allowed=(0, 1), log=out / "retrain.log",
        )  # fmt: skip
        if not said:  # the report's place is told unless a step was refused
            raise RuntimeError(f"retrain ended early; {out / 'retrain.log'} says why")
        result = read_gate(work / "gate" / "gate.json")
        facts["gate"] = {"passed": result.passed, "checks": len(result.checks)}
        worst = worst_pictures(work, result.failed)
        facts["checks"] = [
            _figures(check) | {"worst": worst.get((check.rule, check.slice), [])} for check in result.checks
        ]
        facts["steps"] = json.loads((work / "steps.json").read_text())
        facts["pairs_and_controls"] = _pairs_and_controls(work)
        facts["waited"] = share_waited(work / "run")
        tell(f"the gate {'passed' if result.passed else 'failed'}")
        facts["rollout"] = _rollout(base, world, variables, work, result.passed, tell)
    return facts


def _pairs_and_controls(work: Path) -> dict[str, list[float]]:
    """Figure -> champion's and candidate's value, and on how many pictures."""
    before, after = (
        json.loads((folder / "real_editors.json").read_text())["figures"]
        for folder in (work / "champion", work / "run" / "report")
    )
    return {
        name: [before[name]["value"], one["value"], one["pictures"]]
        for name, one in after.items()
        if one["pictures"]
    }


def _rollout(
    base: str, world: World, variables: dict[str, str], work: Path, passed: bool, tell: Any
) -> dict[str, Any]:
    """Shadow, promotion and rollback while callers never stop; they rest a little where a shadow or open cases are
    judged in what is left of the machine. Of a candidate that the gate refused it is shown that it cannot be promoted;
    then an admin forces it, so that the way there and back is played all the same."""
    candidate = f"month-{VERSION}"
    if not passed:
        candidate = verb("models", "add", work / f"{candidate}.onnx", variables=variables)
    callers = Callers(base, [*world.fakes[:20], *world.photos[:20]])
    refused = ""

    def running() -> dict[str, Any]:
        with client(base, "engineer") as eve:
            found: dict[str, Any] = eve.get("/v1/models").json()["running"]
            return found

    with callers.calling():
        callers.rest = RESTING
        first = running()["version"]
        verb("models", "shadow", candidate, "--share", "1", variables=variables)
        agreement = until("the shadow", lambda: _shadowed(running()))
        tell(f"shadow: {agreement}")
        if not passed:
            with client(base, "engineer") as eve:
                answer = eve.post(
                    f"/v1/models/{candidate}/promote", json={"reason": "month"},
                    headers={"Idempotency-Key": "promote"},
                )  # fmt: skip
            assert answer.status_code == 409, f"a candidate that failed the gate was promoted: {answer.text}"
            refused = str(answer.json()["detail"])
            tell(f"refused: {refused}")
        callers.rest = 0.0
        force = () if passed else ("--force",)
        verb("models", "promote", candidate, "--reason", "a month is played", *force, variables=variables)
        until("the promotion", lambda: running()["version"] == VERSION)
        seen = callers.versions[VERSION]
        until("answers of the new model", lambda: callers.versions[VERSION] > seen + 5)
        callers.rest = RESTING
        rescored = until("the open cases", lambda: _rescored(base, candidate))
        callers.rest = 0.0
        verb("models", "rollback", "--reason", "a month is played", variables=variables)
        until("the rollback", lambda: running()["version"] == first)
        after = callers.versions[first]
        until("answers of the old model", lambda: callers.versions[first] > after + 5)
    lost = {status: count for status, count in callers.statuses.items() if status != "200"}
    tell(f"{callers.statuses.total()} requests, lost: {lost or 'none'}")
    return {
        "refused": refused, "agreement": agreement, "rescored": rescored, "requests": callers.statuses.total(),
        "lost": lost, "answered_by": dict(callers.versions), "longest_seconds": round(callers.longest, 2),
    }  # fmt: skip


def _rescored(base: str, version: str) -> dict[str, Any] | None:
    """What the new champion said of open cases, once it has looked at them."""
    with client(base, "engineer") as eve:
        told: dict[str, Any] = eve.get(f"/v1/models/{version}/rescoring").json()
    facts = {name: told[name] for name in ("state", "cases", "changed", "failed")}
    return facts if told["state"] != "running" else None


def _shadowed(running: dict[str, Any]) -> dict[str, Any] | None:
    found = running.get("agreement") or {}
    return found if found.get("photos", 0) >= 5 else None


def _figures(check: Check) -> dict[str, Any]:
    return {"rule": check.rule, "slice": check.slice, "passed": check.passed, "decides": check.decides,
            "text": check.text}  # fmt: skip


def _real(given: argparse.Namespace) -> World:
    champion = {name: getattr(given, name) for name in ("replay", "weights", "champion")}
    return real(
        given.collection, given.out / "collection", given.newcomer, Champion(**champion), given.disputed
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.month", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=120, help="rendered: of the champion's training")
    parser.add_argument("--disputed", type=int, default=100, help="real: fakes, and as many honest photos")
    parser.add_argument("--newcomer", help="real: the generator that appears")
    for name in ("collection", "replay", "weights", "champion", "masters"):
        parser.add_argument(f"--{name}", type=Path)
    for name, usual in (("shards", 2), ("suite-photos", 60), ("deliveries", 3), ("limit-photos", None)):
        parser.add_argument(f"--{name}", type=int, default=usual, help="as of `refundlens retrain`")
    parser.add_argument("--with-test", action="store_true", help="as of `refundlens retrain`")
    for name in ("set", "accept"):
        parser.add_argument(f"--{name}", action="append", default=[], help="as of `refundlens retrain`")
    return parser.parse_args()


if __name__ == "__main__":
    main()
