#!/bin/sh
# Judge photos with curl: docs/examples/detect.sh PHOTO...   (REFUNDLENS_URL, REFUNDLENS_API_KEY)
# Prints one JSON answer. curl itself waits and tries again on 429 and 503, as long as Retry-After says.
set -eu
[ "$#" -gt 0 ] || { echo "usage: $0 PHOTO..." >&2; exit 2; }
for photo in "$@"; do
    set -- "$@" --form "image=@$photo"
    shift
done
curl --silent --show-error --fail-with-body --retry 5 \
    --header "Authorization: Bearer ${REFUNDLENS_API_KEY:?set it to your key}" \
    --header "X-Deadline-Ms: 30000" \
    "$@" "${REFUNDLENS_URL:-http://127.0.0.1:8000}/v1/detect"
