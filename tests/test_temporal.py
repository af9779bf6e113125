"""Sequences: windows of frames, forecasts, and what is wrong with lengths."""

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdbn import ConditionalRBM, TemporalRBM
from skdbn._data._sequences import WindowTable, sequence_starts
from skdbn.units import Gaussian

LENGTHS = [60, 5, 135]


@pytest.fixture
def sequences(rng):
    """An autoregression of two frames and three columns, in three sequences."""
    past = [[0.5, 0.3, 0], [0, 0.6, 0], [0.2, 0, 0.7]], -0.2 * np.eye(3)
    X = np.zeros((200, 3))
    for t in range(200):
        if t in (0, 60, 65):
            X[t] = rng.normal(size=3)
        else:
            before = X[t - 1], X[t - 2] * (t not in (1, 61, 66))
            X[t] = sum(x @ A for x, A in zip(before, past, strict=True))
            X[t] += 0.5 * rng.normal(size=3)
    return X


def new(order=2, **settings):
    return TemporalRBM(4, **{"order": order, "n_iter": 5, "random_state": 0} | settings)


def stacked(X, lengths, order):
    """The windows of each sequence, by hand."""
    rows, ends = [], np.cumsum(lengths)
    for start, end in zip(ends - lengths, ends, strict=True):
        for t in range(start + order, end):
            rows.append(np.concatenate([X[t - k] for k in range(order, -1, -1)]))
    return np.array(rows)


def test_windows_hold_frames_and_those_before(rng):
    X = rng.normal(size=(200, 3))
    starts = sequence_starts(LENGTHS, X)
    np.testing.assert_array_equal(np.unique(starts), [0, 60, 65])
    table = WindowTable(X, 2, starts)
    assert table.shape == (200, 9) and len(table) == 200
    whole = np.arange(200) - starts >= 2
    np.testing.assert_array_equal(
        table[np.flatnonzero(whole)], stacked(X, np.array(LENGTHS), 2)
    )
    # The first frame stands for those before it.
    np.testing.assert_array_equal(table[60:62], [[*X[60]] * 3, [*X[60]] * 2 + [*X[61]]])


