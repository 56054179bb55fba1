"""The registry of models: which versions there are, which of them judges, and how every process follows.

In: bundles, and what engineers decide. Out: one champion for the whole installation, audited and told by webhook;
`follower` has this process run it. The registry belongs to no tenant. docs/models.md tells the rules.
"""
