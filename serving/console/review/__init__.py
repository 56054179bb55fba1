"""The console's pages for adjudicators and engineers: queues, the workbench, models.

In: a visit. Out: HTML. `queues` lists, `workbench` shows one report with all that helps to decide it, `decisions` takes
its forms, `pictures` draws its images, `models` shows what runs and how it drifts. Queries are in `repository`; what is
decided goes through `serving.reports.service`, as over the API.
"""

from fastapi import APIRouter

from refundlens.serving.console.review import decisions, models, pictures, queues, workbench

ROUTERS: tuple[APIRouter, ...] = tuple(one.router for one in (queues, workbench, decisions, pictures, models))
