"""The decomposition as a scikit-learn estimator (extra ``[sklearn]``).

Examples:
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> labels = np.array(["cat", "dog"])[np.arange(80) % 2]
    >>> X = rng.normal(size=(80, 3)) + 2 * (labels == "dog")[:, None]
    >>> LSMI(split=2, num_components=4).fit(X, labels).score_samples(X, labels).shape
    (80, 4)
"""

from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from lsmi_jax.decomposition import Redundancy, specificity_ambiguity
from lsmi_jax.estimation import fit_estimator, score
from lsmi_jax.estimation import EntropySpace

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("lsmi_jax.sklearn needs scikit-learn: pip install 'lsmi-jax[sklearn]'") from error

__all__ = ["LSMI"]


class LSMI(BaseEstimator):
    """Redundancy, uniqueness and synergy of two blocks of columns of ``X``, as `lsmi_jax.fit_estimator` and `score`.

    Samples that `fit` saw are better known than new ones: score held-out rows, or use `lsmi_jax.estimate`, which
    scores every row by models that never saw it.

    Args:
        split: Number of columns of the first modality; the others are the second's. None for half of the columns.
        entropy_space: Where surprisal is taken, "posterior" or "features", as in `lsmi_jax.estimate`.
        num_components: Components of the densities.
        redundancy: Pointwise redundancy, from information ``i1, i2, i12`` and surprisal ``h1, h2``.
        random_state: Seed, or a ``numpy.random.RandomState``; None for a seed of the moment.

    Attributes:
        classes_: The labels, in order.
        estimator_: The fitted `lsmi_jax.Estimator`.
        n_features_in_: Number of columns of both blocks.
    """

    def __init__(  # noqa: D107  (the class says what they are)
        self,
        split: int | None = None,
        *,
        entropy_space: EntropySpace = "posterior",
        num_components: int = 16,
        redundancy: Redundancy = specificity_ambiguity,
        random_state: Any = None,
    ):
        self.split = split
        self.entropy_space = entropy_space
        self.num_components = num_components
        self.redundancy = redundancy
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> "LSMI":
        """Fits discriminators and densities.

        Args:
            X: Both blocks side by side ``[n, d1 + d2]``.
            y: Labels of any kind ``[n]``.

        Returns:
            Itself.

        Raises:
            ValueError: If there are too few columns, or labels that are no classes.
        """
        X, y = validate_data(self, X, y, dtype=np.float32, ensure_min_features=2, ensure_min_samples=4)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("y: expected at least 2 classes, got 1 class")
        key = jax.random.key(check_random_state(self.random_state).randint(2**31 - 1))
        self.estimator_ = fit_estimator(
            key,
            self._blocks(X),
            labels.astype(np.int32),
            entropy_space=self.entropy_space,
            num_components=self.num_components,
        )
        return self

    def score_samples(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Interactions of every sample.

        Args:
            X: Both blocks side by side ``[n, d1 + d2]``.
            y: Labels ``[n]``, each of those that were fitted.

        Returns:
            Columns r, u1, u2, s ``[n, 4]``, in nats.

        Raises:
            ValueError: If there are other columns than those fitted, or other labels.
        """
        check_is_fitted(self)
        X, y = validate_data(self, X, y, dtype=np.float32, reset=False)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y: expected labels among those fitted, got {unknown[:5].tolist()} too")
        labels = np.searchsorted(self.classes_, y).astype(np.int32)
        parts = score(self.estimator_, self._blocks(X), labels, redundancy=self.redundancy).interactions
        return np.stack([np.asarray(part) for part in parts], axis=1)

    def _blocks(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        split = X.shape[1] // 2 if self.split is None else self.split
        if not 0 < split < X.shape[1]:
            raise ValueError(f"split: expected 1 to {X.shape[1] - 1} of {X.shape[1]} columns, got {split}")
        return X[:, :split], X[:, split:]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
