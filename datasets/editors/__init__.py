"""Ways to make a photo lie. Each editor is one file behind `datasets.editors.base.Editor`.

In: an `EditRequest` (the photo, the same photo with a defect painted on, where the defect is).
Out: an `Edit` (the changed picture, which pixels changed, what kind of manipulation it is, by which generator).
"""
