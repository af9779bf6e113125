"""Labels of the nodes of graphs: random fields with a Boltzmann machine's shape prior."""

from ._crf import CRFClassifier
from ._graphs import Graph
from ._images import SuperpixelGraphs, label_maps, pixel_graphs, region_labels

__all__ = [
    "CRFClassifier",
    "Graph",
    "SuperpixelGraphs",
    "label_maps",
    "pixel_graphs",
    "region_labels",
]
