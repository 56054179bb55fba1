"""What users touch: the command line, the HTTP API and the console. Builds on `model`, never imports torch.

In: requests with picture bytes. Out: the JSON, pages and heat maps that the contract names.
"""
