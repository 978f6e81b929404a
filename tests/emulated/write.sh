#!/bin/sh
# write.sh SCRIPT PROGRAM EMULATOR...: writes SCRIPT, which starts PROGRAM under the emulator with its own arguments.
set -eu
script=$1 program=$2
shift 2
printf '#!/bin/sh\nexec %s %s "$@"\n' "$*" "'$program'" >"$script"
chmod +x "$script"
