"""The decomposition as a scikit-learn estimator (extra ``[sklearn]``).

Examples:
    >>> import numpy as np
    >>> from lsmi_jax import UnionInformation
    >>> rng = np.random.default_rng(0)
    >>> labels = np.array(["cat", "dog", "eel"])[np.arange(72) % 3]
    >>> X = rng.normal(size=(72, 5)) + 2 * (labels == "dog")[:, None]  # both modalities: two columns and three
    >>> LSMI(split=2, redundancy=UnionInformation(num_cells=64)).fit(X, labels).score_samples(X, labels).shape
    (72, 4)
"""

from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from lsmi_jax.decomposition import DEFAULT_REDUNDANCY, PARTS, Interactions, Redundancy
from lsmi_jax.estimation import Estimate, expected_interactions, fit_estimator, log_posteriors, score

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("lsmi_jax.sklearn needs scikit-learn: pip install '.[sklearn]' in a checkout") from error

__all__ = ["LSMI"]


class LSMI(TransformerMixin, BaseEstimator):
    """Redundancy, uniqueness and synergy of two blocks of columns of ``X``, through `lsmi_jax.fit_estimator`.

    The models fit their training samples better than new ones: score held-out rows, or use `lsmi_jax.estimate`,
    where each row is scored by models that were not fitted on it. Scikit-learn's searches and cross-validation score
    held-out rows. `score` is the mean information of both modalities about the label, which is larger for a lower
    cross-entropy.

    Args:
        split: Number of columns of the first modality; the others belong to the second.
        redundancy: The redundancy with its options, as in `lsmi_jax.estimate`.
        random_state: Seed, or a ``numpy.random.RandomState``; None for a random seed.

    Attributes:
        classes_: The labels, sorted.
        estimator_: The fitted `lsmi_jax.Estimator`.
        n_features_in_: Number of columns of both blocks.
    """

    def __init__(  # noqa: D107  (the docstring of the class describes the arguments)
        self,
        split: int,
        *,
        redundancy: Redundancy = DEFAULT_REDUNDANCY,
        random_state: Any = None,
    ):
        self.split = split
        self.redundancy = redundancy
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> "LSMI":
        """Fits discriminators, and densities if the redundancy needs them.

        Args:
            X: Both blocks side by side ``[n, d1 + d2]``.
            y: Labels of any kind ``[n]``.

        Returns:
            The estimator itself.

        Raises:
            TypeError: If ``redundancy`` is not an option object.
            ValueError: If there are too few columns, or ``y`` does not hold class labels.
        """
        X, y = validate_data(self, X, y, dtype=np.float32, ensure_min_features=2, ensure_min_samples=4)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("y: expected at least 2 classes, got 1 class")
        key = jax.random.key(check_random_state(self.random_state).randint(2**31 - 1))
        options: dict[str, Any] = {"redundancy": self.redundancy, "progress": None}
        self.estimator_ = fit_estimator(key, self._blocks(X), labels.astype(np.int32), **options)
        return self

    def score_samples(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Interactions of every sample.

        Args:
            X: Both blocks side by side ``[n, d1 + d2]``.
            y: Labels ``[n]``, of the fitted classes.

        Returns:
            Columns r, u1, u2, s ``[n, 4]``, in nats.

        Raises:
            ValueError: If the columns or the labels differ from the fitted ones.
        """
        return _columns(self._scored(X, y).interactions)

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Mean information of both modalities about the labels.

        Args:
            X: Both blocks side by side ``[n, d1 + d2]``.
            y: Labels ``[n]``, of the fitted classes.

        Returns:
            I12 in nats, relative to the class frequencies of the fit.

        Raises:
            ValueError: If the columns or the labels differ from the fitted ones.
        """
        return float(np.mean(self._scored(X, y).information[2]))

    def transform(self, X: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        """Interactions of every sample, or their expectation where labels are not known.

        Args:
            X: Both blocks side by side ``[n, d1 + d2]``.
            y: Labels ``[n]``; None for the mean over the labels, by `lsmi_jax.expected_interactions`.

        Returns:
            Columns r, u1, u2, s ``[n, 4]``, in nats.

        Raises:
            ValueError: If the columns or the labels differ from the fitted ones.
        """
        if y is not None:
            return self.score_samples(X, y)
        blocks = self._known(X)
        return _columns(expected_interactions(self.estimator_, blocks, redundancy=self.redundancy))

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probability of each class from both modalities.

        Args:
            X: Both blocks side by side ``[n, d1 + d2]``.

        Returns:
            Probabilities ``[n, K]``, in the order of ``classes_``.

        Raises:
            ValueError: If the columns differ from the fitted ones.
        """
        blocks = self._known(X)
        return np.exp(np.asarray(log_posteriors(self.estimator_, blocks)[2]))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns of `transform`."""
        return np.array([part.column for part in PARTS], dtype=object)

    def _known(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Both blocks of new rows."""
        check_is_fitted(self)
        return self._blocks(validate_data(self, X, dtype=np.float32, reset=False))

    def _scored(self, X: ArrayLike, y: ArrayLike) -> Estimate:
        """The estimate of new rows and their labels."""
        check_is_fitted(self)
        X, y = validate_data(self, X, y, dtype=np.float32, reset=False)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y: expected labels among those fitted, got {unknown[:5].tolist()} too")
        labels = np.searchsorted(self.classes_, y).astype(np.int32)
        return score(self.estimator_, self._blocks(X), labels, redundancy=self.redundancy, progress=None)

    def _blocks(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """The columns of the first and the second modality."""
        if not 0 < self.split < X.shape[1]:
            raise ValueError(f"split: expected 1 to {X.shape[1] - 1} of {X.shape[1]} columns, got {self.split}")
        return X[:, : self.split], X[:, self.split :]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _columns(parts: Interactions) -> np.ndarray:
    """Parts as columns ``[n, 4]``."""
    return np.stack([np.asarray(part) for part in parts], axis=1)
