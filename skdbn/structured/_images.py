"""From pictures to graphs, and from labels of nodes back to pictures."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._estimators._restricted import restoring
from .._utils._checks import as_numbers
from .._utils._numerics import check_size
from .._utils._persistence import VersionMixin
from .._utils._sklearn import DocLinkMixin, Interval, fit_context
from ._graphs import Graph
from ._regions import (
    boundaries,
    cells_of,
    chi_square,
    contrasts,
    edge_strength,
    filtered,
    histogram,
    likeness,
    moments,
    neighbors,
    words,
)

# Pixels from which the words of color and texture are learned.
SAMPLE = 100_000


class SuperpixelGraphs(DocLinkMixin, VersionMixin, TransformerMixin, BaseEstimator):
    r"""Turn pictures into graphs of superpixels, by scikit-image.

    A picture is cut into superpixels by SLIC [1]_. The features of a superpixel are

    * the histogram of its colors, in words that are learned by k-means in Lab space;
    * the histogram of its textures, in words that are learned from the answers of
      Gaussian filters, their gradients and Laplacians, at three scales (textons) [2]_;
    * the means and standard deviations of its color;
    * how its mean color differs from those of the middle and of the border of the
      picture;
    * how alike in color it is to what is at each place, on a grid: a region of a face is
      colored as is the middle of the picture, wherever it is;
    * the histogram of its positions on a grid.

    Neighbors are joined by an edge, which has as features the strength of the boundary
    between them, the distance of their colors, and the :math:`\chi^2` distance of the
    histograms of their textures.

    Parameters
    ----------
    n_segments : int, default=250
        Number of superpixels of a picture, about.

    compactness : float, default=10.0
        How much more being near counts than being alike; more makes squares.

    n_colors, n_textures : int, default=64
        Number of words of color and of texture.

    n_positions : int, default=8
        Number of cells on a side of the grid of positions; 0 leaves positions out.

    n_places : int, default=8
        Number of cells on a side of the grid of colors to be alike to; 0 leaves them
        out.

    random_state : int, RandomState instance or None, default=None
        Determines the pixels from which words are learned. Pass an int for repeatable
        results.

    Attributes
    ----------
    colors_, textures_ : MiniBatchKMeans
        The words.

    scale_ : ndarray of shape (n_filters,)
        Standard deviation of the answers of each filter.

    See Also
    --------
    pixel_graphs : Every pixel is a node.
    region_labels : From label maps to labels of nodes.
    label_maps : From labels of nodes to label maps.

    References
    ----------
    .. [1] Achanta, R. et al. (2012). SLIC superpixels compared to state-of-the-art
       superpixel methods. IEEE PAMI 34(11).
    .. [2] Malik, J., Belongie, S., Leung, T. and Shi, J. (2001). Contour and texture
       analysis for image segmentation. IJCV 43(1).

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.structured import SuperpixelGraphs
    >>> pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    >>> transformer = SuperpixelGraphs(
    ...     n_segments=20, n_colors=8, n_textures=8, random_state=0
    ... )
    >>> graphs = transformer.fit_transform(pictures)  # doctest: +SKIP
    >>> graphs[0].regions.shape  # doctest: +SKIP
    (32, 32)
    """

    _parameter_constraints: dict = {
        "n_segments": [Interval(Integral, 1, None, closed="left")],
        "compactness": [Interval(Real, 0, None, closed="neither")],
        "n_colors": [Interval(Integral, 1, None, closed="left")],
        "n_textures": [Interval(Integral, 1, None, closed="left")],
        "n_positions": [Interval(Integral, 0, None, closed="left")],
        "n_places": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_segments=250,
        *,
        compactness=10.0,
        n_colors=64,
        n_textures=64,
        n_positions=8,
        n_places=8,
        random_state=None,
    ):
        self.n_segments = n_segments
        self.compactness = compactness
        self.n_colors = n_colors
        self.n_textures = n_textures
        self.n_positions = n_positions
        self.n_places = n_places
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the words of color and of texture.

        Parameters
        ----------
        X : sequence of array-like of shape (height, width, 3)
            Pictures in RGB, bytes or floats between 0 and 1, of any sizes.

        y : array-like, default=None
            Ignored.

        Returns
        -------
        self : SuperpixelGraphs
            The fitted transformer.

        Raises
        ------
        ImportError
            If scikit-image is not installed.
        ValueError
            If a picture is not in RGB.
        """
        check_list("X", X)
        rng = check_random_state(self.random_state)
        n_pixels = max(1, SAMPLE // len(X))
        colors, answers = [], []
        for i, picture in enumerate(X):
            lab = as_lab(picture, f"X[{i}]")
            chosen = rng.randint(lab[..., 0].size, size=n_pixels)
            colors.append(lab.reshape(-1, 3)[chosen])
            answers.append(filtered(lab)[chosen])
        colors, answers = np.concatenate(colors), np.concatenate(answers)
        with restoring(self):
            self.scale_ = answers.std(axis=0) + 1e-6
            self.colors_ = words(colors, self.n_colors, rng)
            self.textures_ = words(answers / self.scale_, self.n_textures, rng)
        return self

    def transform(self, X):
        """Turn pictures into graphs.

        Parameters
        ----------
        X : sequence of array-like of shape (height, width, 3)
            Pictures in RGB.

        Returns
        -------
        graphs : list of Graph
            A graph for each picture, with its `regions`.

        Raises
        ------
        ImportError
            If scikit-image is not installed.
        ValueError
            If a picture is not in RGB.
        """
        check_is_fitted(self)
        check_list("X", X)
        return [self._graph(picture, f"X[{i}]") for i, picture in enumerate(X)]

    def _graph(self, picture, name):
        """The graph of a picture."""
        lab = as_lab(picture, name)
        regions = superpixels(picture, self.n_segments, self.compactness)
        colors = self.colors_.predict(lab.reshape(-1, 3))
        textures = self.textures_.predict(filtered(lab) / self.scale_)
        texture_shares = histogram(regions, textures, self.n_textures)
        mean, deviation = moments(regions, lab)
        features = [
            histogram(regions, colors, self.n_colors),
            texture_shares,
            mean,
            deviation,
            contrasts(regions, mean),
        ]
        if self.n_places:
            features.append(likeness(regions, mean, self.n_places))
        if self.n_positions:
            cells = cells_of(regions.shape, self.n_positions)
            features.append(histogram(regions, cells, self.n_positions**2))
        edges, strength = boundaries(regions, edge_strength(lab))
        edge_features = [
            strength,
            np.linalg.norm(np.subtract(*mean[edges.T]), axis=1),
            chi_square(*texture_shares[edges.T]),
        ]
        return Graph(
            np.hstack(features).astype(np.float32),
            edges,
            np.stack(edge_features, axis=1).astype(np.float32),
            regions,
        )


def pixel_graphs(pictures):
    """Turn pictures into graphs with a node for each pixel.

    Neighbors in a row or a column are joined; the feature of an edge is the distance of
    the two pixels.

    Parameters
    ----------
    pictures : sequence of array-like of shape (height, width) or (height, width, n_channels)
        Gray pictures, or with several numbers a pixel. The nodes are the pixels, row by
        row.

    Returns
    -------
    graphs : list of Graph
        A graph for each picture, with its `regions`.

    Raises
    ------
    ValueError
        If a picture has another number of dimensions.

    See Also
    --------
    SuperpixelGraphs : Fewer nodes, with features of color and texture.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.structured import pixel_graphs
    >>> (graph,) = pixel_graphs([np.zeros((3, 4))])
    >>> graph.n_nodes, len(graph.edges)
    (12, 17)
    """
    check_list("pictures", pictures)
    return [
        pixel_graph(picture, f"pictures[{i}]") for i, picture in enumerate(pictures)
    ]


def check_list(name, values, graphs=None):
    """Raise a ValueError unless there is a value at least, and one for each graph."""
    if not hasattr(values, "__len__") or len(values) == 0:
        raise ValueError(f"{name} is {values!r}: take a list with one at least.")
    if graphs is not None and len(values) != len(graphs):
        raise ValueError(
            f"{name} has {len(values)} entries for {len(graphs)} graphs: give one each."
        )


def as_picture(picture, name):
    """Finite numbers for pixels, of which there is one at least."""
    picture = as_numbers(name, picture, "a picture of numbers")
    if picture.size == 0:
        raise ValueError(f"{name} has no pixel: its shape is {picture.shape}.")
    if not np.isfinite(picture).all():
        raise ValueError(f"{name} has values that are NaN or infinite.")
    check_size(name, picture)
    return picture


def pixel_graph(picture, name):
    """The graph of the pixels of a picture."""
    picture = as_picture(picture, name)
    if picture.ndim not in (2, 3):
        raise ValueError(
            f"{name} has shape {picture.shape}: take (height, width) or (height, width, "
            "n_channels)."
        )
    regions = np.arange(picture[..., 0].size if picture.ndim == 3 else picture.size)
    regions = regions.reshape(picture.shape[:2])
    features = picture.reshape(regions.size, -1)
    if features.dtype != np.float32:
        features = features.astype(float)
    edges = np.concatenate([np.stack(pair, axis=1) for pair in neighbors(regions)])
    distance = np.linalg.norm(np.subtract(*features[edges.T]), axis=1, keepdims=True)
    return Graph(features, edges, distance, regions)


def region_labels(graphs, maps, unlabeled=-1):
    """Turn label maps into labels of nodes, by the majority of the pixels of a node.

    Parameters
    ----------
    graphs : list of Graph
        Graphs with `regions`.

    maps : sequence of array-like of int of shape (height, width)
        The label of each pixel.

    unlabeled : int, default=-1
        The label of pixels that do not count, and of nodes that have no other.

    Returns
    -------
    labels : list of ndarray of shape (n_nodes,)
        The labels of the nodes of each graph. Of labels that are equally frequent it is
        the smallest.

    Raises
    ------
    ValueError
        If a graph has no regions, or a map another shape than they.

    See Also
    --------
    label_maps : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.structured import Graph, region_labels
    >>> graph = Graph(np.zeros((2, 1)), regions=[[0, 0, 1], [0, 1, 1]])
    >>> region_labels([graph], [[[0, 0, 1], [1, 2, 2]]])
    [array([0, 2])]
    """
    check_list("graphs", graphs)
    check_list("maps", maps, graphs)
    return [
        majority(regions_of(graph, f"graphs[{i}]"), labels, unlabeled, f"maps[{i}]")
        for i, (graph, labels) in enumerate(zip(graphs, maps, strict=True))
    ]


def majority(regions, labels, unlabeled, name):
    """The most frequent label of each region."""
    labels = as_numbers(name, labels, "a picture of labels")
    if labels.shape != regions.shape:
        raise ValueError(
            f"{name} has shape {labels.shape}, and the regions of its graph "
            f"{regions.shape}: bring one to the size of the other."
        )
    counts = (regions >= 0) & (labels != unlabeled)
    classes, codes = np.unique(labels[counts], return_inverse=True)
    if not len(classes):
        return np.full(regions.max() + 1, unlabeled)
    table = np.zeros((regions.max() + 1, len(classes)))
    np.add.at(table, (regions[counts], codes), 1)
    found = classes[table.argmax(axis=1)]
    known = table.any(axis=1)
    return found if known.all() else np.where(known, found, np.array(unlabeled))


def label_maps(graphs, labels, outside=-1):
    """Turn labels, or other values, of nodes into pictures.

    Parameters
    ----------
    graphs : list of Graph
        Graphs with `regions`.

    labels : list of array-like of shape (n_nodes,) or (n_nodes, n_channels)
        A value, or several, for each node.

    outside : int or float, default=-1
        Value of pixels that belong to no node.

    Returns
    -------
    maps : list of ndarray of shape (height, width) or (height, width, n_channels)
        The value of the node of each pixel.

    Raises
    ------
    ValueError
        If a graph has no regions, or values are not one for each node.

    See Also
    --------
    region_labels : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from skdbn.structured import Graph, label_maps
    >>> graph = Graph(np.zeros((2, 1)), regions=[[0, 0, 1], [0, 1, 1]])
    >>> label_maps([graph], [[5, 7]])
    [array([[5, 5, 7],
           [5, 7, 7]])]
    """
    check_list("graphs", graphs)
    check_list("labels", labels, graphs)
    maps = []
    for i, (graph, values) in enumerate(zip(graphs, labels, strict=True)):
        regions, values = regions_of(graph, f"graphs[{i}]"), np.asarray(values)
        if values.shape[:1] != (graph.n_nodes,):
            raise ValueError(
                f"labels[{i}] has shape {values.shape}, and the graph has "
                f"{graph.n_nodes} nodes."
            )
        found = values[regions]
        missing = (regions < 0).reshape(regions.shape + (1,) * (found.ndim - 2))
        maps.append(
            np.where(missing, np.array(outside), found) if missing.any() else found
        )
    return maps


def regions_of(graph, name):
    """The regions of a graph that has them."""
    if graph.regions is None:
        raise ValueError(f"{name} has no regions: it is not the graph of a picture.")
    return graph.regions


def as_lab(picture, name):
    """A picture in RGB as one in Lab space."""
    color = scikit_image("color")
    picture = as_picture(picture, name)
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"{name} has shape {picture.shape}: take a picture in RGB, of shape (height, "
            "width, 3); skimage.color.gray2rgb makes one of a gray picture."
        )
    return color.rgb2lab(picture).astype(np.float32)


def scikit_image(module):
    """A module of scikit-image."""
    try:
        from skimage import color, segmentation
    except ImportError as error:
        raise ImportError(
            "Superpixels need scikit-image: pip install 'skdbn[images]'."
        ) from error
    return {"color": color, "segmentation": segmentation}[module]


def superpixels(picture, n_segments, compactness):
    """A map of superpixels, counted from 0."""
    slic = scikit_image("segmentation").slic
    found = slic(np.asarray(picture), n_segments, compactness, start_label=0)
    return np.unique(found, return_inverse=True)[1].reshape(found.shape)
