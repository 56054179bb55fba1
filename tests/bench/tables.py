"""Prints what was measured. In: the JSON objects of `rounds` and `soak`. Out: tables for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.rounds import BARE, FACTORS

Figures = Mapping[str, Any]


def show_rounds(results: Figures, console: Console) -> None:
    """Speed, then overload, then what could not be measured."""
    servers: Figures = results["servers"]
    console.print(_speed(results, servers))
    capacity = results["capacity_per_second"]
    if capacity:
        console.print(_overload(results, servers, capacity))
    for name, why in results["failed"].items():
        console.print(f"{name} failed: {why}", markup=False)
    for name, one in servers.items():
        for load, figures in one.items():
            if isinstance(figures, dict) and (figures.get("wrong_count") or figures.get("lost_count")):
                counts = f"{figures['wrong_count']} wrong, {figures['lost_count']} lost"
                console.print(f"{name}, {load}: {counts}: {figures['errors']}", markup=False)


def show_soak(found: Figures, console: Console) -> None:
    """Fates, models and memory."""
    table = Table(
        "minutes",
        "requests",
        "in time/s",
        "p50 ms",
        "p99 ms",
        "refused",
        "expired",
        "late",
        "bad",
        "lost",
        "wrong",
    )
    table.add_row(
        _number(found["minutes"], 1), str(found["requests"]), _number(found["goodput_per_second"], 2),
        _number(found["p50_ms"]), _number(found["p99_ms"]), str(found["refused_count"]),
        str(found["expired_count"]), str(found["late_count"]), str(found["bad_requests"]),
        str(found["lost_count"]), str(found["wrong_count"]),
    )  # fmt: skip
    console.print(table)
    models = ", ".join(f"{one['model']}: {one['answers']}" for one in found["answers_by_model"])
    memory = found["memory"]
    console.print(f"answers by model: {models}", markup=False)
    console.print(
        f"memory: {_number(memory['mb_at_first'])} to {_number(memory['mb_at_last'])} MB, "
        f"{_number(memory['mb_per_minute'], 2)} MB a minute",
        markup=False,
    )


def _speed(results: Figures, servers: Figures) -> Table:
    clients = results["clients"]
    table = Table(
        "server", "1 client p50 ms", "p99", f"{clients} clients photos/s", "p50 ms", "p99", "CPU ms a photo",
        "peak MB", "processes", "cold start s", title="Speed, medians of the rounds",
    )  # fmt: skip
    for name, one in servers.items():
        if name == BARE:
            for loop in ("network", "judged"):
                part = one[loop]
                table.add_row(
                    f"bare, {loop}", _number(part["alone"]["p50_ms"]), _number(part["alone"]["p99_ms"]),
                    _number(part["photos_per_second"], 2), "", "", _number(part["cpu_ms"]),
                    _number(one["peak_mb"]), "1", "",
                )  # fmt: skip
            continue
        alone, busy = one["closed_1"], one["closed_n"]
        table.add_row(
            name, _number(alone["p50_ms"]), _number(alone["p99_ms"]), _number(busy["photos_per_second"], 2),
            _number(busy["p50_ms"]), _number(busy["p99_ms"]), _number(busy["cpu_ms_per_photo"]),
            _number(one["peak_mb"]), _number(one["processes"]), _number(one["cold_seconds"], 1),
        )  # fmt: skip
    return table


def _overload(results: Figures, servers: Figures, capacity: float) -> Table:
    table = Table(
        "server", "load", "offered/s", "in time/s", "p50 ms", "p99", "refused", "expired", "late", "lost", "wrong",
        title=f"Photos answered within {results['deadline_ms']:.0f} ms; capacity counts as {capacity:.2f} a second",
    )  # fmt: skip
    for factor in FACTORS:
        for name, one in servers.items():
            if name == BARE:
                continue
            load = one.get(f"open_{factor}")
            if load is None:
                table.add_row(name, f"{factor} x", "", "did not recover")
                continue
            table.add_row(
                name, f"{factor} x", f"{load['offered_per_second']:.2f}", _number(load["goodput_per_second"], 2),
                _number(load["p50_ms"]), _number(load["p99_ms"]),
                *(str(load[f"{fate}_count"]) for fate in ("refused", "expired", "late", "lost", "wrong")),
            )  # fmt: skip
        table.add_section()
    return table


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:.{digits}f}"
