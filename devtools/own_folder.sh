# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
# shellcheck shell=bash
#
# For bash scripts to source: folders that are written to and cleared, and how to know them again.
# A user may name any folder, so nothing is removed but what carries the mark of the same script.

OWN_MARK=.ioat-pmd

# The mark of script $1, a path from the top of the clone; it is all that the file holds.
own_text()
{
	echo "$1 made this folder and removes what is in it"
}

# Mark folder $1 as one of script $2.
own_mark()
{
	own_text "$2" 2>/dev/null >"$1/$OWN_MARK"
}

# Whether folder $1 is one of script $2.
own_marked()
{
	[ -d "$1" ] && [ ! -L "$1" ] && [ -f "$1/$OWN_MARK" ] &&
		[ "$(cat "$1/$OWN_MARK")" = "$(own_text "$2")" ]
}

# Take folder $1 for script $2: a new one, an empty one, or one that the script took before. Any
# other is left as it is: fails, and own_why says why.
own_folder()
{
	local entries
	own_why='it cannot be written to'
	mkdir -p -- "$1" 2>/dev/null && [ -w "$1" ] || return
	! own_marked "$1" "$2" || return 0
	entries=$(find "$1" -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null) || return
	if [ -n "$entries" ]; then
		# shellcheck disable=SC2034 # it is for the caller
		own_why="it holds files and no mark of $2 ($OWN_MARK)"
		return 1
	fi
	own_mark "$1" "$2"
}

# Remove folder $1, which is there and carries the mark of script $2; fails on any other.
own_remove()
{
	own_marked "$1" "$2" && rm -rf -- "$1"
}
