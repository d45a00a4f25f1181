#!/bin/sh
# Sets Flow up in this folder: Bun if it is missing, the dependencies, and a `flow` command on the PATH.
# Safe to run again; it says what it does and never touches models, settings or records.
set -eu

say() { printf 'flow: %s\n' "$1"; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

bun_command=$(command -v bun || true)
if [ -z "$bun_command" ] && [ -x "$HOME/.bun/bin/bun" ]; then bun_command="$HOME/.bun/bin/bun"; fi
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
    say 'Bun is missing, and there is neither npm nor curl to install it with. See https://bun.sh, then run this again.'
    exit 1
  fi
fi
say "using Bun $("$bun_command" --version) at $bun_command"

say 'installing the dependencies'
(cd "$here" && "$bun_command" install --frozen-lockfile)

target="$HOME/.local/bin"
mkdir -p "$target"
launcher="$target/flow"
wanted=$(printf '#!/bin/sh\nexec "%s" "%s/src/main.ts" "$@"\n' "$bun_command" "$here")
if [ -e "$launcher" ] && ! grep -q '/src/main.ts" "\$@"' "$launcher" 2>/dev/null; then
  say "$launcher exists and is not Flow's; left alone. Start Flow with: cd $here && bun run flow"
elif [ -e "$launcher" ] && [ "$(cat "$launcher")" = "$wanted" ]; then
  say "$launcher is already in place"
else
  printf '%s\n' "$wanted" > "$launcher"
  chmod 755 "$launcher"
  say "put the command into $launcher"
fi
case ":$PATH:" in
  *":$target:"*) ;;
  *) say "add it to your PATH: export PATH=\"$target:\$PATH\"" ;;
esac
say 'done. Start it with: flow'
