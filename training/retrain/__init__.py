"""From a snapshot of judged photos to a candidate for the registry, in steps that each go on where they were stopped.

In: a snapshot, the champion's weights and bundle, the collection and crops it was made from, a frozen suite. Out: a
folder with the candidate's bundle, the gate's verdict and one report.
"""
