#!/bin/sh
# Copies the files. The same files go to the same names, so a second try does no harm.
set -eu

aws s3 cp --recursive --only-show-errors "--endpoint-url=$STORAGE_ENDPOINT" \
  "$SHARED_PATH/artifacts" "s3://$STORAGE_BUCKET/$TENANT_NAME/$PIPELINE_RUN_NAME/"
