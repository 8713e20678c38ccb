#!/bin/sh
# Applies the manifests of a folder as the account of the run.
set -eu

fail() {
  printf 'kubectl-apply: %s\n' "$1" >&2
  exit 1
}

case "$MANIFEST_DIR" in
  '' | /* | -* | .. | ../* | */.. | */../*) fail "manifest-dir is '$MANIFEST_DIR', which leads out of the workspace." ;;
esac
[ -e "$SOURCE_PATH/$MANIFEST_DIR" ] || fail "there is no $MANIFEST_DIR in the workspace."
mkdir -p "$HOME"
set -- "--filename=$SOURCE_PATH/$MANIFEST_DIR"
case "$RECURSIVE" in
  true) set -- "$@" --recursive ;;
  false) ;;
  *) fail "recursive is '$RECURSIVE'. Write true or false." ;;
esac
[ -z "$NAMESPACE" ] || set -- "$@" "--namespace=$NAMESPACE"
kubectl apply --server-side --field-manager=aphex-catalog "$@"
