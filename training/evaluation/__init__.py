"""Measures a detector: slices, controls, calibration, the suite; and writes the report and the model card.

In: a bundle or run, and a dataset's split. Out: report.json, report.md, plots, card.md. The unit is the source photo.
"""