@pytest.mark.parametrize("gradient", ["cd", "pcd"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_it_is_the_conditional_machine_of_windows(gradient, early_stopping, sequences):
    """The same as of a table of windows that are stacked by hand."""
    settings = {"gradient": gradient, "early_stopping": early_stopping}
    windows = stacked(sequences, np.array(LENGTHS), 2)
    found = new(**settings).fit(sequences, lengths=LENGTHS)
    expected = ConditionalRBM(
        4, context=slice(0, 6), visible="gaussian", n_iter=5, random_state=0, **settings
    ).fit(windows)
    for name, array in expected.machine_.params.items():
        np.testing.assert_allclose(found.machine_.params[name], array, atol=1e-10)
    whole = np.concatenate([np.arange(n) >= 2 for n in LENGTHS])
    for method in ("transform", "score_samples", "free_energy"):
        own = getattr(found, method)(sequences, lengths=LENGTHS)
        assert len(own) == 200
        np.testing.assert_allclose(own[whole], getattr(expected, method)(windows))
    scores = expected.score_samples(windows)
    assert found.score(sequences, lengths=LENGTHS) == pytest.approx(scores.mean())
    before, after = (
        found.components_.copy(),
        found.partial_fit(sequences, lengths=LENGTHS),
    )
    assert np.abs(after.components_ - before).max() > 0


def test_forecasts_are_those_of_the_autoregression(sequences, seed):
    """With hidden units that say next to nothing, by least squares."""
    model = new(visible=Gaussian(0.25), n_iter=1, learning_rate=1e-9)
    model.fit(sequences, lengths=LENGTHS)
    windows = stacked(sequences, np.array(LENGTHS), 2)
    linear = LinearRegression().fit(windows[:, :6], windows[:, 6:])
    np.testing.assert_allclose(model.context_coef_, linear.coef_, atol=0.04)
    past = np.hstack([sequences[1:59], sequences[2:60]])
    # A mean over two states is one, too.
    for settings in ({"n_samples": 2}, {}):
        found = model.predict_next(sequences, LENGTHS, random_state=seed, **settings)
        np.testing.assert_allclose(found[2:60], linear.predict(past), atol=0.1)
    # Of each sequence, and with its own frames before.
    n_samples = 2000
    forecast = model.forecast(
        sequences, 3, LENGTHS, n_samples=n_samples, n_steps=3, random_state=seed
    )
    for k, end in enumerate(np.cumsum(LENGTHS)):
        past = sequences[end - 2 : end].reshape(1, -1)
        for i in range(3):
            expected = linear.predict(past)
            error = 0.5 * (i + 1) / np.sqrt(n_samples)
            assert np.abs(forecast[3 * k + i] - expected).max() < 5 * error + 0.08
            past = np.hstack([past[:, 3:], expected])
    # A draw has the noise of a frame.
    draws = model.predict_next(sequences, LENGTHS, n_samples=1, random_state=seed)
    spread = (draws - found).std()
    assert spread == pytest.approx(0.5, rel=0.2)


def test_samples_go_on_from_a_start(sequences, seed):
    model = new(visible=Gaussian(0.04), n_iter=1, learning_rate=1e-9)
    model.fit(sequences, lengths=LENGTHS)
    np.testing.assert_array_equal(model.start_, sequences[:2])
    linear = model.context_coef_
    center = model.machine_.given_center
    for start in (None, sequences[60:65], sequences[:1]):
        used = np.vstack([sequences[:2] if start is None else start])
        past = np.vstack([used[:1], used])[-2:].reshape(-1)
        found = model.sample(2, start=start, means=True, random_state=seed)
        mean = sequences[np.r_[2:60, 62:65, 67:200]].mean(axis=0)
        expected = mean + linear @ (past - center)
        np.testing.assert_allclose(found[0], expected, atol=0.03)
        past = np.concatenate([past[3:], found[0]])
        np.testing.assert_allclose(found[1], mean + linear @ (past - center), atol=0.03)
    one, other = (model.sample(5, random_state=seed) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_lengths_go_through_a_pipeline(sequences):
    rows = {"lengths": LENGTHS}
    scaled = StandardScaler().fit_transform(sequences)
    expected = new().fit(scaled, **rows)
    with sklearn.config_context(enable_metadata_routing=True):
        temporal = (
            new().set_fit_request(lengths=True).set_transform_request(lengths=True)
        )
        model = make_pipeline(StandardScaler(), temporal).fit(sequences, **rows)
        np.testing.assert_allclose(
            model.transform(sequences, **rows), expected.transform(scaled, **rows)
        )
    found = new().fit_transform(scaled, **rows)
    np.testing.assert_array_equal(found, expected.transform(scaled, **rows))


def test_binary_frames_learn_what_follows(rng, seed):
    """A bit that repeats the one before the last, and one that is its opposite."""
    X = np.zeros((400, 2))
    X[:2] = rng.integers(0, 2, (2, 2))
    for t in range(2, 400):
        X[t] = X[t - 2, 0], 1 - X[t - 1, 0]
        X[t] = np.where(rng.random(2) < 0.05, 1 - X[t], X[t])
    model = new(visible="bernoulli", n_iter=60).fit(X)
    found = model.predict_next(X[:-1], random_state=seed)
    assert ((found[1:] > 0.5) == (X[2:] > 0.5)).mean() > 0.9


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([60, 5], "add up to 65 frames, and X has n_samples=200"),
        ([300, -100], "positive whole number"),
        ([100.5, 99.5], "positive whole number"),
        ([[60, 140]], "positive whole number"),
        (["a"], "lengths has to be"),
        ([2, 198], "Sequence 0 of X.*is of 2 frames, as short as order=2"),
        ([0, 200], "positive whole number"),
    ],
)
def test_lengths_that_are_wrong_are_refused(lengths, message, sequences):
    model = new().fit(sequences)
    before = model.components_
    with pytest.raises(ValueError, match=message):
        model.fit(sequences, lengths=lengths)
    assert model.components_ is not None
    np.testing.assert_array_equal(model.components_, before)
    if "order" not in message:
        with pytest.raises(ValueError, match=message):
            model.transform(sequences, lengths=lengths)


def test_what_is_wrong_is_said(sequences):
    model = new().fit(sequences)
    unknown = sequences.copy()
    unknown[3, 1] = np.nan
    for method in (model.fit, model.transform, model.forecast, model.score_samples):
        with pytest.raises(ValueError, match="NaN"):
            method(unknown)
    with pytest.raises(ValueError, match="'n_frames' parameter of forecast"):
        model.forecast(sequences, 0)
    with pytest.raises(ValueError, match="'n_frames' parameter of sample"):
        model.sample(0)
    with pytest.raises(ValueError, match="3 features"):
        model.sample(2, start=np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"given columns.*warm_start=False"):
        model.set_params(order=3, warm_start=True).fit(sequences)
    for name in ("inverse_transform", "gibbs", "impute", "conditional_sample"):
        assert not hasattr(model, name)
