#!/bin/sh
# Compiles one public header alone: header_test.sh SOURCE_ROOT HEADER
set -eu
cd "$1"
# CC may be two words ("ccache gcc")
printf '#include "%s"\nint header_test;\n' "$2" |
  ${CC:-cc} -std=c11 -Wall -Wextra -Werror -fsyntax-only -D_POSIX_C_SOURCE=200809L \
    -Ilibfmt/include -Ilibquant/include -Ilibinfer/include -I. -x c -
