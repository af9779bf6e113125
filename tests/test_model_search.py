"""How the imputer chooses a model: sizes, lengths of fits, and what is held out."""

import numpy as np
import pytest

from skdbn import BernoulliRBM, GaussianRBM
from skdbn._estimators import _model_search


@pytest.mark.parametrize("share_known", [1.0, 0.4])
def test_sizes_follow_what_is_known(share_known):
    """A unit for each 5 known values of a column, and a prior of a column's variance."""
    unknown = np.zeros((200, 10), bool)
    unknown[int(200 * share_known) :] = True
    first, factors, correlated = _model_search.default_models(GaussianRBM, unknown)
    n_units = min(200 * share_known / 5, 20)
    assert first.n_components == n_units
    assert first.weight_decay == pytest.approx(n_units / 800)
    assert factors.n_components == min(10 * share_known / 3, 10) // 1
    assert correlated.get_params() == first.get_params() | {"variance": "full"}
    assert len(_model_search.default_models(GaussianRBM, np.zeros((9, 101), bool))) == 2
    (bits,) = _model_search.default_models(BernoulliRBM, unknown)
    assert bits.weight_decay == pytest.approx(1.5 * n_units / 800)


@pytest.mark.parametrize(
    "n_rows, rate, expected",
    [
        (100, "auto", [30, 90, 270]),
        (100, 0.1, [50, 150, 300]),
        # No less than 300 updates: 28 epochs of 11 batches would be 308, 27 only 297.
        (107, "auto", [29, 85, 253]),
    ],
)
def test_lengths_of_fits(n_rows, rate, expected):
    model = BernoulliRBM(4, learning_rate=rate)
    assert _model_search.fit_lengths(model, (n_rows, 5)) == expected


def test_a_fit_goes_on_if_its_error_is_smaller_by_enough():
    course = _model_search.Course(BernoulliRBM(4), (100, 5))
    course.error = 1.0
    for error, helped in [(0.99, False), (0.98, False), (0.9, True), (0.95, False)]:
        before = course.error
        course.judge(error)
        assert course.helped == helped
        assert course.promise == pytest.approx(error**2 / before)


@pytest.mark.parametrize("n_known, share", [(4, 0.0), (5, 0.0), (6, 0.4), (20, 1.0)])
def test_columns_of_few_known_values(n_known, share, rng, monkeypatch):
    """Up to 5 they are their means, from 20 on as the model has them."""
    monkeypatch.setattr(_model_search, "borne_out", lambda *args: 0.4)
    X = rng.normal(size=(60, 3))
    X[n_known:, 1] = np.nan
    rbm = GaussianRBM(4, n_iter=3, random_state=0).fit(X)
    before = rbm.machine_.weights.copy()
    _model_search.shrink_little_known(rbm, X, rng)
    factors = np.array([1, share, 1])[:, None]
    np.testing.assert_allclose(rbm.machine_.weights, factors * before)


def test_a_column_is_never_held_out_as_a_whole(rng):
    unknown = np.zeros((40, 3), bool)
    unknown[2:, 1] = True
    X = np.where(unknown, np.nan, 1.0)
    for _ in range(200):
        held_out = _model_search.choose_held_out(X, unknown, [[0], [1], [2]], rng)
        assert not (held_out | unknown).all(axis=0).any()
