"""What stands for a character that an encoding does not have: ASCII that reads alike, and never an error."""

import codecs
import unicodedata

HANDLER = "sigbench-ascii"  # the name of the error handler of codecs
_ALIKE = dict(zip("·–—−×≈★∅∂′″•µμ“”‘’øØłL↑↓�", "----x~*0d'\"*uu\"\"''oOlL^v?", strict=True))
_SIGNS = _ALIKE | {
    "…": "...",
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "∞": "inf",
    "∫": "int ",
    "√": "sqrt ",
    "∇": "grad ",
    "½": "1/2",
    "→": "->",
    "←": "<-",
    "⊥": "_|_",
    "∈": "in",
    "‖": "||",
    "°": "deg",
    "ß": "ss",
    "λ": "lambda",  # which Unicode spells otherwise
    "Λ": "Lambda",
}
_GREEK = "GREEK SMALL LETTER ", "GREEK CAPITAL LETTER "


def shown(text: str, encoding: str) -> str:
    """Returns a text as a stream of this encoding can print it: what the encoding lacks in ASCII, the rest as it is."""
    if encoding.startswith("utf"):
        return text
    try:
        return text.encode(encoding, HANDLER).decode(encoding)
    except LookupError:  # an encoding that Python does not know
        return text.encode("ascii", HANDLER).decode("ascii")


def _ascii(character: str) -> str:
    """A sign's own word, a Greek letter's name, a letter without its accents, or "?"."""
    if character in _SIGNS:
        return _SIGNS[character]
    if unicodedata.combining(character):
        return ""
    name = unicodedata.name(character, "")
    if name.startswith(_GREEK):
        word = name.rpartition(" LETTER ")[2].partition(" ")[0].lower()
        return word.capitalize() if "CAPITAL" in name else word
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii") or "?"


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_ascii, error.object[error.start : error.end])), error.end


codecs.register_error(HANDLER, _replace)
