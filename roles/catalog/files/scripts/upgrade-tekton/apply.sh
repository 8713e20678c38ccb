#!/bin/sh
# Applies the verified manifest, or shows what it would change and refuses.
set -eu

fail() {
  printf 'apply: %s\n' "$1" >&2
  exit 1
}

case "$AUTO_APPROVE" in
  true) ;;
  false)
    # 1 is kubectl's word for a difference, more for an error.
    kubectl diff --server-side --force-conflicts "--filename=$SHARED_PATH/manifest.yaml" || differs=$?
    [ "${differs:-0}" -le 1 ] || exit "$differs"
    fail "auto-approve is false, so nothing was changed. Read the differences above, then run again with auto-approve true."
    ;;
  *) fail "auto-approve is '$AUTO_APPROVE'. Write true or false." ;;
esac
kubectl apply --server-side --force-conflicts --field-manager=aphex-catalog "--filename=$SHARED_PATH/manifest.yaml"
