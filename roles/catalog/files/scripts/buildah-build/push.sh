#!/bin/sh
# Pushes the image, and keeps the digest that the registry knows it by.
set -eu

fail() {
  printf 'push: %s\n' "$1" >&2
  exit 1
}

set -- "--tls-verify=$TLSVERIFY" "--digestfile=$SHARED_PATH/digest"
if [ "$DOCKERCONFIG_BOUND" = true ]; then
  file=$DOCKERCONFIG_PATH/config.json
  [ -f "$file" ] || file=$DOCKERCONFIG_PATH/.dockerconfigjson
  [ -f "$file" ] || fail "the workspace dockerconfig has neither config.json nor .dockerconfigjson."
  set -- "$@" "--authfile=$file"
fi
# One argument a line, as it stands.
while IFS= read -r argument; do
  [ -z "$argument" ] || set -- "$@" "$argument"
done <<ARGUMENTS
$PUSH_EXTRA_ARGS
ARGUMENTS
buildah --storage-driver=vfs push "$@" -- "$IMAGE" "docker://$IMAGE"
