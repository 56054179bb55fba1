"""One retraining: check → join → crops → train → calibrate → evaluate → export → gate → report.

Each step writes into the work folder and is skipped when it is done with the same inputs. A snapshot with a problem
stops at once, a candidate that fails the gate after its report is written.
"""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from refundlens.datasets import manifest
from refundlens.datasets.collection import read_index
from refundlens.datasets.crops.fresh import FreshOptions, build_fresh
from refundlens.datasets.crops.masters import decode
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED
from refundlens.datasets.photos import UnreadablePhotoError
from refundlens.datasets.snapshot.checks import Doubts, Problem, check_snapshot, frozen_hashes
from refundlens.datasets.snapshot.join import LICENCE, join
from refundlens.datasets.snapshot.make import chain, note_model
from refundlens.datasets.snapshot.store import Snapshot, open_snapshot
from refundlens.model import bundle
from refundlens.model.detect import Detector
from refundlens.model.photo.image import ImageError
from refundlens.training import commands, config
from refundlens.training.calibration.listed import choose
from refundlens.training.calibration.scoring import ScoreFile, run_all, score_file
from refundlens.training.calibration.thresholds import photos_needed
from refundlens.training.commands import REAL_EDITORS
from refundlens.training.evaluation.real_editors import read_report
from refundlens.training.export import with_metadata
from refundlens.training.gate.gate import GATE, GateResult, gate_text, run_gate
from refundlens.training.gate.looks import Looks
from refundlens.training.gate.rules import Check
from refundlens.training.gate.suite import DELIVERY, FrozenSuite, freeze, load_suite
from refundlens.training.loop import train
from refundlens.training.retrain.doubts import Looked, find_doubts
from refundlens.training.retrain.plan import RetrainError, RetrainPlan, StepLog
from refundlens.training.retrain.report import retrain_report
from refundlens.training.tracking import MlflowRun

PROBLEMS, REPORT = "problems.json", "report.md"
_NONE = np.zeros(0)
Tell = Callable[[str], None]


def retrain(plan: RetrainPlan, tell: Tell = print, tracker: MlflowRun | None = None) -> GateResult:
    """Do what is left of the plan; the gate's result, whether it passed or not. tracker: is told of the training.

    Raises RetrainError where the snapshot must not be learned from, and the errors of each step.
    """
    _refuse_few_photos(plan)
    plan.work.mkdir(parents=True, exist_ok=True)
    snapshot, log = open_snapshot(plan.snapshot), StepLog.open(plan.work)
    champion = hashlib.sha256(plan.bundle.read_bytes()).hexdigest()
    with log.step("check", snapshot.version, champion, plan.accepted, tell=tell) as todo:
        if todo:
            _freeze(plan)
            _refuse_problems(_problems(plan, snapshot), plan, tell)
    suite = load_suite(plan.frozen)
    with log.step("join", plan.collection, tell=tell) as todo:
        if todo:
            join(plan.collection, [snapshot], plan.joined)
    with log.step("crops", plan.shards, tell=tell) as todo:
        if todo:
            masters = plan.masters or plan.work / "masters"
            for line in build_fresh(
                plan.joined, masters, plan.crops, FreshOptions(plan.shards, workers=plan.workers)
            ):
                tell(f"  {line}")
    settings = config.load(plan.config or config.RETRAIN, list(plan.changes))
    weights = hashlib.sha256(plan.weights.read_bytes()).hexdigest()
    with log.step("train", settings.model_dump_json(), weights, plan.replay, tell=tell) as todo:
        if todo:
            with tracker or nullcontext():
                train(plan.crops, plan.run, settings, plan.weights, plan.replay, tracker)
            _write_papers(plan, snapshot)
    counted = plan.photos, plan.deliveries, plan.with_test
    with log.step("calibrate", *counted, plan.limit, plan.confidence, tell=tell) as todo:
        if todo:
            commands.calibrate(plan.run, _material(plan, plan.joined), plan.limit, plan.confidence, None)
    with log.step("evaluate", plan.suite_photos, tell=tell) as todo:
        if todo:
            for model, out in ((plan.bundle, plan.before), (plan.run, plan.after)):
                commands.evaluate_real_editors(str(model), plan.joined, out, "validation", plan.suite_photos)
    with log.step("export", plan.name, plan.version, tell=tell) as todo:
        if todo:
            commands.export(plan.run, plan.raw, plan.name, plan.version)
    with log.step("gate", suite.sha256, plan.rounds, tell=tell) as todo:
        if todo:
            own = [case for case in freeze([plan.joined], None, 10**6).cases if _is_fed(case.repository)]
            scored = (read_report(folder / REAL_EDITORS).looks for folder in (plan.before, plan.after))
            looks = Looks.of(plan.joined, *scored)
            run_gate(plan.bundle, plan.raw, FrozenSuite((*suite.cases, *own)), plan.gate, plan.rounds, looks)
    result = read_gate(plan.gate / GATE)
    with log.step("finish", result.passed, tell=tell) as todo:
        if todo:
            _finish(plan, snapshot, result)
    (plan.work / REPORT).write_text(retrain_report(plan, snapshot, result, log.done), encoding="utf-8")
    return result


