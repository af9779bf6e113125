"""``python -m skdbn`` prints what a bug report needs to know."""

from ._utils._show_versions import show_versions

if __name__ == "__main__":
    show_versions()
