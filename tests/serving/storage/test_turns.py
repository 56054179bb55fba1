"""Turns: one at a time, in the order of coming, and an end to waiting."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as NoTurn

from refundlens.serving.storage.database import Database, WriterQueue


def test_turns_are_taken_one_at_a_time_in_the_order_of_coming() -> None:
    turns, order = WriterQueue(30), []

    def wait(number: int) -> None:
        with turns.turn():
            order.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(8)]
    with turns.turn():
        for number, thread in enumerate(threads):
            thread.start()
            while len(turns._waiting) <= number:
                pass
        assert order == []
    for thread in threads:
        thread.join(30)
    assert order == list(range(8))
    with turns.turn():
        pass  # free again


def test_waiting_ends() -> None:
    turns = WriterQueue(0.01)
    with turns.turn():
        with pytest.raises(NoTurn), turns.turn():
            pass
        assert not turns._waiting
    with turns.turn():
        pass


def test_a_writer_that_fails_gives_its_turn_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction():
        raise ZeroDivisionError
    with database.transaction() as session:
        assert session.execute(text("SELECT count(*) FROM tenant")).scalar_one() == 2
