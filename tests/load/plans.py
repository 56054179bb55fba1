"""Asks the database how it answers the very queries that a request makes.

In: an engine, watched while requests are made. Out: each query with its plan in lines, and what is wrong with it: a
table read from end to end, or rows sorted that an index could have given in order.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, PrimaryKeyConstraint, UniqueConstraint, event

from refundlens.serving.storage.base import Base

GROWING = frozenset(
    {"refund", "image", "detection", "report", "appeal", "decision", "photo_request", "refusal", "integrity_entry",
     "label", "complaint", "outbox_event", "webhook_delivery", "audit_event", "job"}
)  # fmt: skip
"""Tables that grow with the reports. Those of tenants, keys and endpoints may be read whole."""
MANY_SORTED = 500
"""Rows that PostgreSQL may sort: it often finds a report's few rows first and puts them in order then, which is fast;
sorting more than ten pages' worth means that an index is missing."""
SMALL_TABLE = 5_000
"""Rows of a table that PostgreSQL may read whole: that is a millisecond, and less than an index would take."""
Statement = tuple[str, Any]
_AUTOMATIC = re.compile(r"sqlite_autoindex_(\w+)_\d+")
_FROM = re.compile(r"\bFROM (\w+)")


@dataclass
class Plan:
    """lines: as the database tells it. wrong: what must not be, in words; empty for a good one."""

    statement: str
    lines: list[str]
    wrong: list[str] = field(default_factory=list)


@contextmanager
def watched(engine: Engine) -> Iterator[list[Statement]]:
    """The queries made meanwhile, each text once."""
    seen: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            seen.setdefault(statement, parameters[0] if many else parameters)

    found: list[Statement] = []
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)
        found.extend(seen.items())


def explain(engine: Engine, statement: Statement) -> Plan:
    """The plan of a query, with its own parameters. Changes nothing."""
    return _sqlite(engine, *statement) if engine.dialect.name == "sqlite" else _postgresql(engine, *statement)


def _sqlite(engine: Engine, statement: str, parameters: Any) -> Plan:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        lines = [_named(connection, str(row[3])) for row in rows]
    main = _FROM.search(statement)
    grows = main is not None and main[1] in GROWING
    wrong = [line for line in lines if grows and line.startswith("USE TEMP B-TREE")]
    wrong += [line for line in lines if line.startswith("SCAN ") and line.split()[1] in GROWING]
    return Plan(statement, lines, wrong)


def _named(connection: Connection, line: str) -> str:
    """With the names of constraints that SQLite numbers."""
    found = _AUTOMATIC.search(line)
    if found is None:
        return line
    columns = {row[2] for row in connection.exec_driver_sql(f"PRAGMA index_info({found[0]})")}
    for constraint in Base.metadata.tables[found[1]].constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint) and columns == set(
            constraint.columns.keys()
        ):
            return line.replace(found[0], str(constraint.name))
    return line


def _postgresql(engine: Engine, statement: str, parameters: Any) -> Plan:
    with engine.connect() as connection:
        asked = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
        found = connection.exec_driver_sql(asked, parameters).scalar_one()
        connection.rollback()
    plan = Plan(statement, [])
    _walk(found[0]["Plan"], 0, plan)
    return plan


def _walk(node: dict[str, Any], depth: int, plan: Plan) -> None:
    kind, table, index = node["Node Type"], node.get("Relation Name"), node.get("Index Name")
    words = [kind, f"on {table}" if table else "", f"using {index}" if index else ""]
    rows = node.get("Actual Rows", 0) * node.get("Actual Loops", 1)
    line = "  " * depth + " ".join(word for word in words if word) + f", {rows:.0f} rows"
    plan.lines.append(line)
    if kind == "Seq Scan" and table in GROWING and rows + node.get("Rows Removed by Filter", 0) > SMALL_TABLE:
        plan.wrong.append(line.strip())
    children = node.get("Plans", [])
    if kind in ("Sort", "Incremental Sort"):
        sorted_rows = sum(child.get("Actual Rows", 0) * child.get("Actual Loops", 1) for child in children)
        if sorted_rows > MANY_SORTED:
            plan.wrong.append(f"{line.strip()}, of {sorted_rows:.0f}")
    for child in children:
        _walk(child, depth + 1, plan)
