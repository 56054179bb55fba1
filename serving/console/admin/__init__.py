"""The console's pages for administrators: people and keys, webhooks, audit log, complaints, buyers, settings, health.

In: a visit. Out: HTML, and forms whose work the subjects' own services do, which audit each. What cannot be undone asks
first: its form brings `sure`, and buyers are erased by typing who is meant.
"""

from fastapi import APIRouter

from refundlens.serving.console.admin import audit_log, buyers, complaints, health, keys, tenants, webhooks

ROUTERS: tuple[APIRouter, ...] = tuple(
    one.router for one in (keys, webhooks, audit_log, complaints, buyers, tenants, health)
)
