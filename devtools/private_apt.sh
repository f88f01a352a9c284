# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
# shellcheck shell=bash
#
# For bash scripts to source: apt for taking packages without installing any.

# The machine's apt settings and archives, with everything that is written in folder $1, with
# entries of type $2 only ("deb", "deb-src"), and with no package installed. The caller then sets
# APT_CONFIG=$1/apt.conf. Hooks are left out: they act on the system's own lists.
private_apt()
{
	local dir=$1 type=$2 list parts f
	mkdir -p "$dir/sources.d" "$dir/lists/partial" "$dir/cache/archives/partial" || return
	apt-config dump | grep -v '^APT::Update::P[a-z]*-Invoke' >"$dir/apt.conf"
	cat >>"$dir/apt.conf" <<-END
	Dir::Etc::main "/dev/null";
	Dir::Etc::parts "/dev/null";
	Dir::Etc::sourcelist "/dev/null";
	Dir::Etc::sourceparts "$dir/sources.d";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	Dir::State::lists "$dir/lists";
	Dir::State::status "$dir/status";
	Dir::Cache "$dir/cache";
	// Whatever the machine allows: nothing without a valid signature is taken here.
	Acquire::AllowInsecureRepositories "false";
	Acquire::AllowWeakRepositories "false";
	Acquire::AllowDowngradeToInsecureRepositories "false";
	APT::Get::AllowUnauthenticated "false";
	Acquire::Languages "none";
	Acquire::Retries "2";
	END
	: >"$dir/status"
	eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
	# All else in an entry stays, Signed-By above all; "trusted" would switch the check off.
	for f in "$parts"/*.sources; do
		[ ! -f "$f" ] || sed -E -e "s/^Types[ \t]*:.*/Types: $type/I" \
			-e '/^Trusted[ \t]*:/Id' "$f" >"$dir/sources.d/${f##*/}"
	done
	for f in "$list" "$parts"/*.list; do
		[ ! -f "$f" ] || sed -nE -e '/[ \t]cdrom:/d' \
			-e 's/^([ \t]*deb[ \t]+\[[^]]*)trusted=[^] \t]*/\1/I' \
			-e "s/^[ \t]*deb[ \t]+/$type /p" "$f" >"$dir/sources.d/${f##*/}"
	done
	# apt reads and writes as _apt when root starts it.
	chmod 755 "$dir"
	[ "$(id -u)" != 0 ] || chown _apt "$dir" "$dir/lists/partial" "$dir/cache/archives/partial"
}
