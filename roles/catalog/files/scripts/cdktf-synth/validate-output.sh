#!/bin/sh
# Has Terraform look at each stack, without its state. Only then the task has succeeded.
set -eu

fail() {
  printf 'validate-output: %s\n' "$1" >&2
  exit 1
}

cd "$SOURCE_PATH/$WORKING_DIR"
count=0
for stack in cdktf.out/stacks/*/; do
  [ -f "${stack}cdk.tf.json" ] || fail "${stack}cdk.tf.json is not there. Run cdktf synth before."
  printf 'Validating %s\n' "$stack"
  terraform "-chdir=$stack" init -backend=false -input=false -no-color
  terraform "-chdir=$stack" validate -no-color
  count=$((count + 1))
done
printf 'Stacks that are valid: %s\n' "$count"
printf 'success' >"$RESULT_SYNTH_STATUS"
