"""Sphinx configuration; `make docs` builds the pages."""

import inspect

import skdbn

project = "skdbn"
author = "The skdbn developers"
copyright = "2026, The skdbn developers"
release = skdbn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
]
exclude_patterns = ["examples", "_build"]
templates_path = ["_templates"]

autosummary_generate = True
# The class template lists the members itself.
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "skdbn"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}


def skip_member(app, what, name, obj, skip, options):
    """Leave out what scikit-learn documents, and attributes, which numpydoc lists."""
    if what != "class":
        return None
    if not inspect.isroutine(obj):
        return True
    module = getattr(obj, "__module__", None) or ""
    return None if module.startswith("skdbn") else True


def setup(app):
    app.connect("autodoc-skip-member", skip_member)
