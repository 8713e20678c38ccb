#!/bin/sh
# Gives Argo CD the Secrets of a part in clear. Only for the platform's own project: a tenant that brings a copy of these
# files in a repository of its own would have them decrypted otherwise. Nothing of the repository is run.
set -eu

if [ "${ARGOCD_APP_PROJECT_NAME:-}" != "platform" ]; then
  echo "Only Applications of the project platform have their Secrets decrypted." >&2
  exit 1
fi
for file in secrets/*/*.enc.yaml; do
  echo "---"
  sops --config /dev/null decrypt "$file"
done
