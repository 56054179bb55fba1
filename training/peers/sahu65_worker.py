"""sahu65 in a Python of its own: run as a script by `training.peers.sahu65`, never imported by anything that serves.

In, a line each: {"picture": base64 of a file's bytes}. Out, a line each: first {"ready": true}, then
{"score": number or null} or {"error": text}. Imports the standard library and sahu65 only. Ends with its input.
"""

import base64
import importlib
import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

THREADS = 1
"""Threads of its ONNX session; scores are the same with its default of 8, which would take the benchmark's cores."""

Score = Callable[[bytes], float | None]


def settings(config: Any) -> Any:
    """Its settings with everything fixed that changes a number and that it else reads from environment and ./.env."""
    return config.Settings(
        _env_file=None,
        model_dir=config.BUNDLED_MODELS,
        config_dir=config.BUNDLED_CONFIG,
        ort_intra_threads=THREADS,
        enable_c2pa=False,  # pixels only, as our own probability: a manifest would set 0.99
    )


def load() -> Score:
    """Its detector with the weights loaded. Raises ModuleNotFoundError, and what sahu65 raises."""
    package, config, limits = (
        importlib.import_module(name) for name in ("sahu65", "sahu65.config", "sahu65.core.limits")
    )
    detector = package.LocalDetector(settings(config)).warm()

    def score(picture: bytes) -> float | None:
        try:
            return float(detector.detect_bytes(picture).ai_probability)
        except limits.UnsupportedTypeError:
            return None

    return score


def work(requests: TextIO, answers: TextIO, load: Callable[[], Score] = load) -> None:
    """Load, then answer until `requests` ends. A picture that fails does not end it; a failing load does."""

    def say(answer: dict[str, object]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        score = load()
    except Exception as error:
        say({"error": f"{type(error).__name__}: {error}"})
        return
    say({"ready": True})
    for line in requests:
        try:
            say({"score": score(base64.b64decode(json.loads(line)["picture"]))})
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    protocol, sys.stdout = sys.stdout, sys.stderr  # whatever the packages print must not mix with the answers
    work(sys.stdin, protocol)
