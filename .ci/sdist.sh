#!/bin/sh
# Build the source distribution, and in it run what README.md says: install it in a new
# environment and test it. Options for pytest can be in PYTEST_ADDOPTS.
set -eu
cd "$(dirname "$0")/.."

python=$PWD/.venv/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

# Not every Python brings ensurepip along; this pip can install another one.
"$python" -m venv --without-pip "$work/venv"
"$python" -m pip --python "$work/venv/bin/python" install --quiet pip build
"$work/venv/bin/python" -m build --sdist --outdir "$work" . >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}
mkdir "$work/skdbn"
tar -xzf "$work"/skdbn-*.tar.gz -C "$work/skdbn" --strip-components=1

cd "$work/skdbn"
sed -n '/^pip install .*pytest$/p' README.md >"$work/commands"
[ -s "$work/commands" ] || {
    echo "README.md has no line that installs the package and runs pytest" >&2
    exit 1
}
PATH=$work/venv/bin:$PATH
export PATH
sh -eux "$work/commands"
