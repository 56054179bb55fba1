"""The console's pages for adjudicators and engineers: queues, the workbench, models.

In: a visit. Out: HTML. `queues` lists, `sharing` gives each judge a case of their own, `workbench` shows one report
with all that helps to decide it, `decisions` takes its forms, `pictures` draws its images, `models` shows what runs and
how it drifts. Queries are in `repository`; what is
decided goes through `serving.reports.service`, as over the API.
"""

from fastapi import APIRouter

from refundlens.serving.console.review import (
    decisions,
    models,
    pictures,
    queues,
    sharing,
    versions,
    workbench,
)

ROUTERS: tuple[APIRouter, ...] = tuple(
    one.router for one in (queues, sharing, workbench, decisions, pictures, versions, models)
)
