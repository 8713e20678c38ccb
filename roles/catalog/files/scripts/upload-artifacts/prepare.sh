#!/bin/sh
# Collects the files that match, by paths below the folder of artifacts: * stays within a folder, ** does not.
set -eu

fail() {
  printf 'prepare: %s\n' "$1" >&2
  exit 1
}

# A pattern as an extended regular expression; the places of the stars are kept by control characters, which no pattern has.
expression() {
  printf '%s' "$1" | sed \
    -e 's/[][\\.^$+(){}|]/\\&/g' \
    -e "s|\*\*/|$(printf '\001')|g" \
    -e "s|\*\*|$(printf '\002')|g" \
    -e 's|\*|[^/]*|g' \
    -e 's|?|[^/]|g' \
    -e "s|$(printf '\001')|(.*/)?|g" \
    -e "s|$(printf '\002')|.*|g"
}

case "$ARTIFACTS_DIR" in
  '' | /* | -* | .. | ../* | */.. | */../*) fail "artifactsDir is '$ARTIFACTS_DIR', which leads out of the workspace." ;;
esac
[ -d "$SOURCE_PATH/$ARTIFACTS_DIR" ] || fail "there is no folder $ARTIFACTS_DIR in the workspace."
cd "$SOURCE_PATH/$ARTIFACTS_DIR"
mkdir -p "$HOME" "$TMPDIR" "$SHARED_PATH/artifacts"
[ -z "$(find . -name '*
*')" ] || fail "the name of a file holds a line break."
# Files alone: a link could lead out of the workspace.
find . -type f | sed 's|^\./||' | LC_ALL=C sort >"$SHARED_PATH/found"

: >"$SHARED_PATH/expressions"
printf '%s\n' "$INCLUDE_PATTERNS" | tr ',' '\n' | while IFS= read -r pattern; do
  [ -n "$pattern" ] || continue
  expression "$pattern" >>"$SHARED_PATH/expressions"
  printf '\n' >>"$SHARED_PATH/expressions"
done
[ -s "$SHARED_PATH/expressions" ] || fail "includePatterns is empty. Write patterns such as **/*.json, one a line."

chosen=$SHARED_PATH/chosen
# 1 is grep's word for no line, 2 for an error.
LC_ALL=C grep -E -x -f "$SHARED_PATH/expressions" "$SHARED_PATH/found" >"$chosen" || none=$?
[ "${none:-0}" -le 1 ] || exit "$none"
[ -s "$chosen" ] || fail "no file in $ARTIFACTS_DIR matches '$INCLUDE_PATTERNS'."
while IFS= read -r path; do
  case "$path" in
    */*) mkdir -p "$SHARED_PATH/artifacts/${path%/*}" ;;
  esac
  cp "./$path" "$SHARED_PATH/artifacts/$path"
done <"$chosen"
[ "$VERBOSE" = false ] || cat "$chosen"
