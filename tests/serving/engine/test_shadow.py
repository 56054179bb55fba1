"""What came of a shadow's comparisons: counted once, by both verdicts, over processes; whom to look at first."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from refundlens.model.detection import ModelName
from refundlens.serving.engine.shadow import WORST, Contrast, Shadow, ShadowTally, worst_of
from refundlens.serving.registry import repository
from refundlens.serving.storage.database import Database

ELDER, CHAMPION, CHALLENGER = (
    ModelName(name="tiny", version=version, sha256=version * 64) for version in ("0", "1", "2")
)
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def _contrast(number: int, first: str, second: str, difference: float) -> Contrast:
    return Contrast(f"{number:064x}", (first, second), difference)


def _tally(*contrasts: Contrast) -> ShadowTally:
    tally = ShadowTally(CHAMPION, CHALLENGER)
    for one in contrasts:
        tally.add(one, (0.25, 0.5))
    return tally


def test_other_verdicts_come_before_mere_differences_and_each_photo_once() -> None:
    same = [_contrast(index, "fake", "fake", 0.9) for index in range(WORST)]
    other = [_contrast(100 + index, "fake", "inconclusive", 0.1 + index / 100) for index in range(3)]
    again = _contrast(0, "fake", "fake", 0.95)
    found = worst_of([*same, *other, again])
    assert found[:3] == other[::-1] and found[3] == again
    assert len(found) == WORST and len({one.sha256 for one in found}) == WORST


def test_a_tally_says_what_each_of_the_two_took_and_said() -> None:
    tally = _tally(_contrast(1, "fake", "authentic", 0.8), _contrast(2, "fake", "fake", 0.1))
    assert (tally.photos, tally.same_verdict, tally.seconds) == (2, 1, (0.5, 1.0))
    assert tally.mean(tally.difference) == 0.45
    assert ShadowTally(CHAMPION, CHALLENGER).mean(0.0) == 0.0


def test_what_several_processes_counted_is_added_up(database: Database) -> None:
    first = _tally(_contrast(1, "fake", "authentic", 0.8), _contrast(2, "fake", "fake", 0.1))
    second = _tally(_contrast(3, "authentic", "fake", 0.9))
    elsewhere = ShadowTally(ELDER, CHALLENGER)
    elsewhere.add(_contrast(4, "fake", "fake", 0.3), (1.0, 1.0))
    for tallies in ([first], [second, elsewhere]):
        with database.transaction() as session:
            repository.keep_tallies(session, tallies, NOW)
    with database.reading() as session:
        rows = {row.champion: row for row in repository.shadow_agreements(session, CHALLENGER.sha256)}
        assert set(rows) == {CHAMPION.sha256, ELDER.sha256}, "each champion apart"
        row = rows[CHAMPION.sha256]
        assert (row.photos, round(row.difference, 6)) == (3, 1.8)
        assert (row.champion_seconds, row.challenger_seconds) == (0.75, 1.5)
        assert row.verdicts == {"fake>authentic": 1, "fake>fake": 1, "authentic>fake": 1}
        assert [one[0] for one in row.worst] == [f"{number:064x}" for number in (3, 1, 2)]
        assert repository.shadow_agreements(session, CHAMPION.sha256) == []


def test_a_share_of_photos_is_chosen_by_their_hash(monkeypatch: Any) -> None:
    """The same ones in every process; a smaller share is part of a larger."""

    class Lane:
        class detector:
            name = CHALLENGER

    class Seen:
        def __init__(self, number: int) -> None:
            self.sha256 = f"{number * 2**32 // 1000:08x}" + "0" * 56

    def chosen(share: float) -> set[int]:
        wants: Callable[[Any], bool] = Shadow(Lane(), share, None).wants  # type: ignore[arg-type]
        return {number for number in range(1000) if wants(Seen(number))}

    assert chosen(0) == set() and len(chosen(1)) == 1000
    assert len(chosen(0.25)) == 250 and chosen(0.1) < chosen(0.25)
