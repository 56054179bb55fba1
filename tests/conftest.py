"""What holds for every test: how Hypothesis searches.

A property has no deadline of its own: on a busy machine it would fail for that alone. `make quick` searches by the
profile `dev`: few examples, and a failing one is told as it was found; `make test` makes it small.
"""

import gc

from hypothesis import HealthCheck, Phase, settings

settings.register_profile("all", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile(
    "dev", settings.get_profile("all"), max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
settings.load_profile("all")


def pytest_collection_finish() -> None:
    """What was imported for all tests stays to their end: looked through at each of Python's collections of garbage, it
    takes a tenth of their time."""
    gc.collect()
    gc.freeze()
