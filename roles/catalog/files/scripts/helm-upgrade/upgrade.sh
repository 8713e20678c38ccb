#!/bin/sh
# Installs or upgrades a release, and waits until it is ready.
set -eu

fail() {
  printf 'helm-upgrade: %s\n' "$1" >&2
  exit 1
}

case "$RELEASE_NAME" in
  '' | -* | *[!a-z0-9.-]*) fail "release-name is '$RELEASE_NAME'. Use lower-case letters, digits, dots and hyphens." ;;
esac
case "$CHART" in
  '' | -*) fail "chart is '$CHART', which is no chart." ;;
esac
case "$VALUES_FILE" in
  /* | -* | .. | ../* | */.. | */../*) fail "values-file is '$VALUES_FILE', which leads out of the workspace." ;;
esac

mkdir -p "$HOME"
cd "$SOURCE_PATH"
set -- --install --wait --timeout=10m
[ -z "$NAMESPACE" ] || set -- "$@" "--namespace=$NAMESPACE"
case "$CREATE_NAMESPACE" in
  true) set -- "$@" --create-namespace ;;
  false) ;;
  *) fail "create-namespace is '$CREATE_NAMESPACE'. Write true or false." ;;
esac
[ -z "$VERSION" ] || set -- "$@" "--version=$VERSION"
[ -z "$VALUES_FILE" ] || set -- "$@" "--values=./$VALUES_FILE"
if [ -n "$VALUES" ]; then
  printf '%s\n' "$VALUES" >"$HOME/values.yaml"
  set -- "$@" "--values=$HOME/values.yaml"
fi
helm upgrade "$@" -- "$RELEASE_NAME" "$CHART"
