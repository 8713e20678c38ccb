#!/bin/sh
# Builds an image from a folder of the workspace.
set -eu

fail() {
  printf 'build: %s\n' "$1" >&2
  exit 1
}

case "$IMAGE" in
  '' | -* | *[!A-Za-z0-9./:_-]*) fail "IMAGE is '$IMAGE', which is no name of an image." ;;
esac
[ "${#IMAGE}" -le 512 ] || fail "IMAGE has more than 512 characters."
case "$CONTEXT" in
  '' | /* | -* | .. | ../* | */.. | */../*) fail "CONTEXT is '$CONTEXT', which leads out of the workspace." ;;
esac
case "$DOCKERFILE" in
  '' | /* | -* | .. | ../* | */.. | */../*) fail "DOCKERFILE is '$DOCKERFILE', which leads out of the workspace." ;;
esac
case "$FORMAT" in
  oci | docker) ;;
  *) fail "FORMAT is '$FORMAT'. Write oci or docker." ;;
esac
case "$TLSVERIFY" in
  true | false) ;;
  *) fail "TLSVERIFY is '$TLSVERIFY'. Write true or false." ;;
esac

mkdir -p "$HOME" "$TMPDIR"
set -- "--format=$FORMAT" "--tls-verify=$TLSVERIFY" "--file=$SOURCE_PATH/$DOCKERFILE" "--tag=$IMAGE"
# One argument a line, as it stands.
while IFS= read -r argument; do
  [ -z "$argument" ] || set -- "$@" "$argument"
done <<ARGUMENTS
$BUILD_EXTRA_ARGS
ARGUMENTS
buildah --storage-driver=vfs build --isolation=chroot "$@" -- "$SOURCE_PATH/$CONTEXT"
