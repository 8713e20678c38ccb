#!/bin/sh
# Installs what the lock file names, and nothing newer.
set -eu

fail() {
  printf 'install-dependencies: %s\n' "$1" >&2
  exit 1
}

case "$WORKING_DIR" in
  '' | /* | -* | .. | ../* | */.. | */../*) fail "workingDir is '$WORKING_DIR', which leads out of the workspace." ;;
esac
cd "$SOURCE_PATH/$WORKING_DIR"
mkdir -p "$HOME" "$TMPDIR"
case "$NPM_INSTALL" in
  false)
    echo "npmInstall is false: nothing is installed."
    exit 0
    ;;
  true) ;;
  *) fail "npmInstall is '$NPM_INSTALL'. Write true or false." ;;
esac
[ -f package-lock.json ] || fail "there is no package-lock.json in $WORKING_DIR. Commit it, or set npmInstall to false."
if [ "$VERBOSE" = true ]; then
  npm ci --no-audit --no-fund --loglevel=verbose
else
  npm ci --no-audit --no-fund
fi