def _material(plan: RetrainPlan, folder: Path) -> commands.Material:
    return commands.Material(None, (folder,), plan.photos, plan.deliveries, plan.with_test)


def _refuse_few_photos(plan: RetrainPlan) -> None:
    """Raises RetrainError where calibration could not count the bound: known before anything is trained."""
    chosen = choose((plan.collection,), _material(plan, plan.collection).chosen)
    photos = sum(not one.label and not one.fits for one in chosen)
    needed = photos_needed(plan.limit, plan.confidence)
    if photos < needed:
        more = "" if plan.with_test else "let the test split count, too (--with-test), "
        raise RetrainError(
            f"a bound of {plan.limit:.2%} on false accusations takes {needed} authentic photos that training never "
            f"saw; {plan.collection} has {photos}: {more}collect more, leave out --limit-photos, or raise --limit"
        )


def read_gate(path: Path) -> GateResult:
    facts = json.loads(path.read_text(encoding="utf-8"))
    checks = tuple(Check(**{**check, "worst": tuple(check["worst"])}) for check in facts["checks"])
    return GateResult(facts["champion"], facts["candidate"], facts["suite"], checks)


def _is_fed(repository: str) -> bool:
    return repository.startswith("snapshot/")


def _freeze(plan: RetrainPlan) -> None:
    if not plan.frozen.is_file():
        freeze([plan.collection], plan.frozen, plan.suite_photos)


def _problems(plan: RetrainPlan, snapshot: Snapshot) -> list[Problem]:
    cases = load_suite(plan.frozen).cases
    measured = frozen_hashes(sorted({Path(case.folder) / case.file for case in cases}))
    return check_snapshot(snapshot, measured, ask_champion(plan, snapshot))


def _refuse_problems(problems: list[Problem], plan: RetrainPlan, tell: Tell) -> None:
    facts = [{"code": one.code, "text": one.text, "photos": list(one.photos)} for one in problems]
    (plan.work / PROBLEMS).write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    for problem in problems:
        tell(f"  {problem}")
    left = sorted({problem.code for problem in problems} - set(plan.accepted))
    if left:
        options = " ".join(f"--accept {code}" for code in left)
        raise RetrainError(
            f"the snapshot must not be learned from as it is ({', '.join(left)}); {plan.work / PROBLEMS} has every "
            f"photo. Mend the labels and export again, or, after looking into them, add {options}"
        )


