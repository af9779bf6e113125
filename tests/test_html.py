"""The HTML view of estimators."""

from email.message import Message
from pathlib import Path

import pytest

import skdbn
from skdbn._utils import _sklearn

SITE = "https://docs.example.org"
KINDS = [
    "RBM",
    "BernoulliRBM",
    "GaussianRBM",
    "ConvolutionalRBM",
    "SparseRBM",
    "ConditionalRBM",
    "TemporalRBM",
    "MixedRBM",
    "RBMClassifier",
    "DBNTransformer",
    "DBNClassifier",
    "DBNRegressor",
    "DBNAutoencoder",
    "DBNNeighborhoodComponents",
    "GenerativeDBNClassifier",
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


@pytest.fixture
def built(tmp_path, monkeypatch):
    """The folder of the pages that a checkout has built."""
    monkeypatch.setattr(_sklearn, "BUILT_PAGES", tmp_path)
    return tmp_path


def has_urls(*urls):
    message = Message()
    for url in urls:
        message["Project-URL"] = url
    return lambda name: message


def missing(name):
    raise _sklearn.PackageNotFoundError(name)


def test_address_in_the_metadata(built, monkeypatch):
    urls = "Source, https://code.example.org", f"Documentation, {SITE}/"
    monkeypatch.setattr(_sklearn, "metadata", has_urls(*urls))
    assert _sklearn.documentation_site.__wrapped__() == SITE


@pytest.mark.parametrize(
    "metadata",
    [missing, has_urls(), has_urls("Source, https://code.example.org")],
    ids=["not installed", "no address", "another address"],
)
def test_pages_of_a_checkout(metadata, built, monkeypatch):
    monkeypatch.setattr(_sklearn, "metadata", metadata)
    assert _sklearn.documentation_site.__wrapped__() == built.as_uri()
    monkeypatch.setattr(_sklearn, "BUILT_PAGES", built / "nowhere")
    assert _sklearn.documentation_site.__wrapped__() == ""
