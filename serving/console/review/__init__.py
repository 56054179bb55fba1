"""The console's pages for adjudicators and engineers: queues, the workbench, models.

In: a visit. Out: HTML. `queues` lists, `bench` shows one report with all that helps to decide it, `deciding` takes its
forms, `pictures` draws its images, `models` shows what runs and how it drifts. Queries are in `repository`; what is
decided goes through `serving.reports.service`, as over the API.
"""

from fastapi import APIRouter

from serving.console.review import bench, deciding, models, pictures, queues

ROUTERS: tuple[APIRouter, ...] = tuple(one.router for one in (queues, bench, deciding, pictures, models))
