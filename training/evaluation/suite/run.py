"""The suite from end to end.

In: a detector, a dataset, folders of real pictures. Out: the report's folder, and what report.json holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refundlens.datasets import manifest
from refundlens.datasets.row import Row, read_rgb
from refundlens.training.evaluation import controls
from refundlens.training.evaluation.controls import Control, Pixels
from refundlens.training.evaluation.evaluate import one_a_photo
from refundlens.training.evaluation.metrics import ROUNDS
from refundlens.training.evaluation.slices import delivery_of, slices, table
from refundlens.training.evaluation.suite.checks import BoundCheck, check_all, held
from refundlens.training.evaluation.suite.cost import measure_cost
from refundlens.training.evaluation.suite.defects import defect_balance
from refundlens.training.evaluation.suite.flips import flips
from refundlens.training.evaluation.suite.harmless import Harmless, harmless
from refundlens.training.evaluation.suite.left_out import read_left_out
from refundlens.training.evaluation.suite.reading import Detects, Reader
from refundlens.training.evaluation.suite.real import Authentic, Edits, authentic_folder, real_edits
from refundlens.training.evaluation.suite.regions import Photo, region_controls
from refundlens.training.evaluation.suite.report import Results, write
from refundlens.training.evaluation.suite.side_by_side import PHOTOS as PEER_PHOTOS
from refundlens.training.evaluation.suite.side_by_side import PeerLine, side_by_side
from refundlens.training.evaluation.suite.store import Store
from refundlens.training.evaluation.suite.sweep import DELIVERIES, Sent, master_rows, sweep
from refundlens.training.evaluation.suite.targets import Measurements, targets
from refundlens.training.peers import Peer
from refundlens.training.peers import peers as load_peers

SCORES = "scores.jsonl"
DAMAGE, CATALOGUE = "real damage", "catalogue"


@dataclass(frozen=True)
class SuiteOptions:
    """What else to measure, and on how much of it.

    limit, real_limit, peer_limit: source photos of the test split, pictures of each real set, photos that peers judge.
    generators, autoencoders: folders of editors for random regions. bundle: the file to time; None leaves cost out.
    """

    split: str = "test"
    limit: int | None = None
    real_defects: Path | None = None
    real_edits: Path | None = None
    catalogue: Path | None = None
    real_limit: int | None = None
    peers: tuple[str, ...] = ()
    peer_limit: int = PEER_PHOTOS
    generators: Path | None = None
    autoencoders: Path | None = None
    left_out: Path | None = None
    bundle: Path | None = None
    rounds: int = ROUNDS


def run_suite(
    detector: Detects,
    dataset: Path,
    out: Path,
    options: SuiteOptions | None = None,
    context: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Measure everything, write the report into `out`, return what its JSON holds.

    A killed suite goes on from `out/scores.jsonl`; one run again gives the same report. context: printed as it is;
    "command" says how to measure again. Raises DatasetError for a split without masters of both classes, ValueError for
    what else was asked for and is not there.
    """
    given = options or SuiteOptions()
    everything = manifest.read(dataset)
    rows = master_rows(everything, given.split, given.limit)
    if {row.label for row in rows} != {0, 1}:
        raise manifest.DatasetError(
            f"{dataset} has no undelivered pictures of both classes in its {given.split} split; "
            "its recipe must deliver some rows as png"
        )
    reader = Reader(detector, Store(out / SCORES))
    peers = load_peers(
        given.peers
    )  # before anything else: one that is not installed must not be found out last
    trained = sorted({row.generator for row in everything if row.split == "train" and row.generator})
    sent = sweep(reader, dataset, rows)
    photos = [Photo(row.source, read_rgb(dataset / row.file_name)) for row in _plain(rows, 0)]
    done = harmless(reader, photos)
    scored = [one.scored for one in sent if delivery_of(one.scored) in DELIVERIES]
    parts = slices(scored, trained, crossed=True)
    damage = _folder(reader, DAMAGE, given.real_defects, given.real_limit)
    goods = _folder(reader, CATALOGUE, given.catalogue, given.real_limit)
    edits = real_edits(reader, given.real_edits, given.real_limit, given.rounds) if given.real_edits else []
    found = Measurements(
        scored=scored,
        checks=[*check_all(parts), *_other_checks(done, [*damage, *goods], edits)],
        flips=flips([one.scored for one in sent], given.rounds),
        trained=trained,
        damage=damage,
        goods=goods,
        balance=defect_balance(damage, scored, given.rounds),
        edits=edits,
        left_out=read_left_out(given.left_out),
        cost=measure_cost(reader, given.bundle) if given.bundle else None,
        controls=[
            controls.conditions_alone(scored),
            _format_swap(reader, photos, [read_rgb(dataset / row.file_name) for row in _plain(rows, 1)]),
            *region_controls(reader, photos, given.generators, given.autoencoders),
        ],
        rounds=given.rounds,
    )
    lines = _peer_lines(reader, peers, dataset, rows, sent, given)
    facts = {
        "model": f"{detector.name.name} {detector.name.version} ({detector.name.sha256[:12]})",
        "dataset": f"{dataset.name}, {given.split} split, version {manifest.version(everything)[:12]}",
        "photos": len({row.source for row in rows}),
        "masters": f"{len(rows)}, of them {sum(row.label for row in rows)} manipulated",
        "pictures": len(sent),
        "trained_generators": ", ".join(trained),
        "command": "refundlens evaluate --help",
        **(context or {}),
    }
    measured = table(parts, given.rounds)
    return write(Results(facts, targets(found), found, measured, _resized(sent), done, lines), out)


