"""What commands share in reading options."""

from sigbench.errors import BadInput


def split_names(text: str) -> list[str]:
    """Returns the non-empty parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def split_ints(text: str, option: str) -> list[int]:
    """Returns the integers of a comma-separated list; raises BadInput for anything else."""
    numbers = []
    for part in split_names(text):
        try:
            numbers.append(int(part))
        except ValueError:
            raise BadInput(f"{option} takes whole numbers, such as 5,10,20; {part!r} is none.") from None
    return numbers


def parse_share(text: str | None, option: str) -> float | None:
    """Returns a share, "5%" or "0.05", as a number, None for None; raises BadInput for anything else."""
    if text is None:
        return None
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise BadInput(f"{option} takes a share, such as 5% or 0.05; {text!r} is none.") from None
