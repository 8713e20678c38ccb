#!/bin/sh
# Clones one revision into the workspace. Whatever a parameter says, it is never an option of git and never a command.
set -eu

fail() {
  printf 'git-clone: %s\n' "$1" >&2
  exit 1
}

yes_or_no() {
  case "$2" in
    true | false) ;;
    *) fail "$1 is '$2'. Write true or false." ;;
  esac
}

yes_or_no submodules "$SUBMODULES"
yes_or_no sslVerify "$SSL_VERIFY"
yes_or_no deleteExisting "$DELETE_EXISTING"
yes_or_no verbose "$VERBOSE"
case "$DEPTH" in
  '' | *[!0-9]*) fail "depth is '$DEPTH'. Write a number; 0 is the whole history." ;;
esac
case "$URL" in
  '' | -*) fail "url is '$URL', which is no address of a repository." ;;
  # It would stand in the result, and in the configuration of the clone.
  http://*@* | https://*@*) fail "url carries credentials. Put them into the workspace basic-auth." ;;
esac
[ "${#URL}" -le 1024 ] || fail "url has more than 1024 characters, and the results of a step no room for it."
case "$REVISION" in
  '' | -*) fail "revision is '$REVISION', which is no branch, tag or commit." ;;
esac
case "$SUBDIRECTORY" in
  /* | -* | .. | ../* | */.. | */../*) fail "subdirectory is '$SUBDIRECTORY', which leads out of the workspace." ;;
esac
case " $REFSPEC" in
  *' -'*) fail "refspec is '$REFSPEC', which is no refspec." ;;
esac

mkdir -p "$HOME"
if [ "$BASIC_AUTH_BOUND" = true ]; then
  cp "$BASIC_AUTH_PATH/.git-credentials" "$HOME/.git-credentials"
  cp "$BASIC_AUTH_PATH/.gitconfig" "$HOME/.gitconfig"
  chmod 0600 "$HOME/.git-credentials" "$HOME/.gitconfig"
fi
if [ "$SSH_BOUND" = true ]; then
  [ -f "$SSH_PATH/known_hosts" ] || fail "the workspace ssh-directory has no known_hosts. Add the host's keys to it."
  mkdir -p "$HOME/.ssh"
  cp -RL "$SSH_PATH/." "$HOME/.ssh/"
  chmod -R go= "$HOME/.ssh"
  # ssh asks the list of users for a home, and not the environment.
  {
    printf 'Host *\n  StrictHostKeyChecking yes\n  UserKnownHostsFile %s/.ssh/known_hosts\n' "$HOME"
    for key in "$HOME"/.ssh/id_*; do
      case "$key" in
        *.pub | *'/id_*') ;;
        *) printf '  IdentityFile %s\n' "$key" ;;
      esac
    done
  } >"$HOME/.ssh/config"
  # shellcheck disable=SC2016 # git hands it to a shell, which knows $HOME
  export GIT_SSH_COMMAND='ssh -F "$HOME/.ssh/config"'
fi
for pair in "http_proxy $HTTP_PROXY" "https_proxy $HTTPS_PROXY" "no_proxy $NO_PROXY"; do
  value=${pair#* }
  [ -z "$value" ] || export "${pair%% *}=$value"
done
[ "$SSL_VERIFY" = true ] || export GIT_SSL_NO_VERIFY=1
export GIT_TERMINAL_PROMPT=0

target=$OUTPUT_PATH
[ -z "$SUBDIRECTORY" ] || target=$OUTPUT_PATH/$SUBDIRECTORY
mkdir -p "$target"
if [ "$DELETE_EXISTING" = true ]; then
  find "$target" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
fi
# The volume itself belongs to root.
git config --global --add safe.directory "$target"

[ "$VERBOSE" = false ] || printf 'Cloning %s at %s into %s\n' "$URL" "$REVISION" "$target"
git init --quiet "$target"
cd "$target"
# There is one where a former clone was kept.
[ -z "$(git remote)" ] || git remote remove origin
git remote add origin "$URL"
set -- --quiet --force --update-head-ok --no-recurse-submodules
[ "$DEPTH" = 0 ] || set -- "$@" "--depth=$DEPTH"
if [ -n "$REFSPEC" ]; then
  set -f
  # shellcheck disable=SC2086 # a refspec may be several words; none of them begins with a hyphen
  git fetch "$@" -- origin $REFSPEC
  set +f
  git checkout --quiet --force --detach "$REVISION"
else
  git fetch "$@" -- origin "$REVISION"
  git checkout --quiet --force --detach FETCH_HEAD
fi
if [ "$SUBMODULES" = true ]; then
  set -- --init --recursive
  [ "$DEPTH" = 0 ] || set -- "$@" "--depth=$DEPTH"
  git submodule --quiet update "$@"
fi

commit=$(git rev-parse HEAD)
date=$(git log -1 --pretty=%ct)
printf '%s' "$date" >"$RESULT_COMMITTER_DATE"
printf '%s' "$URL" >"$RESULT_URL"
printf '%s' "$commit" >"$RESULT_COMMIT"
