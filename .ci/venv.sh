#!/bin/sh
# Usage: venv.sh DIR EXTRAS [CONSTRAINTS]
#
# Make DIR a virtual environment with this checkout and its EXTRAS installed.
# Does nothing, and needs no network, when DIR is up to date.
#
# PYTHON      the interpreter to use; by default the newest one found
# MAX_MINOR   the newest Python 3.x that will do (none by default)
set -eu
cd "$(dirname "$0")/.."

dir=$1
extras=$2
constraints=${3:-}
max_minor=${MAX_MINOR:-99}
stamp=$dir/.installed-$extras
# Present while DIR is being changed: a run that was cut short leaves it behind.
unfinished=$dir/.unfinished

fail() {
    printf '\nError: %s\n' "$1" >&2
    exit 1
}

# What an up-to-date stamp says. An editable install depends on where it is.
wanted() {
    pwd
    cat pyproject.toml ${constraints:+"$constraints"}
}

suits() {
    "$1" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $max_minor))" \
        >/dev/null 2>&1
}

identity() {
    "$1" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null
}

usable() {
    [ ! -e "$unfinished" ] && suits "$dir/bin/python" || return 1
    [ -z "${PYTHON:-}" ] || [ "$(identity "$PYTHON")" = "$(identity "$dir/bin/python")" ]
}

# Debian leaves ensurepip out of its Python, so there are several ways.
try() {
    printf '\n$ %s\n' "$*"
    rm -rf "$dir"
    mkdir -p "$dir"
    : >"$unfinished"
    "$@" && "$dir/bin/python" -m pip --version
}

without_ensurepip() {
    "$1" -m venv --without-pip "$dir" && "$1" -m pip --python "$dir/bin/python" install pip
}

create_with() {
    try "$1" -m venv "$dir" ||
        try without_ensurepip "$1" ||
        try "$1" -m virtualenv "$dir" ||
        try virtualenv --python "$1" "$dir" ||
        try uv venv --allow-existing --seed --python "$1" "$dir"
}

create() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3.14 python3.13 python3.12 python3.11 python3 python
    fi
    versions="Python 3.11 or newer"
    [ "$max_minor" = 99 ] || versions="Python 3.11 to 3.$max_minor"

    log=
    for python; do
        suits "$python" || continue
        printf 'Creating %s with %s (%s)\n' "$dir" "$python" "$("$python" -V)"
        if messages=$(create_with "$python" 2>&1); then
            return
        fi
        rm -rf "$dir"
        log="$log$messages
"
    done
    [ -n "$log" ] || fail "$versions is needed, and none of these is one: $*
Install it, or name it: make PYTHON=/path/to/python ..."
    printf '%s' "$log" >&2
    fail "Python is there, but it cannot make a virtual environment (see above).
Install its venv module (Debian, Ubuntu: apt install python3-venv),
or one of pip, virtualenv and uv."
}

if usable; then
    wanted | cmp -s - "$stamp" && exit
    new=no
    # An environment that someone made with other tools may lack pip.
    "$dir/bin/python" -m pip --version >/dev/null 2>&1 || "$dir/bin/python" -m ensurepip
    : >"$unfinished"
else
    new=yes
    create
fi

printf 'Installing skdbn[%s] into %s (once; this may take minutes)\n' "$extras" "$dir"
# setuptools warns at length about each editable install.
export PYTHONWARNINGS=ignore PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
if ! "$dir/bin/python" -m pip install --quiet --editable ".[$extras]" \
    ${constraints:+"--constraint=$constraints"}; then
    # pip undoes what it had begun, so an older environment is still whole.
    if [ $new = yes ]; then rm -rf "$dir"; else rm -f "$unfinished"; fi
    fail "pip could not install skdbn[$extras] (see above)."
fi
wanted >"$stamp"
rm -f "$unfinished"
