"""Sphinx configuration; `make docs` builds the pages."""

import inspect
import itertools
import os
import zlib
from pathlib import Path

from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.utils.discovery import all_estimators, all_functions

import skdbn

# Pictures go to files: a display must not be needed.
os.environ.setdefault("MPLBACKEND", "Agg")

project = "skdbn"
author = "The skdbn developers"
copyright = "2026, The skdbn developers"
release = skdbn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    # MathJax and its fonts are copied into the pages, which then need no network.
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
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
html_static_path = ["_static"]
html_css_files = ["skdbn.css"]
html_theme_options = {
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "header_links_before_dropdown": 6,
}
# Copies of a doctest leave out its prompts and its output.
copybutton_prompt_text = ">>> |\\.\\.\\. |\\$ "
copybutton_prompt_is_regexp = True

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


def write_inventory(path):
    """List the pages of scikit-learn's classes and functions, without a network."""
    lines = []
    for name, member in [*all_estimators(), *all_functions()]:
        parts = itertools.takewhile(
            lambda part: not part.startswith("_"), member.__module__.split(".")
        )
        role = "class" if inspect.isclass(member) else "function"
        full = ".".join([*parts, name])
        lines.append(f"{full} py:{role} 1 modules/generated/{full}.html#$ -\n")
    header = "# Sphinx inventory version 2\n# Project: scikit-learn\n# Version:\n"
    header += "# The remainder of this file is compressed using zlib.\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header.encode() + zlib.compress("".join(lines).encode()))


def setup(app):
    app.connect("autodoc-skip-member", skip_member)


inventory = Path(__file__).parent / "_build" / "scikit-learn.inv"
write_inventory(inventory)
intersphinx_mapping = {
    "sklearn": ("https://scikit-learn.org/stable", str(inventory)),
}
