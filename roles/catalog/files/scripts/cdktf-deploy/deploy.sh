#!/bin/sh
# Deploys the stacks that were synthesized, or shows what it would do and refuses.
set -eu

fail() {
  printf 'deploy: %s\n' "$1" >&2
  exit 1
}

cd "$SOURCE_PATH/$WORKING_DIR"
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
if [ "$VERBOSE" = true ]; then
  export CDKTF_LOG_LEVEL=debug
fi
set --
# Names that configure-backend has looked at: letters, digits, hyphens and underscores.
while IFS= read -r name; do
  set -- "$@" "$name"
done <"$SHARED_PATH/stacks"

case "$AUTO_APPROVE" in
  true) ;;
  false)
    for name in "$@"; do
      cdktf diff --skip-synth "$name"
    done
    fail "autoApprove is false, so nothing was deployed. Read the plan above, then run again with autoApprove true."
    ;;
  *) fail "autoApprove is '$AUTO_APPROVE'. Write true or false." ;;
esac

# Sensitive outputs are not written to this file.
cdktf deploy --skip-synth --auto-approve "--outputs-file=$SHARED_PATH/outputs.json" "$@"
