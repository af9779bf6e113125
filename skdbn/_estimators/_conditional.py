"""What the estimators of a conditional machine share."""

from .._training._conditional import ConditionalPlan
from ._rbm import RBM


class ConditionalEstimator(RBM):
    """An RBM whose machine is conditional; `_n_given` says on how many columns."""

    @property
    def context_components_(self):
        """The weights B, of shape (n_components, n_context)."""
        return self.machine_.to_hidden.T

    @property
    def context_coef_(self):
        """The weights A, of shape (n_visible, n_context)."""
        return self.machine_.to_visible.T

    def _plan(self, **others):
        visible, hidden = self._new_units()
        others |= {"visible": visible, "hidden": hidden, "n_given": self._n_given}
        return ConditionalPlan.of(self, **others)
