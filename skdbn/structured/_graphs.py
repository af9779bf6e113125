"""Graphs whose nodes have labels, and many of them as one."""

from dataclasses import dataclass, field, fields, replace
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array, kron, vstack

from .._utils._checks import as_numbers, check_counts
from .._utils._numerics import check_size


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes with features, edges between them, and where the nodes are.

    Parameters
    ----------
    node_features : array-like of shape (n_nodes, n_node_features)
        What is known of each node. float32 stays float32, all else becomes float64.

    edges : array-like of int of shape (n_edges, 2), default=None
        Pairs of nodes, counted from 0. An edge has no direction and stands here once.
        None is a graph without edges.

    edge_features : array-like of shape (n_edges, n_edge_features), default=None
        What is known of each edge. With None all edges are alike.

    regions : array-like of int of shape (height, width), default=None
        For each pixel of a picture the node to which it belongs, and −1 where it belongs
        to none.

    positions : array-like of shape (n_nodes, 2), default=None
        Where each node is, for graphs that are not regions of a picture: the row and
        the column as fractions of the height and the width, between 0 and 1. The nodes
        then count as points of equal area.

    Attributes
    ----------
    n_nodes : int
        Number of nodes.

    areas : ndarray of shape (n_nodes,)
        Share of the picture that each node covers.

    Raises
    ------
    ValueError
        If shapes do not fit, if an edge leads to a node that does not exist or from a
        node to itself, if two edges join the same nodes, if features are not finite, or
        if a node has no pixel.

    See Also
    --------
    SuperpixelGraphs : Graphs of the superpixels of pictures.
    pixel_graphs : Graphs of the pixels of pictures.

    Examples
    --------
    >>> from skdbn.structured import Graph
    >>> graph = Graph([[0.0], [1.0], [2.0]], edges=[[0, 1], [1, 2]])
    >>> graph.n_nodes
    3
    """

    node_features: np.ndarray
    edges: np.ndarray = None
    edge_features: np.ndarray = None
    regions: np.ndarray = None
    positions: np.ndarray = None
    areas: np.ndarray = field(init=False, repr=False)

    def __post_init__(self):
        features = as_table("node_features", self.node_features)
        n_nodes = len(features)
        if n_nodes == 0:
            raise ValueError("node_features has no row: a graph has at least one node.")
        edges = as_edges(self.edges, n_nodes)
        edge_features = np.empty((len(edges), 0), features.dtype)
        if self.edge_features is not None:
            edge_features = as_table("edge_features", self.edge_features)
        if len(edge_features) != len(edges):
            raise ValueError(
                f"edge_features has {len(edge_features)} rows and edges has {len(edges)}: "
                "give one row for each edge."
            )
        self._set(
            node_features=features,
            edges=edges,
            edge_features=edge_features,
            areas=np.full(n_nodes, 1 / n_nodes),
        )
        if self.positions is not None:
            self._set(positions=as_positions(self.positions, n_nodes))
        if self.regions is not None:
            regions, areas = as_regions(self.regions, n_nodes)
            self._set(regions=regions, areas=areas)

    def _set(self, **values):
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def n_nodes(self):
        """Number of nodes."""
        return len(self.node_features)

    def overlap(self, n_cells):
        """The area that each node shares with each cell of a square grid.

        Parameters
        ----------
        n_cells : int
            Number of cells on a side.

        Returns
        -------
        overlap : csr_array of shape (n_nodes, n_cells ** 2)
            Areas, as shares of the picture, of the cells row by row.

        Raises
        ------
        ValueError
            If the graph has neither regions nor positions.
        """
        check_counts("grid_overlap", n_cells=n_cells)
        shape = self.n_nodes, n_cells**2
        if self.regions is not None:
            pixels = self.regions.ravel()
            inside = np.flatnonzero(pixels >= 0)
            ones = np.ones(len(inside))
            members = csr_array(
                (ones, (pixels[inside], inside)), shape=(self.n_nodes, len(pixels))
            )
            return csr_array(members @ pixel_overlap(*self.regions.shape, n_cells))
        if self.positions is not None:
            row, column = (
                np.minimum(self.positions * n_cells, n_cells - 1).astype(int).T
            )
            cells = row * n_cells + column
            return csr_array(
                (self.areas, (np.arange(self.n_nodes), cells)), shape=shape
            )
        raise ValueError(
            "the graph has neither regions nor positions, by which nodes are placed on a "
            "grid: give one of them, or take spatial=None and no shape prior."
        )


def mirrored(graph):
    """A graph with left and right exchanged."""
    if graph.regions is not None:
        graph = replace(graph, regions=graph.regions[:, ::-1])
    if graph.positions is not None:
        graph = replace(graph, positions=graph.positions * [1, -1] + [0, 1])
    return graph


@lru_cache(maxsize=16)
def pixel_overlap(height, width, n_cells):
    """Area that each pixel shares with each cell, as shares of the picture."""
    return csr_array(
        kron(side_overlap(height, n_cells), side_overlap(width, n_cells), format="csr")
    )


def side_overlap(n_pixels, n_cells):
    """Length that each pixel of a side shares with each cell, as shares of the side."""
    pixels = np.arange(n_pixels + 1)[:, None] / n_pixels
    cells = np.arange(n_cells + 1) / n_cells
    ends = np.minimum(pixels[1:], cells[1:])
    starts = np.maximum(pixels[:-1], cells[:-1])
    return csr_array(np.maximum(ends - starts, 0))


def as_table(name, values):
    """Finite numbers in rows and columns, as float32 or float64."""
    values = as_numbers(name, values, "a table of numbers")
    if values.dtype != np.float32:
        values = values.astype(np.float64)
    if values.ndim != 2:
        raise ValueError(f"{name} has {values.ndim} dimensions: take rows and columns.")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has values that are NaN or infinite.")
    check_size(name, values)
    return values


def as_edges(edges, n_nodes):
    """Pairs of existing nodes."""
    if edges is None:
        return np.empty((0, 2), np.intp)
    edges = as_numbers("edges", edges, "pairs of ints")
    if edges.size == 0:
        return np.empty((0, 2), np.intp)
    if edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu":
        raise ValueError(
            f"edges has shape {edges.shape} and dtype {edges.dtype}: take pairs of ints, "
            "of shape (n_edges, 2)."
        )
    outside = (edges < 0) | (edges >= n_nodes)
    if outside.any():
        raise ValueError(
            f"edges has node {edges[outside][0]}, and the graph has {n_nodes} nodes, "
            "counted from 0."
        )
    edges = edges.astype(np.intp)
    loops = edges[:, 0] == edges[:, 1]
    if loops.any():
        raise ValueError(
            f"edges joins node {edges[loops][0, 0]} with itself: leave such edges out."
        )
    low, high = np.sort(edges, axis=1).T
    keys = np.sort(low * n_nodes + high)
    again = keys[1:][keys[1:] == keys[:-1]]
    if len(again):
        i, j = divmod(int(again[0]), n_nodes)
        raise ValueError(
            f"edges joins nodes {i} and {j} more than once: an edge has no direction, so "
            "give one of (i, j) and (j, i)."
        )
    return edges


def as_positions(positions, n_nodes):
    """A row and a column between 0 and 1 for each node."""
    positions = as_table("positions", positions)
    if positions.shape != (n_nodes, 2):
        raise ValueError(
            f"positions has shape {positions.shape}: take a row and a column for each of "
            f"the {n_nodes} nodes."
        )
    if positions.min() < 0 or positions.max() > 1:
        raise ValueError(
            "positions has values outside 0 to 1: divide rows by the height and columns "
            "by the width."
        )
    return positions


def as_regions(regions, n_nodes):
    """A map of nodes of which each has a pixel, and the share of each."""
    regions = as_numbers("regions", regions, "a picture of ints")
    if regions.ndim != 2 or regions.dtype.kind not in "iu":
        raise ValueError(
            f"regions has shape {regions.shape} and dtype {regions.dtype}: take a picture "
            "of ints."
        )
    if regions.size == 0:
        raise ValueError(f"regions has no pixel: its shape is {regions.shape}.")
    if regions.min() < -1 or regions.max() >= n_nodes:
        raise ValueError(
            f"regions reaches from {regions.min()} to {regions.max()}, and the nodes are "
            f"0 to {n_nodes - 1}, with -1 for none."
        )
    regions = regions.astype(np.int32)
    counts = np.bincount(regions[regions >= 0], minlength=n_nodes)
    if not counts.all():
        raise ValueError(
            f"regions has no pixel of node {counts.argmin()}: leave such nodes out."
        )
    return regions, counts / regions.size


def as_graphs(X):
    """A list of graphs from graphs and tuples, all of the same kind."""
    if isinstance(X, Graph) or not hasattr(X, "__len__"):
        raise ValueError(
            f"X is a {type(X).__name__}: take a list of graphs, [graph] for a single one."
        )
    if len(X) == 0:
        raise ValueError("X has no graph: give at least one.")
    graphs = []
    for i, item in enumerate(X):
        if isinstance(item, Graph):
            graphs.append(item)
            continue
        if not isinstance(item, tuple):
            raise TypeError(
                f"X[{i}] is a {type(item).__name__}: take a Graph, or a tuple of "
                f"{', '.join(f.name for f in fields(Graph) if f.init)}."
            )
        try:
            graphs.append(Graph(*item))
        except (TypeError, ValueError) as error:
            raise ValueError(f"X[{i}]: {error}") from error
    return graphs


class Batch:
    """Graphs side by side, as one graph of several parts.

    Parameters
    ----------
    graphs : list of Graph
        The graphs.

    Attributes
    ----------
    starts : ndarray of shape (n_graphs + 1,)
        The first node of each graph, and the number of nodes.

    edges : ndarray of shape (n_edges, 2)
        Edges between nodes of the whole.
    """

    def __init__(self, graphs):
        self.graphs = graphs
        self.starts = np.cumsum([0, *(graph.n_nodes for graph in graphs)])
        self.edges = np.concatenate(
            [
                graph.edges + start
                for graph, start in zip(graphs, self.starts[:-1], strict=True)
            ]
        )
        self.features = np.concatenate([graph.node_features for graph in graphs])
        self.edge_features = np.concatenate([graph.edge_features for graph in graphs])

    def __len__(self):
        return len(self.graphs)

    @property
    def n_nodes(self):
        return int(self.starts[-1])

    def split(self, values):
        """Values of all nodes as a list of those of each graph."""
        return np.split(values, self.starts[1:-1])

    def sums(self, values):
        """The sum over the nodes of each graph."""
        return np.add.reduceat(values, self.starts[:-1])

    def cover(self, n_cells):
        """For each node, the share of its area in each cell of a grid.

        A csr_array of shape (n_nodes, n_cells ** 2), whose rows add up to 1; those of a
        node without area within the grid have nothing.
        """
        overlap = self._overlap(n_cells)
        return scaled_rows(overlap)

    def pooling(self, n_cells):
        """For each cell of each graph's own grid, the share of it that each node covers.

        A csr_array of shape (n_graphs · n_cells ** 2, n_nodes). What no node covers does
        not count, so that rows add up to 1; those of empty cells have nothing.
        """
        overlap = self._overlap(n_cells)
        graph = np.repeat(np.arange(len(self)), np.diff(self.starts))
        own = np.repeat(graph * n_cells**2, np.diff(overlap.indptr))
        shape = self.n_nodes, len(self) * n_cells**2
        cells = csr_array((overlap.data, overlap.indices + own, overlap.indptr), shape)
        return scaled_rows(csr_array(cells.T))

    def _overlap(self, n_cells):
        """The areas that all nodes share with the cells of a grid."""
        overlaps = [graph.overlap(n_cells) for graph in self.graphs]
        return vstack(overlaps, format="csr").astype(self.features.dtype)


def scaled_rows(matrix):
    """A sparse matrix of which each row with an entry adds up to 1."""
    sums = matrix.sum(axis=1)
    scale = np.repeat(sums, np.diff(matrix.indptr))
    return csr_array((matrix.data / scale, matrix.indices, matrix.indptr), matrix.shape)
