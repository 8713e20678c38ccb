#!/bin/sh
# Asks the storage what it has. Only then the task has succeeded.
set -eu

fail() {
  printf 'verify: %s\n' "$1" >&2
  exit 1
}

place=$STORAGE_BUCKET/$TENANT_NAME/$PIPELINE_RUN_NAME/
listed=$(aws s3 ls --recursive "--endpoint-url=$STORAGE_ENDPOINT" "s3://$place")
there=$(printf '%s' "$listed" | awk 'END { print NR }')
wanted=$(wc -l <"$SHARED_PATH/chosen")
[ "$there" -ge "$wanted" ] || fail "$wanted files were sent, and s3://$place holds $there."
printf '%s/%s' "${STORAGE_ENDPOINT%/}" "$place" >"$RESULT_ARTIFACT_URL"
printf 'success' >"$RESULT_UPLOAD_STATUS"
