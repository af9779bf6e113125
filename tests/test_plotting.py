"""Displays show the arrays they were made from, where they are told to."""

import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_sample_image
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skdbn
from skdbn import BernoulliRBM, DBNTransformer, GaussianRBM
from skdbn.plotting import (
    FiltersDisplay,
    HiddenActivityDisplay,
    HistoryDisplay,
    ReconstructionsDisplay,
    SamplesDisplay,
)

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def X(rng):
    return (rng.random((60, 12)) < rng.random(12)).astype(float)


@pytest.fixture
def rbm(X):
    return BernoulliRBM(5, n_iter=3, early_stopping=True, random_state=0).fit(X)


def stack_of(sizes, X):
    rbm = BernoulliRBM(n_iter=1, random_state=0)
    return DBNTransformer(sizes, rbm=rbm, random_state=0).fit(X)


def picture(display, index, shape):
    """One picture of a sheet, found by counting pixels."""
    height, width = shape
    row, column = divmod(index, display.n_columns)
    top, left = 1 + row * (height + 1), 1 + column * (width + 1)
    sheet = np.ma.filled(display.image_.get_array(), np.nan)
    return sheet[top : top + height, left : left + width]


def test_filters_are_scaled_pictures_in_order_of_their_norms(rbm):
    display = FiltersDisplay.from_estimator(rbm, image_shape=(3, 4), n_filters=4)
    order = sorted(range(5), key=lambda j: -sum(rbm.components_[j] ** 2))
    for index, j in enumerate(order[:4]):
        weights = rbm.components_[j]
        assert_allclose(display.filters[index], weights)
        assert_allclose(
            picture(display, index, (3, 4)),
            weights.reshape(3, 4) / max(abs(weights)),
            rtol=1e-12,
        )
    assert display.image_.get_clim() == (-1, 1)


def test_filters_of_gaussian_units_are_in_units_of_the_data(rng):
    rbm = GaussianRBM(3, n_iter=1, random_state=0).fit(rng.normal(size=(40, 12)))
    display = FiltersDisplay.from_estimator(rbm, image_shape=(3, 4))
    zero, units = np.zeros((1, 3)), np.eye(3)
    effects = rbm.inverse_transform(units) - rbm.inverse_transform(zero)
    order = np.argsort(-np.linalg.norm(effects, axis=1))
    assert_allclose(display.filters, effects[order], rtol=1e-10)


@pytest.mark.parametrize("layer", [0, 1, 2, None])
def test_filters_of_a_stack_are_projected_to_pixels(X, layer):
    stack = stack_of((6, 5, 4), X)
    display = FiltersDisplay.from_estimator(stack, image_shape=(3, 4), layer=layer)
    # The sum over all ways from a unit down to a pixel.
    expected = stack.rbms_[0].components_.tolist()
    for rbm in stack.rbms_[1 : 3 if layer is None else layer + 1]:
        expected = [
            [sum(w * low[i] for w, low in zip(row, expected, strict=True))
             for i in range(12)]
            for row in rbm.components_
        ]  # fmt: skip
    assert display.filters.shape == (len(expected), 12)
    expected = sorted(expected, key=lambda row: -sum(w * w for w in row))
    assert_allclose(display.filters, expected, rtol=1e-10)


def test_a_filter_of_zeros_stays_blank():
    display = FiltersDisplay([[0, 0, 0, 0], [1, -2, 0, 1]]).plot()
    assert_array_equal(picture(display, 0, (2, 2)), np.zeros((2, 2)))
    assert_array_equal(picture(display, 1, (2, 2)), [[0.5, -1], [0, 0.5]])


def test_pictures_in_color(rng):
    filters = rng.normal(size=(2, 12))
    display = FiltersDisplay(filters, image_shape=(2, 2, 3)).plot()
    shown = picture(display, 1, (2, 2))
    expected = 0.5 + filters[1].reshape(2, 2, 3) / max(abs(filters[1])) / 2
    assert_allclose(shown, expected, rtol=1e-12)


