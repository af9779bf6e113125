"""Labels of the nodes of graphs: random fields with a Boltzmann machine's shape prior."""

from ._crf import CRFClassifier
from ._graphs import Graph
from ._images import SuperpixelGraphs, label_maps, pixel_graphs, region_labels
from ._shape_prior import ShapePriorCRFClassifier

__all__ = [
    "CRFClassifier",
    "Graph",
    "ShapePriorCRFClassifier",
    "SuperpixelGraphs",
    "label_maps",
    "pixel_graphs",
    "region_labels",
]
