"""What people and programs touch: command line, HTTP API, page.

In: files, requests. Out: the contract's JSON, tables, pages. Builds on `model` only and never imports torch; the verbs
that make data or train import `datasets` and `training` when they run.

cli.py + commands/   the `refundlens` command, one file a verb
app.py               puts the service together; settings.py is the only reader of the environment
detect_api.py        POST /v1/detect and the stored results; intake.py reads bodies, admission.py says no in time
page.py + web/       the page for people; demo.py draws its sample refunds
"""