def test_samples_are_those_of_the_chains(rbm):
    settings = dict(n_samples=7, n_steps=20, image_shape=(3, 4), random_state=3)
    display = SamplesDisplay.from_estimator(rbm, means=False, **settings)
    assert_array_equal(
        display.samples, rbm.sample(7, n_steps=20, random_state=3).reshape(7, 12)
    )
    assert_array_equal(picture(display, 5, (3, 4)), display.samples[5].reshape(3, 4))
    means = SamplesDisplay.from_estimator(rbm, **settings).samples
    assert ((means > 0) & (means < 1)).all()


def test_film_strip_has_a_row_for_each_chain(rbm, X):
    steps = (0, 1, 30)
    settings = dict(n_samples=4, X=X, image_shape=(3, 4), random_state=3, means=False)
    display = SamplesDisplay.from_estimator(rbm, steps=steps, **settings)
    assert_array_equal(display.samples[0], X[:4])
    later = SamplesDisplay.from_estimator(rbm, n_steps=30, **settings)
    assert_array_equal(display.samples[2], later.samples)
    for step in range(3):
        for chain in range(4):
            shown = picture(display, 3 * chain + step, (3, 4))
            assert_array_equal(shown, display.samples[step, chain].reshape(3, 4))
    labels = [tick.get_text() for tick in display.axes_.get_xticklabels()]
    assert labels == ["0", "1", "30"]


def test_film_strip_is_no_taller_than_a_page(rbm):
    film = SamplesDisplay.from_estimator(rbm, steps=(1, 2, 3, 4), image_shape=(3, 4))
    width, height = film.figure_.get_size_inches()
    assert film.samples.shape[1] == 10 and height <= 3 * width


def test_ink_is_dark_and_photographs_are_no_negatives():
    photographs = load_sample_image("china.jpg").mean(axis=2)[:400, :640] / 255
    photographs = photographs.reshape(10, 40, 16, 40).swapaxes(1, 2).reshape(-1, 1600)
    for rows, expected in (
        (load_digits().data[:50], "gray_r"),
        (photographs, "gray"),
        ((photographs - photographs.mean(axis=0)) / photographs.std(axis=0), "gray"),
    ):
        assert SamplesDisplay(rows).plot().image_.get_cmap().name == expected
        shown = ReconstructionsDisplay(rows, rows).plot().image_
        assert shown.get_cmap().name == expected
        shown = ReconstructionsDisplay(rows, rows).plot(cmap="viridis").image_
        assert shown.get_cmap().name == "viridis"


def test_film_strip_keeps_the_data(rbm, X):
    before = X.copy()
    SamplesDisplay.from_estimator(rbm, steps=(1, 5), X=X, image_shape=(3, 4))
    assert_array_equal(X, before)


def test_samples_of_a_stack_are_drawn_down_to_pixels(X):
    stack = stack_of((6, 5, 4), X)
    settings = dict(n_samples=3, n_steps=9, image_shape=(3, 4), random_state=1)
    for means in (False, True):
        display = SamplesDisplay.from_estimator(stack, means=means, **settings)
        expected = stack.sample(3, n_steps=9, means=means, random_state=1)
        assert_array_equal(display.samples, expected)
        assert np.isin(display.samples, [0, 1]).all() == (not means)
    film = SamplesDisplay.from_estimator(stack, X=X, steps=(0, 1), **settings)
    assert_array_equal(film.samples[0], X[:3])
    assert ((film.samples[1] > 0) & (film.samples[1] < 1)).all()


def test_reconstructions_stand_below_the_data(rbm, X):
    display = ReconstructionsDisplay.from_estimator(
        rbm, X, n_samples=6, image_shape=(3, 4)
    )
    expected = rbm.inverse_transform(rbm.transform(X[:6]))
    assert_allclose(picture(display, 2, (3, 4)), X[2].reshape(3, 4))
    assert_allclose(picture(display, 8, (3, 4)), expected[2].reshape(3, 4))
    labels = [tick.get_text() for tick in display.axes_.get_yticklabels()]
    assert labels == ["data", "model"]


