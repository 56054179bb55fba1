"""What the model's answers say to people, in English and Chinese: TOML files with the same keys in both folders.

In: an area (a file's name) and a language. Out: its table (`reader`). Sentences have named places for values.
"""
