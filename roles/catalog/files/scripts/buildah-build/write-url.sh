#!/bin/sh
# Says where the image is. Only then the task has succeeded.
set -eu

digest=$(cat "$SHARED_PATH/digest")
case "$digest" in
  sha256:*) ;;
  *)
    printf "write-url: the registry's digest is '%s', which is none.\n" "$digest" >&2
    exit 1
    ;;
esac
printf '%s' "$digest" >"$RESULT_IMAGE_DIGEST"
printf '%s' "$IMAGE" >"$RESULT_IMAGE_URL"
