"""Writes what Ray needs to run batches: a configuration of Ray Serve.

In: how many replicas, and what each takes. Out: YAML for `serve deploy`; the same file with other numbers changes a
running application without an outage.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

APPLICATION = "refundlens.serving.remote.ray_app:app"
APP, DEPLOYMENT = "refundlens", "Scorer"
"""By which those who ask find it on the cluster."""
ONGOING = 2
"""Batches that a replica holds: one is computed while the next one's tiles come."""
BUSY = 1.2
"""Batches under way for each replica from which on Ray starts more: above 1, all of them compute all the time."""
UPSCALE_SECONDS, DOWNSCALE_SECONDS = 5.0, 120.0
"""How long there are too many, or too few, batches before replicas are started, or stopped: a GPU takes half a
minute to be ready, so stopping early costs more than idling."""
HEALTH_SECONDS = 3.0
"""Between looks at a replica; one that hangs is replaced after three that went unanswered."""


@dataclass(frozen=True)
class RayOptions:
    """gpus, cpus: of one replica; a fraction of a GPU lets several share it. fewest, most: replicas."""

    fewest: int = 1
    most: int = 8
    gpus: float = 0.0
    cpus: float = 1.0


def serve_config(options: RayOptions) -> dict[str, Any]:
    """Ray's ServeDeploySchema. Nobody reaches it over HTTP: batches come by handles."""
    resources = {"num_cpus": options.cpus, "num_gpus": options.gpus}
    scaling = {
        "min_replicas": options.fewest,
        "max_replicas": options.most,
        "target_ongoing_requests": BUSY,
        "upscale_delay_s": UPSCALE_SECONDS,
        "downscale_delay_s": DOWNSCALE_SECONDS,
    }
    scorer = {
        "name": DEPLOYMENT,
        "max_ongoing_requests": ONGOING,
        "ray_actor_options": resources,
        "autoscaling_config": scaling,
        "health_check_period_s": HEALTH_SECONDS,
        "health_check_timeout_s": 3 * HEALTH_SECONDS,
    }
    application = {
        "name": APP,
        "route_prefix": None,
        "import_path": APPLICATION,
        "deployments": [scorer],
    }
    return {"proxy_location": "Disabled", "applications": [application]}


def write_config(out: Path, options: RayOptions) -> None:
    """Raises OSError."""
    out.write_text(yaml.safe_dump(serve_config(options), sort_keys=False), encoding="utf-8")
