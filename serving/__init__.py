"""What people and programs touch: command line, HTTP API, pages, worker.

In: files, requests. Out: the contract's JSON, tables, pages. Builds on `model` only and never imports torch; the verbs
that make data or train import `datasets` and `training` when they run.

In layers, which tests/test_layers.py holds: cli -> app -> jobs, console, evidence -> reports -> detection -> demo,
complaints, drift -> refunds, buyers, labels, registry, webhooks -> platforms, drawing -> workflow, identity ->
engine, http -> remote, events, observability -> storage -> kit, settings,
client, capacity.
"""