def test_history_has_a_panel_for_each_quantity(rbm):
    display = HistoryDisplay.from_estimator(rbm)
    titles = [axes.get_title() for axes in display.axes_]
    assert titles == [
        "pseudo-likelihood [nats]",
        "free-energy gap [nats]",
        "reconstruction error",
        "learning rate",
        "seconds per epoch",
    ]
    training, held_out = display.axes_[0].lines
    names = "pseudo_likelihood", "validation_pseudo_likelihood"
    for line, name in zip((training, held_out), names, strict=True):
        assert_array_equal(line.get_xdata(), [1, 2, 3])
        assert_array_equal(line.get_ydata(), [row[name] for row in rbm.history_])
    for band, name in zip(display.axes_[0].collections, names, strict=True):
        last = rbm.history_[-1]
        ends = last[name] + last[f"{name}_error"] * np.array([-1, 1])
        found = band.get_paths()[0].vertices
        at_last = np.unique(found[found[:, 0] == 3, 1])
        np.testing.assert_allclose(at_last, ends)


def test_history_shows_what_a_gradient_says(X):
    rbm = BernoulliRBM(3, gradient="pt", n_iter=2, random_state=0).fit(X)
    display = HistoryDisplay.from_estimator(rbm, quantities=["swap_acceptance"])
    (line,) = display.axes_[0].lines
    assert_array_equal(
        line.get_ydata(), [row["swap_acceptance"] for row in rbm.history_]
    )
    display = HistoryDisplay([{"my_value": 1.0}, {"other": 2.0}]).plot()
    assert [axes.get_title() for axes in display.axes_] == ["my value", "other"]
    assert_array_equal(display.axes_[1].lines[0].get_ydata(), [np.nan, 2.0])


def test_history_of_a_layer(X):
    stack = stack_of((6, 5), X)
    display = HistoryDisplay.from_estimator(stack, layer=0)
    assert display.history is stack.rbms_[0].history_


def test_hidden_activity(rbm, X):
    display = HiddenActivityDisplay.from_estimator(rbm, X, n_samples=20)
    assert_array_equal(display.image_.get_array(), rbm.transform(X[:20]))
    assert display.image_.get_clim() == (0, 1)
    wide = HiddenActivityDisplay([[-3.0, 5.0]]).plot()
    assert wide.image_.get_clim() == (-3, 5)


