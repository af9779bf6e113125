"""From pictures to graphs and back."""

import pickle

import numpy as np
import pytest
from conftest import needs_images
from sklearn.base import clone

from skdbn.structured import (
    CRFClassifier,
    Graph,
    SuperpixelGraphs,
    label_maps,
    pixel_graphs,
    region_labels,
)
from skdbn.structured._regions import (
    boundaries,
    cells_of,
    chi_square,
    contrasts,
    edge_strength,
    filtered,
    histogram,
    likeness,
    moments,
)


def discs(rng, n_pictures=6, size=32):
    """A bright disc on a dark ground in RGB, and label maps."""
    y, x = np.indices((size, size)) - size / 2
    center = rng.uniform(-4, 4, (n_pictures, 2, 1, 1))
    maps = (np.hypot(y - center[:, 0], x - center[:, 1]) < size / 4).astype(int)
    pictures = np.where(maps[..., None] > 0, [0.9, 0.6, 0.5], [0.2, 0.3, 0.4])
    return (pictures + rng.normal(0, 0.05, pictures.shape)).clip(0, 1), maps


def test_pixels():
    picture = np.arange(12.0).reshape(3, 4)
    (graph,) = pixel_graphs([picture])
    np.testing.assert_array_equal(graph.node_features.ravel(), picture.ravel())
    pairs = {tuple(sorted(edge)) for edge in graph.edges.tolist()}
    expected = {(i, i + 1) for i in range(12) if i % 4 < 3} | {
        (i, i + 4) for i in range(8)
    }
    assert pairs == expected and len(graph.edges) == len(expected)
    np.testing.assert_allclose(
        graph.edge_features.ravel(),
        [abs(picture.flat[i] - picture.flat[j]) for i, j in graph.edges],
    )
    np.testing.assert_array_equal(label_maps([graph], [np.arange(12)])[0], picture)


def test_pixels_of_several_channels(rng):
    picture = rng.random((3, 4, 2)).astype(np.float32)
    (graph,) = pixel_graphs([picture])
    assert graph.node_features.shape == (12, 2)
    assert graph.node_features.dtype == np.float32
    rows = picture.reshape(12, 2)
    expected = [np.hypot(*(rows[i] - rows[j])) for i, j in graph.edges]
    np.testing.assert_allclose(graph.edge_features.ravel(), expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"pictures\[1\] has shape \(3,\)"):
        pixel_graphs([picture, np.zeros(3)])


def test_labels_there_and_back(rng):
    regions = np.array([[0, 0, 1, 1], [0, 2, 2, -1], [2, 2, 2, -1]])
    graph = Graph(np.zeros((3, 1)), regions=regions)
    labels = np.array([[4, 4, 7, 7], [5, 5, 5, 4], [5, 4, 5, 4]], np.uint8)
    (found,) = region_labels([graph], [labels])
    assert found.tolist() == [4, 7, 5]
    (back,) = label_maps([graph], [found])
    assert back.tolist() == [[4, 4, 7, 7], [4, 5, 5, -1], [5, 5, 5, -1]]
    assert region_labels([graph], [back])[0].tolist() == found.tolist()
    # Unknown pixels do not count.
    (some,) = region_labels([graph], [np.where(labels == 7, 0, labels)], unlabeled=0)
    assert some.tolist() == [4, 0, 5]
    assert region_labels([graph], [0 * labels], unlabeled=0)[0].tolist() == [0, 0, 0]
    colors = rng.random((3, 3))
    assert label_maps([graph], [colors], outside=1)[0][1, 3].tolist() == [1, 1, 1]


def test_bad_maps():
    graph = Graph(np.zeros((2, 1)), regions=[[0, 1]])
    with pytest.raises(ValueError, match=r"graphs\[0\] has no regions"):
        region_labels([Graph(np.zeros((2, 1)))], [[[0, 1]]])
    with pytest.raises(ValueError, match=r"maps\[0\] has shape \(2, 1\)"):
        region_labels([graph], [[[0], [1]]])
    with pytest.raises(ValueError, match=r"labels\[0\] has shape \(3,\)"):
        label_maps([graph], [[0, 1, 2]])


def test_statistics_of_regions(rng):
    regions = np.array([[0, 0, 1], [0, 1, 1]])
    values = np.array([0, 1, 1, 1, 0, 1])
    np.testing.assert_allclose(
        histogram(regions, values, 2), [[1 / 3, 2 / 3], [1 / 3, 2 / 3]]
    )
    lab = rng.random((2, 3, 3))
    mean, deviation = moments(regions, lab)
    np.testing.assert_allclose(mean[0], lab[regions == 0].mean(axis=0))
    np.testing.assert_allclose(deviation[1], lab[regions == 1].std(axis=0))
    # Of a region in the middle and another one around it.
    regions = np.pad(np.zeros((8, 8), int), 4, constant_values=1)
    middle, border = np.split(contrasts(regions, mean), 2, axis=1)
    assert np.abs(middle[0]).max() < 0.2 * np.abs(middle[1]).max()
    np.testing.assert_allclose(border[1], 0, atol=1e-12)
    np.testing.assert_allclose(border[0, :3], mean[0] - mean[1])
    np.testing.assert_allclose(border[0, 3:6], np.abs(mean[0] - mean[1]))
    np.testing.assert_allclose(border[0, 6], np.linalg.norm(mean[0] - mean[1]))


