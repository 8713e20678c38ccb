#!/bin/sh
# Looks whether the state of each stack is where it should be. Only then the task has succeeded.
set -eu

fail() {
  printf 'verify-deployment: %s\n' "$1" >&2
  exit 1
}

cd "$SOURCE_PATH/$WORKING_DIR"
while IFS= read -r name; do
  held=$(terraform "-chdir=cdktf.out/stacks/$name" state list)
  [ -n "$held" ] || fail "the state of $name is empty."
  printf '%s holds:\n%s\n' "$name" "$held"
done <"$SHARED_PATH/stacks"
printf 'success' >"$RESULT_DEPLOY_STATUS"
