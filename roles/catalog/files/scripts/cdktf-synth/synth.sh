#!/bin/sh
# Synthesizes the stacks, and looks whether there are any.
set -eu

fail() {
  printf 'synth: %s\n' "$1" >&2
  exit 1
}

cd "$SOURCE_PATH/$WORKING_DIR"
# The version that the lock file names, if it names one.
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
# What an earlier run or a commit left there is not what this run synthesizes.
rm -rf cdktf.out
if [ "$VERBOSE" = true ]; then
  export CDKTF_LOG_LEVEL=debug
fi
cdktf synth
for stack in cdktf.out/stacks/*/cdk.tf.json; do
  [ -f "$stack" ] || fail "cdktf synth has made no stack in $WORKING_DIR/cdktf.out."
done
