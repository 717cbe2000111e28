"""What the four parts are called and how they are coloured, everywhere."""

__all__ = ["COLORS", "LETTERS", "NAMES", "SYMBOLS"]

NAMES = ("redundancy", "unique 1", "unique 2", "synergy")
"""Names of the four parts, in the order of `Interactions`."""

SYMBOLS = ("r", "u1", "u2", "s")
"""Of a sample's parts, in the order of `Interactions`."""

LETTERS = ("R", "U1", "U2", "S")
"""Of their means, as in the paper's tables."""

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
"""One colour a part; Okabe & Ito's palette, safe for colour-blind readers."""