def ask_champion(plan: RetrainPlan, snapshot: Snapshot) -> Doubts:
    """The champion's features of the snapshot's photos and of as many pictures whose truth is known."""
    detector = Detector(plan.bundle, threads=1)
    kept = ScoreFile(plan.work / "champion_scores.jsonl", detector)
    entries = [entry for entry in read_index(plan.collection) if entry.usable_for("train")]
    entries = [one for one in entries if one.generated or (one.label == "authentic" and not one.retouched)]
    entries.sort(key=lambda entry: hashlib.sha256(entry.file.encode()).hexdigest())
    half = plan.trusted // 2
    trusted = [one for one in entries if one.generated][:half]
    trusted += [one for one in entries if not one.generated][:half]

    def look(job: tuple[Looked, Path, bool]) -> Looked | None:
        about, path, send = job

        def read() -> bytes:
            return deliver(decode(path), NAMED[DELIVERY]).data if send else path.read_bytes()

        try:
            features, _, _ = score_file(detector, read, kept, kept.key_of("doubt", about.name))
        except (ImageError, UnreadablePhotoError, OSError):
            return None
        return replace(about, features=features)

    def about(name: str, group: str, label: int, known: bool) -> Looked:
        return Looked(name, group, label, features=_NONE, trusted=known)

    jobs = [
        (about(one.sha256, one.group, one.label, False), snapshot.path(one), False)
        for one in snapshot.samples
    ]
    jobs += [
        (about(one.file, one.group, int(one.generated), True), plan.collection / one.file, True)
        for one in trusted
    ]
    return find_doubts([one for one in run_all(look, jobs, "doubts") if one is not None])


def _write_papers(plan: RetrainPlan, snapshot: Snapshot) -> None:
    """What the card names: the champion's papers, with the snapshot added."""
    path = plan.run / manifest.INFO
    facts: dict[str, Any] = (
        json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"version": ""}
    )
    train_part = [sample for sample in snapshot.samples if sample.part == "train"]
    named = {sample.generator for sample in train_part if sample.generator}
    facts["snapshots"] = chain(plan.snapshot)
    facts["version"] = hashlib.sha256(f"{facts['version']} {snapshot.version}".encode()).hexdigest()
    facts["generators"] = sorted({*facts.get("generators", []), *named})
    facts["unseen"] = sorted(set(facts.get("unseen", [])) - named)
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    sources = plan.run / manifest.SOURCES
    fresh = not sources.is_file()
    with sources.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(["origin", "licence", "class", "pictures"])
        for truth in sorted({sample.truth for sample in train_part}):
            count = sum(sample.truth == truth for sample in train_part)
            writer.writerow([f"disputes, snapshot {snapshot.version[:12]}", LICENCE, truth, count])


def _finish(plan: RetrainPlan, snapshot: Snapshot, result: GateResult) -> None:
    """The bundle with the gate's word and the snapshots it saw; only one that passed is written down as having
    learned."""
    loaded = bundle.load(plan.raw, threads=1)
    gate = {
        "passed": result.passed, "champion": result.champion, "suite": result.suite,
        "failed": [f"{check.rule} {check.slice}".strip() for check in result.failed],
    }  # fmt: skip
    training = {**loaded.training, "gate": gate, "snapshots": chain(plan.snapshot)}
    left = snapshot.facts["left"]
    said = (
        f"\n## Photos of disputes\n\nTrained on snapshot {snapshot.version[:12]} and, by its parents, on "
        f"{len(training['snapshots']) - 1} before it. Of those, {len(left)} photos were erased since; which models saw "
        "them stands in the snapshot's card.\n\n"
    )
    card = loaded.card + said + gate_text(result).replace("# Gate", "## Gate", 1)
    with_metadata(plan.raw, plan.out, {bundle.TRAINING: json.dumps(training), bundle.CARD: card})
    plan.out.with_suffix(".md").write_text(card, encoding="utf-8")
    shutil.copyfile(plan.raw.with_suffix(".pt"), plan.out.with_suffix(".pt"))
    sha256 = hashlib.sha256(plan.out.read_bytes()).hexdigest()
    if result.passed:
        note_model(snapshot.store, f"{plan.name}-{plan.version}", sha256, training["snapshots"])
