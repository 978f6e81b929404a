#!/bin/sh
# Checks the markup of a man page; skipped (77) where mandoc is not installed.
# usage: man_lint.sh PAGE
if ! command -v mandoc >/dev/null; then
	echo "skipped: mandoc is not installed"
	exit 77
fi
exec mandoc -T lint -W warning "$1"
