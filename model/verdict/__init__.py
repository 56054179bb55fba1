"""From features to what is said: calibrated probability, thresholds with bounds, the second look, claims, reasons.

In: pooled features and the photo's condition. Out: a verdict with the bound it keeps, and sentences in English and
Chinese. NumPy alone; what was measured comes with the bundle.
"""
