"""Every public argument with values that make no sense: an error that begins with the argument's name, before work.

Each row of the table is a call, an argument, and bad values of it. Arguments with defaults are passed by name.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import coo_matrix, csr_array

import lsmi_jax
from lsmi_jax import applications, baselines, datasets, reporting
from lsmi_jax.models import Probe

KEY = jax.random.key(0)
LABELS = np.arange(24) % 3
X = tuple(np.random.default_rng(0).normal(size=(24, d)) for d in (2, 3))
LOGITS = (np.zeros((24, 3), np.float32),) * 3
UNIFORM = np.log(np.full(3, 1 / 3, np.float32))
INFORMATION = (jnp.zeros(3),) * 3
PARTS = lsmi_jax.Interactions(*INFORMATION, jnp.zeros(3))
TRACKER = lsmi_jax.init_tracker(KEY, num_classes=3)
RAGGED = [[1.0, 2.0], [3.0]] * 12
NO_INTEGERS = (2.7, "3", None, True, np.float32(2))
NO_COUNTS = (*NO_INTEGERS, 0, -1)
NO_KEYS = (0, "0", None, np.zeros(3))
NO_FEATURES = (
    X[0],
    None,
    (X[0],),
    (X[0], X[1][:5]),
    (X[0], "b"),
    (X[0], np.full((24, 2), np.nan)),
    (X[0], np.zeros(24)),
    (X[0], RAGGED),
    (X[0].astype(object), X[1]),
    (csr_array(X[0]), X[1]),
    (X[0], coo_matrix(X[1])),
)
NO_LABELS = (RAGGED, LABELS[:5], LABELS + 0.5, LABELS - 1, np.zeros((24, 2), int), list("ab" * 12))
NO_LOGITS = (LOGITS[0], LOGITS[:2], (LOGITS[0].astype(int),) * 3, (np.zeros((24, 2), np.float32),) * 3)
NO_PRIORS = (np.zeros(2), np.zeros(3), np.array([0.0, -np.inf, -np.inf]))
NO_ARRAYS = (None, "a", [[1.0], [1.0, 2.0]], object())
NO_SORTABLE = ([["a"], ["b"]], RAGGED, [(1, 2), (3,)], None, [None, "a"], ["a", 1], [np.nan, 1.0])
NO_PATHS = (None, 3, 2.5, [])
NO_PROGRESS = (3, "bar")
NO_REDUNDANCIES = ("union", "specificity_ambiguity", lsmi_jax.specificity_ambiguity, lsmi_jax.UnionInformation, 3, None)


def call(function, /, *values, **named):
    """A call with everything right, and any argument replaced."""
    return partial(function, *values, **named)


estimate = call(lsmi_jax.estimate, key=KEY, features=X, labels=LABELS, num_folds=2)
pairs = call(lsmi_jax.estimate_pairs, key=KEY, features=X, labels=LABELS, num_folds=2)
fit = call(lsmi_jax.fit_estimator, key=KEY, features=X, labels=LABELS)
stream = call(lsmi_jax.fit_estimator, key=KEY, features=[(X, LABELS)])
permute = call(lsmi_jax.permutation_test, key=KEY, features=X, labels=LABELS, num_folds=2)
COMMON = {
    "key": NO_KEYS,
    "features": NO_FEATURES,
    "labels": NO_LABELS,
    "num_classes": (*NO_INTEGERS[:2], 0, -3),
    "logits": NO_LOGITS,
    "log_prior": NO_PRIORS,
    "redundancy": NO_REDUNDANCIES,
    "progress": NO_PROGRESS,
}
NO_MASKS = ("drop", None, 3, (np.zeros(24, bool),), (np.zeros(24), np.zeros(24, bool)), (np.zeros(5, bool),) * 2)
ROWS = {
    "groups": (
        LABELS[:5],
        np.zeros(24, int),
        np.zeros((24, 2)),
        np.full(24, np.nan),
        RAGGED,
        [*[1] * 12, *["a", None] * 6],
    ),
    "weights": (np.zeros(24), -np.ones(24), np.ones(5), np.ones((24, 1)), np.full(24, np.inf), ["1"] * 24, RAGGED),
    "missing": NO_MASKS,
}
KEPT = {"checkpoint": (3, 2.5, __file__)}
FOLDS = {"num_folds": (*NO_COUNTS, 1), "num_seeds": NO_COUNTS}
OR = jnp.array([[[1, 0], [0, 1]], [[0, 1], [0, 1]]]) / 4
LEAST = lsmi_jax.MinimumInformation()
OF_MODELS = {"logits": LOGITS, "surprisals": None, "log_prior": UNIFORM, "redundancy": LEAST}
NO_MODELS = {
    "logits": (None, *NO_LOGITS[:3], (*LOGITS[:2], LOGITS[2][:5])),
    "log_prior": (*NO_ARRAYS, np.zeros(2, np.float32)),
    "surprisals": (jnp.zeros(24), (jnp.zeros(24),), (jnp.zeros(24), jnp.zeros(3))),
}


@cache
def fitted():
    """An estimator, fitted when the first test needs it."""
    return lsmi_jax.fit_estimator(KEY, X, LABELS, logits=LOGITS, redundancy=LEAST)


def export(**given):
    return lsmi_jax.export_score(fitted(), **given)


TABLE = [
    (estimate, COMMON | FOLDS | KEPT | ROWS | {"max_rows": tuple(own for own in NO_COUNTS if own is not None)}),
    (pairs, COMMON | FOLDS | KEPT | {"names": ("ab", ["a"], ["a", "a"])}),
    (fit, COMMON | KEPT | ROWS),
    (stream, {"groups": (LABELS,), "weights": (LABELS,), "missing": ("mask",), "max_rows": NO_COUNTS}),
    (permute, {"num_permutations": NO_COUNTS, "null": ("none", None), "key": NO_KEYS, "features": NO_FEATURES}),
    (permute, {"progress": NO_PROGRESS}),
    (lsmi_jax.UnionInformation, {"num_cells": (*NO_COUNTS, 3)}),
    (lsmi_jax.SpecificityAmbiguity, {"num_components": NO_COUNTS, "covariance": ("round", 0, -1, True, None)}),
    (lsmi_jax.CustomRedundancy, {"function": (None, 3)}),
    (call(lsmi_jax.CustomRedundancy, lambda *_: 0.0), {"density": (16, "full")}),
    (call(lsmi_jax.label_log_prior, LABELS), {"num_classes": NO_COUNTS}),
    (call(lsmi_jax.label_log_prior, num_classes=3), {"labels": (*NO_ARRAYS, LABELS + 0.5, np.array([], int), 1)}),
    (
        call(lsmi_jax.soft_decompose, *INFORMATION, *INFORMATION[:2]),
        {"temperature": (0.0, -1.0, np.inf, np.nan, 1e-40)},
    ),
    (call(lsmi_jax.decompose, *INFORMATION[:2]), {"i12": NO_ARRAYS}),
    (call(lsmi_jax.kind, *INFORMATION[:2]), {"i12": NO_ARRAYS}),
    (call(lsmi_jax.gain, *INFORMATION[:2]), {"i12": NO_ARRAYS}),
    (call(lsmi_jax.adjust), {"interactions": (None, INFORMATION, jnp.zeros((4, 3)))}),
    (
        call(lsmi_jax.pointwise_information, logits=LOGITS[0], labels=LABELS, log_prior=jnp.zeros(3)),
        {
            "logits": (*NO_ARRAYS, LOGITS[0].astype(int), jnp.float32(1)),
            "labels": (*NO_ARRAYS[1:], LABELS[:5], LABELS + 0.5),
            "log_prior": (*NO_ARRAYS, jnp.zeros(2)),
        },
    ),
    (
        call(lsmi_jax.interactions_from_posteriors, logits=LOGITS, labels=LABELS, log_prior=jnp.zeros(3)),
        {
            "logits": (None, LOGITS[0], LOGITS[:2], (*LOGITS[:2], None)),
            "labels": (*NO_ARRAYS[1:], LABELS[:5]),
            "log_prior": (*NO_ARRAYS, jnp.zeros(2)),
            "surprisals": (jnp.zeros((2, 24)), (jnp.zeros(24),)),
        },
    ),
    (
        call(lsmi_jax.update_tracker, state=TRACKER, logits=LOGITS, labels=jnp.asarray(LABELS)),
        {
            "state": (None, 3, (TRACKER,)),
            "logits": (None, *NO_LOGITS),
            "labels": (None, "a", LABELS + 0.5, LABELS[:5], jnp.zeros((24, 1), int), jnp.int32(0)),
        },
    ),
    (
        call(
            lsmi_jax.batch_interactions,
            logits=LOGITS,
            labels=LABELS,
            log_prior=jnp.zeros(3),
            potentials=TRACKER.potentials,
        ),
        {"logits": (None, LOGITS[0], LOGITS[:2]), "potentials": (None, 3, (TRACKER.potentials,))},
    ),
    (
        call(lsmi_jax.interaction_penalty, PARTS, weights=(1, 0, 0, 0)),
        {"weights": (None, 1.0, (1, 0, 0), jnp.zeros(4))},
    ),
    (call(lsmi_jax.interaction_penalty, weights=(1, 0, 0, 0)), {"interactions": (None, INFORMATION)}),
    (call(lsmi_jax.score, features=X, labels=LABELS), {"estimator": (None, 3, X, PARTS, lsmi_jax.UnionInformation())}),
    (call(lsmi_jax.save, "nowhere"), {"estimator": (None, 3, X, PARTS)}),
    (call(lsmi_jax.export_score), {"estimator": (None, 3, X, PARTS)}),
    (export, {"platforms": ("cpu",), "redundancy": (*NO_REDUNDANCIES[:3], lsmi_jax.SpecificityAmbiguity())}),
    (call(lsmi_jax.score_to_file, "scores.npy", batches=[(X, LABELS)]), {"estimator": (None, 3, X, PARTS)}),
    (lsmi_jax.load, {"path": NO_PATHS}),
    (call(lsmi_jax.Knife, KEY), {"features": (None, "a", X[0][:, 0], np.zeros((0, 2), np.float32))}),
    (call(lsmi_jax.Knife, features=jnp.asarray(X[0])), {"key": NO_KEYS}),
    (
        call(lsmi_jax.Knife, KEY, jnp.asarray(X[0])),
        {"num_components": NO_COUNTS, "covariance": ("round", 0, 1.5, True, None)},
    ),
    (lsmi_jax.Knife(KEY, jnp.asarray(X[0]), num_components=2).surprisal, {"features": (None, "a", X[1], X[0][:, 0])}),
    (call(Probe, KEY, num_classes=3), {"features": (None, "a", X[0][:, 0], np.zeros((0, 2), np.float32))}),
    (call(lsmi_jax.ArrayBatches, labels=LABELS), {"features": (None, X[0], X[:1], (X[0], X[1][:5]))}),
    (call(lsmi_jax.ArrayBatches, features=X), {"labels": (None, 3, LABELS[:5])}),
    (call(lsmi_jax.ArrayBatches, X, LABELS), {"logits": (3, LOGITS[0], LOGITS[:2])}),
    (applications.shares, {"interactions": (None, 3, INFORMATION)}),
    (applications.distillation_weights, {"interactions": (None, 3, INFORMATION)}),
    (call(applications.partition, by="r"), {"estimate": (None, 3, X, INFORMATION)}),
    (
        call(applications.partition, PARTS),
        {
            "by": (None, 3, "q", "i12"),
            "quantiles": (0.5, (2.0,), (-1,), (0.9, 0.1), ()),
            "labels": (LABELS, np.zeros(3)),
        },
    ),
    (call(lsmi_jax.single_source_fraction, *INFORMATION), {"h2": NO_ARRAYS}),
    (call(datasets.circuit_logic, key=KEY, num_samples=10), {"gate": (None, "OR", 3)}),
    (
        call(datasets.preset_from_pool, key=KEY, pool1=X[0], labels1=LABELS, pool2=X[1], labels2=LABELS),
        {
            "pool1": (*NO_ARRAYS, X[0][:, 0]),
            "labels1": (*NO_ARRAYS, LABELS + 0.5, LABELS - 1, LABELS[:5]),
            "num_samples": (*NO_INTEGERS[:2], 0, -1, 10**6),
            "num_classes": (*NO_COUNTS, 1),
        },
    ),
    (reporting.plot_summary, {"summary": (None, PARTS, X)}),
    (reporting.plot_samples, {"interactions": (None, 3, INFORMATION)}),
    (reporting.plot_pairs, {"pairs": (None, PARTS)}),
    (call(reporting.plot_classes, class_names=list("abc")), {"summary": (None, PARTS)}),
    (call(applications.ensemble, **OF_MODELS), NO_MODELS),
    (call(applications.expected_interactions, **OF_MODELS), NO_MODELS),
    *(
        (call(pure, i1=INFORMATION[0], i12=INFORMATION[0], h1=INFORMATION[0], h2=INFORMATION[0]), {"i2": NO_ARRAYS})
        for pure in (
            lsmi_jax.specificity_ambiguity,
            lsmi_jax.shared_exclusions,
            lsmi_jax.minimum_information,
            lsmi_jax.common_change,
        )
    ),
    (call(lsmi_jax.decompose, i1=jnp.zeros(3), i2=jnp.zeros(3), i12=jnp.zeros(3)), {"i12": (jnp.zeros(2), LABELS[:3])}),
    (
        call(lsmi_jax.init_tracker, key=KEY, num_classes=3),
        {
            "key": NO_KEYS,
            "num_classes": (*NO_COUNTS, 1),
            "num_cells": (*NO_COUNTS, 3),
            "num_recent": (*NO_COUNTS, 1),
            "refit_every": NO_COUNTS,
            "num_scored": NO_COUNTS,
            "decay": (0, 1, -0.5),
        },
    ),
    (call(lsmi_jax.ArrayBatches, X, LABELS), {"size": NO_COUNTS}),
    (call(Probe, KEY, jnp.asarray(X[0]), num_classes=3), {"num_classes": NO_COUNTS, "width": NO_COUNTS}),
    (call(baselines.broja, OR), {"max_steps": NO_COUNTS, "tolerance": (0.0, -1.0, float("nan"))}),
    (call(baselines.broja), {"p": (jnp.ones((2, 2)), 2 * OR, -OR)}),
    (
        call(baselines.pid_batch, KEY, X, LABELS),
        {"num_folds": (*NO_COUNTS, 1), "num_steps": NO_COUNTS, "batch_size": (*NO_COUNTS, 1), "tolerance": (0.0,)},
    ),
    (call(baselines.broja_from_features, KEY, X, LABELS), {"num_clusters": NO_COUNTS}),
    (
        call(baselines.gaussian_mmi, sizes=(1, 1, 1)),
        {"covariance": (-jnp.eye(3), jnp.zeros((3, 3)), jnp.eye(2), jnp.triu(jnp.ones((3, 3))), jnp.nan * jnp.eye(3))},
    ),
    (
        call(lsmi_jax.encode_labels),
        {"labels": ([["a"], ["b"]], RAGGED, [(1, 2), (3,)], None, [None, "a"], ["a", 1], [np.nan, 1.0])},
    ),
    (
        call(datasets.gaussian_mixture, key=KEY, num_samples=10),
        {
            "key": NO_KEYS,
            "num_samples": NO_COUNTS,
            "num_classes": (*NO_COUNTS, 1),
            "correlation": (2.0, float("nan")),
            "noise": (0.0, -1.0, float("inf"), "a"),
        },
    ),
    (
        call(datasets.preset, key=KEY, num_samples=10),
        {
            "key": NO_KEYS,
            "num_samples": NO_COUNTS,
            "num_classes": (*NO_COUNTS, 1),
            "proportions": ((0.5, 0.5), (1, 1, 1, 1), (2, -1, 0, 0)),
            "noise": (0.0, -1.0),
            "uninformative_scale": (0.0, -1.0),
        },
    ),
    (call(datasets.circuit_logic, key=KEY, num_samples=10, gate=datasets.OR), {"key": NO_KEYS, "noise": (0, -1)}),
    (call(lsmi_jax.kind, *INFORMATION), {"threshold": (0.0, -1.0, float("nan"), "a", "3", True, None)}),
    (
        call(lsmi_jax.summarize, KEY, interactions=PARTS, information=INFORMATION),
        {
            "level": (0, 1, 2.0),
            "num_resamples": (*NO_COUNTS, 1),
            "by": (np.zeros(2, int), np.zeros(3), -np.ones(3, int), np.array([0, 1, 10**7]), 10**9 * np.arange(3)),
            "weights": (np.zeros(3), np.ones(2)),
            "groups": (np.zeros(2, int), np.zeros(3), -np.ones(3, int), np.array([0, 1, 10**7]), 10**9 * np.arange(3)),
            "interactions": (None, INFORMATION, X),
        },
    ),
]
CALLS = [
    (function, name, value) for function, arguments in TABLE for name, values in arguments.items() for value in values
]


def title(case):
    function, name, value = case
    target = getattr(function, "func", function)
    return f"{target.__name__}-{name}-{str(value)[:20]}"


@pytest.mark.parametrize("case", CALLS, ids=title)
def test_the_error_begins_with_the_argument(case):
    function, name, value = case
    with pytest.raises((TypeError, ValueError), match=rf"^{name}\b"):
        function(**{name: value})


def test_natural_mistakes_are_explained(tmp_path):
    result = lsmi_jax.estimate(KEY, None, LABELS, logits=LOGITS, redundancy=LEAST, num_folds=2)
    with pytest.raises(TypeError, match=r"^estimator: .* got the path .*; pass the path first"):
        lsmi_jax.save(fitted(), str(tmp_path / "estimator"))
    with pytest.raises(TypeError, match=r"^labels: .* got an Estimator; score takes the estimator first"):
        lsmi_jax.score(X, LABELS, fitted())
    with pytest.raises(TypeError, match=r"^estimator: expected Estimator of lsmi_jax, got Estimate$"):
        lsmi_jax.score(result, X, LABELS)
    given = applications.distillation_weights(result.interactions)
    for own, same in zip(applications.distillation_weights(result), given, strict=True):
        np.testing.assert_array_equal(own, same)
