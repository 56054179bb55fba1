"""Trains small generators of our own: autoencoders and inpainters whose edits are training material.

In: real photos. Out: one `<name>.pt` each, which `datasets.editors` reads. A killed run resumes to the same weights.
"""
