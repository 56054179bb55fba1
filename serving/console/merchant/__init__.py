"""The merchant's pages: open refunds, one refund, one report, and the pictures in them.

Data comes in by the repositories of refunds and reports and by one of this package's own (`repository`), is put into
words' order by `shown`, and goes out through the templates of `console/merchant`. What a form asks is done by the same
services as the API's.
"""

from fastapi import APIRouter

from refundlens.serving.console.merchant import cases, history, pictures, refunds, reports, statistics

ROUTERS: tuple[APIRouter, ...] = (
    refunds.router,
    reports.router,
    cases.router,
    history.router,
    statistics.router,
    pictures.router,
)
