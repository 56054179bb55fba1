"""Planted faults fit the sources as they are now: a table of faults that cannot be planted says nothing."""

from tests.planted import FAULTS, ROOT, PlantedFault, table, unfit


def test_every_fault_can_be_planted_and_is_looked_for_somewhere() -> None:
    assert unfit(FAULTS) == []
    assert not [one.what for one in FAULTS if one.right == one.wrong or not (ROOT / one.tests).is_file()]
    assert len({one.what for one in FAULTS}) == len(FAULTS)


def test_an_edit_that_fits_nowhere_is_named_and_a_fault_that_nobody_finds_stands_in_the_table() -> None:
    gone = PlantedFault("a fault", "model/network/tiles.py", "no such line", "", "tests/test_planted.py")
    assert unfit([gone]) == ["model/network/tiles.py: `no such line` stands there 0 times, not once"]
    told = table([(gone, []), (gone, ["test_it"])])
    assert "# 2 planted faults, 1 found" in told and "NOT FOUND" in told and "| `test_it` |" in told
