#!/bin/sh
# Takes the manifest out of the workspace if it is the one that was reviewed, and nothing else afterwards.
set -eu

fail() {
  printf 'verify: %s\n' "$1" >&2
  exit 1
}

case "$MANIFEST" in
  '' | /* | -* | .. | ../* | */.. | */../*) fail "manifest is '$MANIFEST', which leads out of the workspace." ;;
esac
case "$SHA256" in
  *[!0-9a-f]*) fail "sha256 is '$SHA256', which is no SHA-256 in hexadecimal digits." ;;
esac
[ "${#SHA256}" -eq 64 ] || fail "sha256 is '$SHA256', which has not 64 digits. Take it from the release, not from the file."
[ -f "$SOURCE_PATH/$MANIFEST" ] || fail "there is no file $MANIFEST in the workspace."
mkdir -p "$HOME"
cp "$SOURCE_PATH/$MANIFEST" "$SHARED_PATH/unverified.yaml"
found=$(sha256sum <"$SHARED_PATH/unverified.yaml")
[ "${found%% *}" = "$SHA256" ] || fail "$MANIFEST has the SHA-256 ${found%% *}, and $SHA256 was expected."
mv "$SHARED_PATH/unverified.yaml" "$SHARED_PATH/manifest.yaml"
