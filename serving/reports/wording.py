"""Words of a dispute in the language of who reads them.

In: what was written. Out: the same, but for sentences of our own: the standard sentence of a reason, which a judge left
as it was, and the demo's.
"""

from functools import cache

from refundlens.model.texts.reader import LANGUAGES
from refundlens.serving.demo.samples import in_one_language
from refundlens.serving.kit.language import Language, texts


def in_reader_s_language(text: str, language: Language) -> str:
    code = _standard_sentences().get(text)
    return texts("queue", language)["sentences"][code] if code else in_one_language(text, language)


@cache
def _standard_sentences() -> dict[str, str]:
    """Code of the reason by sentence."""
    sentences = [texts("queue", language)["sentences"] for language in LANGUAGES]
    return {sentence: code for said in sentences for code, sentence in said.items()}
