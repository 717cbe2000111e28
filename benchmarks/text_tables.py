"""Tables in Markdown."""

from collections.abc import Callable, Sequence


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *rows))


def bold(values: Sequence[float], best: Callable, digits: int = 3) -> list[str]:
    """Values as text, the best in bold unless all are alike, and a dash where there is none."""
    texts = [f"{value:.{digits}f}" for value in values]
    known = [text for text in texts if text != "nan"]
    if not known:
        return ["-"] * len(values)
    winner = best(known, key=float)
    return [f"**{text}**" if text == winner and len(set(known)) > 1 else text for text in texts]