def _plain(rows: Sequence[Row], label: int) -> list[Row]:
    """One master of the label for each source photo, without harmless processing."""
    return one_a_photo([row for row in rows if not row.benign], label)


def _format_swap(reader: Reader, authentic: Sequence[Photo], edited: Sequence[Pixels]) -> Control:
    return controls.format_swap(
        [one.pixels for one in authentic], edited, lambda data: reader.read(data).probability
    )


def _folder(reader: Reader, name: str, folder: Path | None, limit: int | None) -> list[Authentic]:
    return authentic_folder(reader, name, folder, limit) if folder else []


def _other_checks(
    done: Sequence[Harmless], folders: Sequence[Authentic], edits: Sequence[Edits]
) -> list[BoundCheck]:
    """Whether the bound holds on authentic pictures that are in no slice of the sweep."""
    return [
        *(held(one.group, one.name, one.judged, one.fake, one.stated) for one in done if one.judged),
        *(
            held(one.name, one.delivery, one.judged, one.called.get("fake", 0), one.stated)
            for one in folders
            if one.judged
        ),
        *(
            held("originals of real edits", f"{one.generator}, {one.delivery}", one.judged,
                 one.originals_called.get("fake", 0), one.stated)
            for one in edits
            if one.judged
        ),
    ]  # fmt: skip


def _peer_lines(
    reader: Reader,
    peers: Sequence[Peer],
    dataset: Path,
    rows: Sequence[Row],
    sent: Sequence[Sent],
    given: SuiteOptions,
) -> list[PeerLine]:
    if not peers:
        return []
    chosen = set(sorted({row.source for row in rows})[: given.peer_limit])
    some = [row for row in rows if row.source in chosen]
    return side_by_side(reader, peers, dataset, some, [one.scored for one in sent], given.rounds)


def _resized(sent: Sequence[Sent]) -> dict[str, float]:
    """Share of masters whose scale each delivery changed."""
    by_delivery: dict[str, list[bool]] = {}
    for one in sent:
        by_delivery.setdefault(str(one.scored.row.delivery["name"]), []).append(one.resized)
    return {name: sum(found) / len(found) for name, found in by_delivery.items()}
