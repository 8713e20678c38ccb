#!/bin/sh
# Checks where the files go, and writes the credentials where the next steps find them: they have no home in common.
set -eu

fail() {
  printf 'configure: %s\n' "$1" >&2
  exit 1
}

# One line: a second one would be a setting of its own, and aws has settings that run programs.
credential() {
  [ -f "$CREDENTIALS_PATH/$1" ] || fail "the workspace storage-credentials has no file $1."
  value=$(cat "$CREDENTIALS_PATH/$1")
  case "$value" in
    '' | *'
'*) fail "the file $1 of the workspace storage-credentials is not one line." ;;
  esac
  printf '%s' "$value"
}

case "$STORAGE_BUCKET" in
  '' | -* | .* | *[!a-z0-9.-]*) fail "storageBucket is '$STORAGE_BUCKET', which is no name of a bucket." ;;
esac
case "$TENANT_NAME" in
  '' | -* | *[!a-z0-9-]*) fail "tenantName is '$TENANT_NAME'. Use lower-case letters, digits and hyphens." ;;
esac
case "$PIPELINE_RUN_NAME" in
  '' | -* | .* | *[!a-z0-9.-]*) fail "pipelineRunName is '$PIPELINE_RUN_NAME', which is no name of a run." ;;
esac
case "$STORAGE_ENDPOINT" in
  http://?* | https://?*) ;;
  *) fail "storageEndpoint is '$STORAGE_ENDPOINT', which is no http or https address." ;;
esac

umask 077
: >"$AWS_SHARED_CREDENTIALS_FILE"
if [ "$CREDENTIALS_BOUND" = true ]; then
  id=$(credential access-key-id)
  key=$(credential secret-access-key)
  printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$id" "$key" >"$AWS_SHARED_CREDENTIALS_FILE"
else
  echo "No workspace storage-credentials: the storage must know this account by itself."
fi
