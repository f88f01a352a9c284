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

# The address of the archive that this machine takes its own release of Debian from. For the caller
# of private_apt(), after apt-get update.
debian_archive()
{
	local codename
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	# shellcheck disable=SC2016 # they are apt's
	apt-get indextargets --format '$(CODENAME) $(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
		sed -n "s/^$codename Debian //p" | head -n 1
}

# Set other_release_options to what makes apt-get see the releases $2... of that archive and no
# other, with its lists in folder $1, which private_apt() has made. Fails when there is no archive.
other_release()
{
	local dir=$1 key=/usr/share/keyrings/debian-archive-keyring.gpg uri
	shift
	uri=$(debian_archive)
	[ -n "$uri" ] || return
	printf "deb [signed-by=$key] $uri %s main\n" "$@" >"$dir/other.list"
	mkdir -p "$dir/other-lists/partial" || return
	[ "$(id -u)" != 0 ] || chown _apt "$dir/other-lists/partial"
	# shellcheck disable=SC2034 # it is for the caller
	other_release_options=(-o Dir::Etc::sourcelist="$dir/other.list"
		-o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$dir/other-lists")
}
