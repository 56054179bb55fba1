"""Whom the settings name to run batches. What each of them needs is imported only where it is named."""

from refundlens.serving.remote.batches import RemoteEngine
from refundlens.serving.settings import Settings


def open_remote(settings: Settings) -> RemoteEngine | None:
    """Whom the settings name; none where this process runs its batches itself. Raises SettingsError."""
    if settings.engine == "triton":
        from refundlens.serving.remote.triton import Triton

        return Triton(settings.engine_url, settings.engine_calls)
    if settings.engine == "ray":
        from refundlens.serving.remote.ray_serve import RayServe

        return RayServe(settings.engine_url, settings.engine_calls)
    return None
