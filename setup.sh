#!/bin/sh
# Sets Flow up in this folder: Bun if it is missing, the dependencies, and a `flow` command on the PATH.
# Safe to run again; it says what it does and never touches models, settings or records.
set -eu

say() { printf 'flow: %s\n' "$1"; }
stop() { say "$1" >&2; exit 1; }

[ -n "${HOME:-}" ] || stop 'HOME is not set, so there is no place for the command. Set it, then run this again.'
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# From a pipe there is no folder to set up: $0 is then the shell.
if [ ! -f "$here/setup.sh" ] || ! grep -q '"name": "flow-llm-gateway"' "$here/package.json" 2>/dev/null; then
  stop 'This sets up the clone it lies in, and here is none. Clone the repository, then run ./setup.sh in it.'
fi

bun_command=$(command -v bun || true)
if [ -z "$bun_command" ] && [ -x "$HOME/.bun/bin/bun" ]; then bun_command="$HOME/.bun/bin/bun"; fi
if [ -z "$bun_command" ] && [ -x "$HOME/.local/bin/bun" ]; then bun_command="$HOME/.local/bin/bun"; fi
if [ -z "$bun_command" ]; then
  if command -v npm >/dev/null 2>&1; then
    say 'Bun is missing; installing it with npm'
    npm install --global --no-fund --no-audit bun || npm install --global --no-fund --no-audit --prefix "$HOME/.local" bun
    bun_command=$(command -v bun || printf '%s' "$HOME/.local/bin/bun")
  elif command -v curl >/dev/null 2>&1; then
    say 'Bun is missing; installing it with its own installer from bun.sh'
    curl -fsSL https://bun.sh/install | bash
    bun_command="$HOME/.bun/bin/bun"
  else
    stop 'Bun is missing, and there is neither npm nor curl to install it with. See https://bun.sh, then run this again.'
  fi
fi
bun_version=$("$bun_command" --version) || stop "$bun_command does not run. Remove or repair it, then run this again."
case "$bun_version" in
  0.* | 1.[0-3].*) stop "Bun $bun_version at $bun_command is older than 1.4. Run: bun upgrade, then this again." ;;
esac
say "using Bun $bun_version at $bun_command"

say 'installing the dependencies'
(cd "$here" && "$bun_command" install --frozen-lockfile)

# Within double quotes of the launcher these four would mean something.
quoted() { printf '%s' "$1" | sed 's/[\\"$`]/\\&/g'; }
target="$HOME/.local/bin"
launcher="$target/flow"
start=flow
mkdir -p "$target"
wanted=$(printf '#!/bin/sh\nexec "%s" "%s/src/main.ts" "$@"\n' "$(quoted "$bun_command")" "$(quoted "$here")")
if [ -f "$launcher" ] && [ "$(cat "$launcher")" = "$wanted" ] && [ -x "$launcher" ]; then
  say "$launcher is already in place"
elif { [ -e "$launcher" ] || [ -L "$launcher" ]; } && ! grep -q '/src/main.ts" "\$@"' "$launcher" 2>/dev/null; then
  say "$launcher exists and is not Flow's; left alone"
  start="cd '$here' && bun run flow"
else
  printf '%s\n' "$wanted" > "$launcher"
  chmod 755 "$launcher"
  say "put the command into $launcher"
fi
case ":$PATH:" in
  *":$target:"*) ;;
  *) [ "$start" != flow ] || say "add it to your PATH: export PATH=\"$target:\$PATH\"" ;;
esac
say "done. Start it with: $start"
