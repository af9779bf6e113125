"""Sphinx configuration; `make docs` builds the pages."""

import inspect
import os
import re

import matplotlib
from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.util import logging

import skdbn

# Pictures go to files: a display must not be needed.
os.environ.setdefault("MPLBACKEND", "Agg")

logger = logging.getLogger(__name__)

project = "skdbn"
author = "The skdbn developers"
copyright = "2026, The skdbn developers"
release = skdbn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["examples", "_build"]
templates_path = ["_templates"]

autosummary_generate = True
# The class template lists the members itself.
numpydoc_show_class_members = False
# Signatures show names and defaults; types are in the list of parameters.
autodoc_typehints = "none"

html_theme = "pydata_sphinx_theme"
html_title = "skdbn"
html_show_sourcelink = False
# Pages without pages below have nothing to show at the side.
html_sidebars = {name: [] for name in ("glossary", "whats_new", "develop", "search")}
# The font of the formulas comes with matplotlib.
html_static_path = [
    "_static",
    os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSerif.ttf"),
]
html_css_files = ["skdbn.css"]
html_theme_options = {
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "header_links_before_dropdown": 6,
}
# Formulas as MathML: browsers draw it themselves, so that no page needs a network.
html_math_renderer = "mathml"

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "doc_module": ("skdbn",),
    "backreferences_dir": "auto_examples/backreferences",
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib",),
    # What a script prints, and not the object of its last line.
    "capture_repr": (),
    "image_srcset": ["2x"],
    "write_computation_times": False,
    "download_all_examples": False,
}


def skip_member(app, what, name, obj, skip, options):
    """Leave out what scikit-learn documents, and attributes, which numpydoc lists."""
    if what != "class":
        return None
    if not inspect.isroutine(obj):
        return True
    module = getattr(obj, "__module__", None) or ""
    return None if module.startswith("skdbn") else True


def visit_math(translator, node):
    """Write a formula as MathML."""
    block = isinstance(node, nodes.math_block)
    # What docutils does not know, and the space between a function and its argument.
    formula = re.sub(r"\\[bB]ig\s*(?=[([]|\\\{|\\langle)", r"\\left", node.astext())
    formula = re.sub(r"\\[bB]ig\s*(?=[])]|\\\}|\\rangle)", r"\\right", formula)
    formula = re.sub(r"\\(log|exp)(?=\s+\\?[a-zA-Z])", r"\\\1\\,", formula)
    try:
        markup = latex2mathml.tex2mathml(formula, as_block=block)
    except MathError as error:
        logger.warning("formula %r: %s", node.astext(), error, location=node)
        markup = translator.encode(node.astext())
    tag = "div" if block else "span"
    translator.body.append(translator.starttag(node, tag, "", CLASS="math"))
    translator.body.append(f"{markup}</{tag}>")
    raise nodes.SkipNode


def setup(app):
    app.connect("autodoc-skip-member", skip_member)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
