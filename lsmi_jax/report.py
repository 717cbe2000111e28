"""Tables of interactions (extra ``[table]``: pandas)."""

from typing import TYPE_CHECKING

import numpy as np

from lsmi_jax.pairs import Pairs
from lsmi_jax.parts import LETTERS

if TYPE_CHECKING:
    import pandas

__all__ = ["pairs_table"]


def pairs_table(pairs: Pairs) -> "pandas.DataFrame":
    """Mean interactions of every pair of modalities, as in Table 7 of Yang et al. (2025), with standard errors.

    Args:
        pairs: From `lsmi_jax.estimate_pairs`.

    Returns:
        A row for each pair, labelled ``first`` and ``second``; columns ``R``, ``U1``, ``U2``, ``S`` under ``raw``,
        ``raw error``, ``adjusted`` and ``adjusted error``, in nats. U1 is unique to the first, U2 to the second.

    Raises:
        ImportError: If pandas is absent.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("pairs_table needs pandas: pip install 'lsmi-jax[table]'") from error
    columns: dict[tuple[str, str], np.ndarray] = {}
    for kind in ("raw", "adjusted"):
        summary = pairs.means(adjusted=kind == "adjusted")
        for name, means in ((kind, summary.mean), (f"{kind} error", summary.standard_error)):
            columns |= {(name, part): np.asarray(mean) for part, mean in zip(LETTERS, means, strict=False)}
    index = pandas.MultiIndex.from_tuples(pairs.pairs, names=("first", "second"))
    return pandas.DataFrame(columns, index=index)