def test_middle_of_a_picture(rng):
    """Each pixel counts by a Gaussian of 0.3 of half the sides."""
    regions, mean = rng.integers(3, size=(5, 7)), rng.random((3, 2))
    regions.flat[:3] = range(3)
    total = weight = 0.0
    for row, column in np.ndindex(5, 7):
        distance = np.hypot(row / 2 - 1, column / 3 - 1)
        own = np.exp(-0.5 * (distance / 0.3) ** 2)
        weight, total = weight + own, total + own * mean[regions[row, column]]
    found = contrasts(regions, mean)[:, :2]
    np.testing.assert_allclose(found, mean - total / weight, rtol=1e-12)


def test_cells_of_pixels():
    expected = [[0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [2, 2, 2, 3, 3], [2, 2, 2, 3, 3]]
    assert cells_of((4, 5), 2).reshape(4, 5).tolist() == expected
    assert cells_of((1, 3), 3).tolist() == [0, 1, 2]


def test_likeness():
    """One color is of regions 0 and 2, another of region 1, 24 away."""
    regions = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2], [2, 2, 1, 2]])
    mean = np.array([[50.0, 0, 0], [50, 24, 0], [50, 0, 0]])
    near, far = 1.0, np.exp(-2)
    expected = [
        [near, far, near, 0.75 * near + 0.25 * far],
        [far, near, far, 0.75 * far + 0.25 * near],
    ]
    found = likeness(regions, mean, 2)
    np.testing.assert_allclose(found, [*expected, expected[0]])
    # Pictures may have fewer pixels than cells.
    assert np.isfinite(likeness(regions[:1], mean[:2], 3)).all()
    # Of many regions in parts.
    many = np.random.default_rng(0).uniform(0, 50, (2100, 3))
    squares = np.square(many[:, None, :] - many).sum(axis=2)
    expected = np.exp(-squares / 288).mean(axis=1, keepdims=True)
    found = likeness(np.arange(2100).reshape(30, 70), many, 1)
    np.testing.assert_allclose(found, expected)


def test_strength_of_an_edge():
    """A step has the slope of a Gaussian with a deviation of one pixel."""
    lab = np.zeros((20, 20, 3))
    lab[:, 10:] = [2.0, 0, 1]
    row = edge_strength(lab)[7]
    beside = np.exp(-0.5 * (np.arange(20) - 9.5) ** 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(row, 3 * beside, atol=0.05)
    np.testing.assert_allclose(edge_strength(lab.swapaxes(0, 1))[:, 7], row)


def test_filters_of_textures():
    """At each width: colors, slopes to the right and down, and the curvature."""
    x, y = np.arange(61) - 30.0, np.arange(61)[:, None] - 30.0
    lab = np.stack(np.broadcast_arrays(0.1 * x**2 + 0.5 * x + 0.3 * y, 2.0, y), axis=-1)
    found = filtered(lab).reshape(61, 61, 3, 6)[30, 30]
    for scale, answers in zip((1, 2, 4), found, strict=True):
        expected = 0.1 * scale**2, 2, 0, 0.5 * scale, 0.3 * scale, 0.2 * scale**2
        np.testing.assert_allclose(answers, expected, rtol=0.02, atol=0.01)


def test_boundaries():
    regions = np.array([[0, 0, 1], [0, 1, 1]])
    strength = np.array([[0.0, 1, 2], [3, 4, 5]])
    edges, sides = boundaries(regions, strength)
    assert edges.tolist() == [[0, 1]]
    # Between columns 1 and 2 above, 0 and 1 below, and rows 0 and 1 at column 1.
    assert sides[0] == pytest.approx(np.mean([1.5, 3.5, 2.5]))
    p, q = np.array([[0.5, 0.5, 0]]), np.array([[0.5, 0, 0.5]])
    assert chi_square(p, q)[0] == pytest.approx(0.5)
    assert chi_square(p, p)[0] == 0


@needs_images
def test_superpixels(rng):
    pictures, maps = discs(rng)
    transformer = SuperpixelGraphs(80, n_colors=8, n_textures=8, random_state=0)
    graphs = transformer.fit_transform(pictures)
    y = region_labels(graphs, maps)
    right = [
        (back == own).mean()
        for back, own in zip(label_maps(graphs, y), maps, strict=True)
    ]
    assert np.mean(right) > 0.93
    for graph in graphs:
        assert graph.node_features.shape[1] == 8 + 8 + 3 + 3 + 14 + 64 + 64
        shares = graph.node_features[:, :16].reshape(-1, 2, 8).sum(axis=2)
        np.testing.assert_allclose(shares, 1, rtol=1e-5)
        np.testing.assert_allclose(
            graph.node_features[:, -64:].sum(axis=1), 1, rtol=1e-5
        )
        assert (graph.edges[:, 0] < graph.edges[:, 1]).all()
        np.testing.assert_allclose(graph.areas.sum(), 1)
    model = CRFClassifier(random_state=0, max_iter=50).fit(graphs[:4], y[:4])
    assert model.score(graphs[4:], y[4:]) > 0.9


@needs_images
def test_superpixels_are_repeatable(rng):
    pictures, _ = discs(rng, 2)
    transformer = SuperpixelGraphs(20, n_colors=4, n_textures=4, random_state=0)
    first = transformer.fit_transform((255 * pictures).astype(np.uint8))
    for other in (
        pickle.loads(pickle.dumps(transformer)),
        clone(transformer).fit((255 * pictures).astype(np.uint8)),
    ):
        again = other.transform((255 * pictures).astype(np.uint8))
        for one, two in zip(first, again, strict=True):
            np.testing.assert_array_equal(one.node_features, two.node_features)


@needs_images
def test_superpixels_take_rgb_only():
    with pytest.raises(ValueError, match=r"X\[0\] has shape \(8, 8\)"):
        SuperpixelGraphs().fit([np.zeros((8, 8))])
