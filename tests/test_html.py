"""The HTML view of estimators."""

from email.message import Message
from pathlib import Path

import pytest

import skdbn
from skdbn import _sklearn

SITE = "https://docs.example.org"
KINDS = [
    "RBM",
    "BernoulliRBM",
    "GaussianRBM",
    "SparseRBM",
    "MixedRBM",
    "RBMClassifier",
    "DBNTransformer",
    "DBNClassifier",
    "DBNRegressor",
    "BoltzmannImputer",
]


@pytest.mark.parametrize("kind", KINDS)
def test_link_to_the_page(kind, monkeypatch):
    estimator = getattr(skdbn, kind)()
    monkeypatch.setattr(_sklearn, "documentation_site", lambda: SITE)
    assert f'href="{SITE}/generated/skdbn.{kind}.html"' in estimator._repr_html_()
    pages = (Path(__file__).parents[1] / "docs" / "api.rst").read_text().split()
    assert {kind, f"skdbn.{kind}", f"~skdbn.{kind}"} & set(pages)
    monkeypatch.setattr(_sklearn, "documentation_site", lambda: "")
    assert f"{kind}.html" not in estimator._repr_html_()


@pytest.mark.parametrize(
    "urls, site",
    [
        ([], ""),
        (["Source, https://code.example.org"], ""),
        (["Source, https://code.example.org", f"Documentation, {SITE}/"], SITE),
    ],
)
def test_address_in_the_metadata(urls, site, monkeypatch):
    message = Message()
    for url in urls:
        message["Project-URL"] = url
    monkeypatch.setattr(_sklearn, "metadata", lambda name: message)
    assert _sklearn.documentation_site.__wrapped__() == site


def test_no_metadata(monkeypatch):
    def missing(name):
        raise _sklearn.PackageNotFoundError(name)

    monkeypatch.setattr(_sklearn, "metadata", missing)
    assert _sklearn.documentation_site.__wrapped__() == ""
