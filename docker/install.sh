#!/bin/sh
# Installs RefundLens for serving into a virtual environment of its own. Called by the Dockerfile's build stage, and by
# hand on a machine without Docker:
#
#   docker/install.sh SOURCE TARGET [--dry-run]
#
# SOURCE: the repository. TARGET: where the virtual environment goes. --dry-run: say the commands, run none.
set -eu

usage() {
    echo "usage: docker/install.sh SOURCE TARGET [--dry-run]" >&2
    exit 2
}

[ "$#" -ge 2 ] && [ "$#" -le 3 ] || usage
source=$1
target=$2
run=
case "${3:-}" in
    "") ;;
    --dry-run) run="echo" ;;
    *) usage ;;
esac

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "RefundLens needs Python 3.11 or newer, $python is older" >&2
    exit 1
}
[ -f "$source/pyproject.toml" ] || {
    echo "$source is not the RefundLens repository: pyproject.toml is missing" >&2
    exit 1
}

$run "$python" -m venv "$target"
# EXTRA: what the image needs beyond serving, e.g. onnxruntime-gpu[cuda,cudnn] for NVIDIA's libraries.
$run "$target/bin/python" -m pip --disable-pip-version-check install --no-cache-dir "$source" ${EXTRA:+"$EXTRA"}
$run "$target/bin/refundlens" --help
