"""Reports of fake photos: made by a click, screened, decided, appealed, refused upon.

In: HTTP requests and the worker's findings. Out: changes made by `serving.workflow.machine`, and what each side may see
of a report. `repository` finds, `service` has things happen, `view` shows, `screening` and `claims` judge the photos.
"""
