#!/bin/sh
# Says how each task ended, also when one of them failed.
set -eu

printf 'clone: %s\nsynth: %s\ndeploy: %s\nupload: %s\n' "$CLONE" "$SYNTH" "$DEPLOY" "$UPLOAD"