def test_axes_can_be_passed_in(rbm, X):
    figure, axes = plt.subplots(2, 3)
    shape = dict(image_shape=(3, 4))
    displays = [
        FiltersDisplay.from_estimator(rbm, ax=axes[0, 0], **shape),
        SamplesDisplay.from_estimator(rbm, n_steps=1, ax=axes[0, 1], **shape),
        ReconstructionsDisplay.from_estimator(rbm, X, ax=axes[0, 2], **shape),
        HiddenActivityDisplay.from_estimator(rbm, X, ax=axes[1, 0]),
    ]
    for display, ax in zip(displays, axes.flat, strict=False):
        assert display.axes_ is ax
        assert display.figure_ is figure
    history = HistoryDisplay.from_estimator(
        rbm, quantities=["seconds", "learning_rate"], ax=axes[1, 1:]
    )
    assert_array_equal(history.axes_, axes[1, 1:])
    assert history.figure_ is figure
    single = HistoryDisplay.from_estimator(rbm, quantities=["seconds"], ax=axes[1, 1])
    assert single.axes_[0] is axes[1, 1]
    figure.canvas.draw()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda rbm, X: FiltersDisplay.from_estimator(rbm), ValueError, "height"),
        (
            lambda rbm, X: FiltersDisplay.from_estimator(rbm, image_shape=(3, 5)),
            ValueError,
            "12 values",
        ),
        (
            lambda rbm, X: FiltersDisplay.from_estimator(rbm, image_shape=(12,)),
            ValueError,
            "12 values",
        ),
        (
            lambda rbm, X: FiltersDisplay.from_estimator(rbm, n_filters=0),
            ValueError,
            "'n_filters' parameter",
        ),
        (
            lambda rbm, X: FiltersDisplay.from_estimator(rbm, layer=0),
            ValueError,
            "layer=0: BernoulliRBM has a single layer",
        ),
        (
            lambda rbm, X: FiltersDisplay.from_estimator(stack_of((3,), X), layer=1),
            ValueError,
            "layer=1: take one of 0 to 0",
        ),
        (
            lambda rbm, X: FiltersDisplay.from_estimator(BernoulliRBM()),
            NotFittedError,
            "not fitted",
        ),
        (
            lambda rbm, X: FiltersDisplay.from_estimator(
                make_pipeline(rbm, LogisticRegression()).fit(X, X[:, 0])
            ),
            TypeError,
            "Pipeline has no machine_",
        ),
        (lambda rbm, X: FiltersDisplay([1.0, 2.0]), ValueError, "filters has shape"),
        (
            lambda rbm, X: SamplesDisplay.from_estimator(rbm, steps=(3, 1)),
            ValueError,
            r"steps=\(3, 1\)",
        ),
        (
            lambda rbm, X: SamplesDisplay(X[:, :9], steps=(1, 2)),
            ValueError,
            "film strip",
        ),
        (
            lambda rbm, X: SamplesDisplay(X[:, :9], n_columns=0),
            ValueError,
            "'n_columns' parameter",
        ),
        (
            lambda rbm, X: ReconstructionsDisplay(X, X[:3]),
            ValueError,
            "one reconstruction a row",
        ),
        (
            lambda rbm, X: ReconstructionsDisplay.from_estimator(
                LogisticRegression().fit(X, X[:, 0]), X
            ),
            TypeError,
            "has no reconstruct",
        ),
        (
            lambda rbm, X: HistoryDisplay.from_estimator(rbm, quantities=["luck"]),
            ValueError,
            "'luck', which was not recorded",
        ),
        (
            lambda rbm, X: HistoryDisplay.from_estimator(rbm, ax=plt.gca()),
            ValueError,
            "ax has 1 axes",
        ),
        (
            lambda rbm, X: HistoryDisplay.from_estimator(
                BernoulliRBM(2).partial_fit(X)
            ),
            ValueError,
            "no history_",
        ),
        (lambda rbm, X: HistoryDisplay([]), ValueError, "history is empty"),
    ],
)
def test_errors_say_what_to_do(rbm, X, call, error, message):
    with pytest.raises(error, match=message):
        call(rbm, X)


def test_matplotlib_is_missed_by_name(rbm, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        FiltersDisplay.from_estimator(rbm, image_shape=(3, 4))


def test_matplotlib_is_imported_only_to_draw():
    code = "import sys, skdbn.plotting; sys.exit('matplotlib' in sys.modules)"
    # Raises for any exit but zero.
    done = subprocess.run([sys.executable, "-c", code], check=True)
    assert done.returncode == 0


def test_versions_are_printed(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "joblib", SimpleNamespace(__version__="7.8.9"))
    skdbn.show_versions()
    out = capsys.readouterr().out
    printed = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert printed["python"].startswith(sys.version.split()[0])
    assert printed["skdbn"] == skdbn.__version__
    assert printed["numpy"] == np.__version__
    assert printed["joblib"] == "7.8.9"
    assert printed["matplotlib"] == "not installed"
    assert "for blas" in out


def test_module_can_be_run():
    run = subprocess.run(
        [sys.executable, "-m", "skdbn"], capture_output=True, text=True, check=True
    )
    assert f"skdbn        {skdbn.__version__}\n" in run.stdout
