"""A network's scores -> probabilities that mean what they say and thresholds that keep their bound.

In: a run's network and the photos that calibrate. Out: a `model.verdict.calibration.Calibration`, with the table of
where the heat map is to be trusted.
"""
