#!/bin/sh
# Waits until every Deployment of Tekton is available.
set -eu

for namespace in tekton-pipelines tekton-pipelines-resolvers; do
  kubectl wait deployment --all "--namespace=$namespace" --for=condition=Available --timeout=300s
done
