"""Why a message did not arrive, in the reader's words: what is stored is English, for logs and the API.

In: an error as deliveries and endpoints have it. Out: a sentence of `texts/{language}/undelivered.toml`, found by how
the error begins; what the other side answered stays in its own words, as a quotation. A test holds every error that
deliveries store against that table.
"""

from refundlens.serving.kit.language import Language, texts


def undelivered(error: str, language: Language) -> str:
    """An error that no sentence knows is called what it is: not delivered, in its own words."""
    says: dict[str, str] = texts("undelivered", language)["says"]
    begins = max((one for one in says if error.startswith(one)), key=len, default="")
    return says[begins].format(said=error[len(begins) :].strip())
