#!/bin/sh
# Gives each stack its place for the state, and writes down which stacks are meant. The steps share no home and no /tmp,
# so what the next one needs lies in the volume of the task.
set -eu

fail() {
  printf 'configure-backend: %s\n' "$1" >&2
  exit 1
}

case "$WORKING_DIR" in
  '' | /* | -* | .. | ../* | */.. | */../*) fail "workingDir is '$WORKING_DIR', which leads out of the workspace." ;;
esac
case "$TENANT_NAME" in
  '' | -* | *[!a-z0-9-]*) fail "tenantName is '$TENANT_NAME'. Use lower-case letters, digits and hyphens." ;;
esac
case "$STACK_NAME" in
  -* | *[!A-Za-z0-9_-]*) fail "stackName is '$STACK_NAME'. Use letters, digits, hyphens and underscores." ;;
esac

cd "$SOURCE_PATH/$WORKING_DIR"
mkdir -p "$HOME" "$TMPDIR"
stacks=$SHARED_PATH/stacks
: >"$stacks"
for folder in cdktf.out/stacks/*/; do
  name=$(basename "$folder")
  [ -f "${folder}cdk.tf.json" ] || fail "there is no stack in $WORKING_DIR/cdktf.out. Run the task cdktf-synth before."
  case "$name" in
    -* | *[!A-Za-z0-9_-]*) fail "the stack '$name' has a name that is no name of a state." ;;
  esac
  if [ -z "$STACK_NAME" ] || [ "$STACK_NAME" = "$name" ]; then
    printf '%s\n' "$name" >>"$stacks"
  fi
done
[ -s "$stacks" ] || fail "there is no stack '$STACK_NAME' in $WORKING_DIR/cdktf.out."

count=$(wc -l <"$stacks")
if [ "$BACKEND_BOUND" = true ]; then
  [ -f "$BACKEND_PATH/backend.tf" ] || fail "the workspace terraform-backend has no file backend.tf."
  [ "$count" -eq 1 ] || fail "$count stacks would share the one state of backend.tf. Name one by stackName, or leave the \
workspace terraform-backend out, so that each gets its own."
  read -r name <"$stacks"
  # An override replaces the backend that the program itself may name.
  cp "$BACKEND_PATH/backend.tf" "cdktf.out/stacks/$name/aphex_backend_override.tf"
  exit 0
fi
suffixes=$(tr 'A-Z_' 'a-z-' <"$stacks" | sort | uniq -d)
[ -z "$suffixes" ] || fail "the names of these stacks differ in case or underscores alone: $suffixes"
while IFS= read -r name; do
  suffix=$TENANT_NAME-$(printf '%s' "$name" | tr 'A-Z_' 'a-z-')
  cat >"cdktf.out/stacks/$name/aphex_backend_override.tf" <<BACKEND
terraform {
  backend "kubernetes" {
    secret_suffix     = "$suffix"
    namespace         = "$NAMESPACE"
    in_cluster_config = true
  }
}
BACKEND
done <"$stacks"
