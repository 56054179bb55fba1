"""How often texts in older encodings are read right, beside libraries that guess encodings.

    pip install chardet charset-normalizer
    python -m tests.load.old_encodings [--texts 250]

Texts are the system's own translations of its programs (/usr/share/locale).
"""

import argparse
import gettext
import random
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from refundlens.model.photo.old_encodings import guess_old

LOCALES = Path("/usr/share/locale")
ENCODINGS = (
    ("gb18030", "zh_CN"), ("big5", "zh_TW"), ("shift_jis", "ja"), ("euc_jp", "ja"), ("euc_kr", "ko"),
    ("windows-1251", "ru"), ("koi8-r", "ru"), ("windows-1253", "el"), ("iso8859-7", "el"), ("windows-1255", "he"),
    ("windows-1256", "ar"), ("windows-1250", "pl"), ("windows-1250", "cs"), ("windows-1250", "sk"),
    ("windows-1250", "hu"),
    *(("windows-1252", language) for language in ("de", "fr", "es", "pt", "it", "sv")),
    *(("windows-1252", language) for language in ("fi", "da", "nb", "nl", "et", "ca")),
)  # fmt: skip
LENGTHS = ((2, 4), (5, 12), (13, 40))
SEED = 1


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("--texts", type=int, default=250, help="of each encoding and length")
    most = asked.parse_args().texts
    chardet: Any = import_module("chardet")
    normalizer: Any = import_module("charset_normalizer")
    guesses: dict[str, Callable[[bytes], str]] = {
        "ours": guess_old,
        "chardet": lambda raw: raw.decode(chardet.detect(raw)["encoding"] or "latin-1", "replace"),
        "charset-normalizer": lambda raw: str(normalizer.from_bytes(raw).best()),
    }
    for encoding, language in ENCODINGS:
        known = [text.replace("\n", " ") for text in _translations(language)]
        random.Random(SEED).shuffle(known)
        for low, high in LENGTHS:
            pairs = list(_encoded(known, encoding, low, high))[:most]
            right = {name: sum(guess(raw) == text for text, raw in pairs) for name, guess in guesses.items()}
            shares = ", ".join(f"{name} {count / max(1, len(pairs)):.2f}" for name, count in right.items())
            print(
                f"{encoding} {language}, {low} to {high} characters, {len(pairs)} texts: {shares}", flush=True
            )


def _translations(language: str) -> Iterator[str]:
    for path in sorted((LOCALES / language / "LC_MESSAGES").glob("*.mo")):
        try:
            with path.open("rb") as file:
                catalogue: dict[Any, str] = vars(gettext.GNUTranslations(file))["_catalog"]
        except UnicodeDecodeError:  # a few are in an older encoding themselves, and do not say so
            continue
        yield from catalogue.values()


def _encoded(texts: list[str], encoding: str, low: int, high: int) -> Iterator[tuple[str, bytes]]:
    """Beginnings of texts that are not plain ASCII, with their bytes."""
    for text in (one[:high] for one in texts if len(one) >= low):
        try:
            raw = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        if not text.isascii():
            yield text, raw


if __name__ == "__main__":
    main()
