#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The one entry point. Checks every argument with nothing but bash, so that a mistake costs no time
# and leaves no trace; then gets what the runner needs, builds it, and becomes it.

set -euo pipefail

top=$(cd "${BASH_SOURCE[0]%/*}" 2>/dev/null && pwd) || top=$PWD
scenario_dir=${PFN_CONFIGS:-$top/configs}/scenarios

usage() {
	cat <<-'END'
	usage: ./run.sh [run] [OPTION]...      stress KVM and reach a verdict
	       ./run.sh list                   what there is to run
	       ./run.sh replay DIR [OPTION]... run again what failed in the results directory DIR, as it
	                                       was but for OPTIONs; --minimise: and leave out what it
	                                       does not need to fail
	       ./run.sh bisect [OPTION]...     which commit is to blame, see ./run.sh bisect --help
	       ./run.sh bisect-step [OPTION]...   test one commit, for git bisect run
	       ./run.sh resume DIR [OPTION]... go on with a run that ended early, in DIR
	       ./run.sh report FORMAT DIR...   show results: text, html, merge, junit, kcidb, squad
	       ./run.sh report judge DIR       decide again from its logs, by the rules of today

	  --duration TIME        60s, 10m, 2h, 1d; a bare number is minutes (default 60s)
	  --scenario NAME|GLOB   only these, may be given several times (default all)
	  --kernel VERSION|PATH  6.12, 6.1, 7.3.4: Debian's newest that matches (default 6.12);
	                         or a bzImage; or a kernel build tree
	  --kernel-modules DIR   the modules of that bzImage
	  --modules DIR          kvm.ko, kvm-amd.ko and others, instead of the kernel's own
	  --ksrc DIR             kernel tree that the KVM selftests library is taken from
	  --host                 no VM: stress the kernel that runs here (needs root)
	  --accel kvm|tcg        how the VM runs (default: kvm where it can nest, else tcg)
	  --vcpus N              virtual CPUs
	  --memory N[G|M]        memory of the VM (default 4G)
	  --seed N               repeat the random decisions of an earlier run
	  --explorers S=LETTERS  repeat how scenario S was explored (of a replay line)
	  --shard I/N            machine I of N: every Nth scenario, a seed of its own
	  --results DIR          a new or empty directory (default results/DATE-KERNEL)
	  --fail-fast            stop after the first scenario that fails
	  --repeat N             run again what failed, N times (default 3, at most four scenarios)
	  --no-install           fail instead of installing packages
	  --list                 the same as list
	  --verbose              say more
	  --help                 this

	Exit status: 0 passed, 1 failed, 2 wrong usage, 4 all skipped, 130/143 interrupted.
	END
}

bad() {
	printf 'run.sh: %s\n' "$*" >&2
	exit 2
}

# ---- checks: one function for each kind of value; what it understood is in $value ----

is_number() { # TEXT MAX
	[[ $1 =~ ^[0-9]{1,18}$ ]] && ((10#$1 >= 1 && 10#$1 <= $2))
}

check_duration() {
	local unit=60000 max=$((30 * 24 * 3600 * 1000))
	[[ $1 =~ ^([0-9]{1,9})([smhd]?)$ ]] ||
		bad "--duration: expected a time as 60s, 10m, 2h or 1d, got '$1'"
	case ${BASH_REMATCH[2]} in
	s) unit=1000 ;;
	h) unit=3600000 ;;
	d) unit=86400000 ;;
	esac
	value=$((10#${BASH_REMATCH[1]} * unit))
	((value > 0)) || bad "--duration: expected more than 0"
	((value <= max)) || bad "--duration: expected at most 30d, got '$1'"
}

check_memory() {
	[[ $1 =~ ^([0-9]{1,9})([GMgm]?)$ ]] ||
		bad "--memory: expected a size as 4G or 4096M, got '$1'"
	value=$((10#${BASH_REMATCH[1]}))
	case ${BASH_REMATCH[2]} in
	G | g) value=$((value * 1024)) ;;
	esac
	((value >= 1024 && value <= 1048576)) || bad "--memory: expected 1G to 1024G, got '$1'"
}

check_scenario() {
	local file name
	for file in "$scenario_dir"/*.conf "$scenario_dir"/*/*.conf; do
		name=${file#"$scenario_dir"/}
		# shellcheck disable=SC2053  # a glob is what is wanted
		[[ ! -e $file || ${name%.conf} != $1 ]] || return 0
	done
	bad "no scenario matches '$1', see ./run.sh --list"
}

check_kernel() {
	if [[ $1 =~ ^[0-9]+(\.[0-9]+)*([-+~.][A-Za-z0-9.+~-]*)?$ && ! -e $1 ]]; then
		value=$1
		return
	fi
	[[ -e $1 ]] || bad "--kernel: expected a version as 6.12, a bzImage or a build tree, got '$1'"
	if [[ -d $1 ]]; then
		[[ -e $1/arch/x86/boot/bzImage ]] ||
			bad "--kernel: '$1' is no kernel build tree: it has no arch/x86/boot/bzImage"
	fi
	absolute "$1"
}

check_dir() { # OPTION DIR
	[[ -d $2 ]] || bad "$1: no such directory: '$2'"
	absolute "$2"
}

check_ksrc() {
	check_dir --ksrc "$1"
	[[ -d $1/tools/testing/selftests/kvm ]] ||
		bad "--ksrc: '$1' is no kernel source tree: it has no tools/testing/selftests/kvm"
}

check_modules() {
	local file
	check_dir --modules "$1"
	for file in "$1"/*.ko "$1"/*.ko.* "$1"/*/*.ko "$1"/*/*/*.ko "$1"/*/*/*/*.ko; do
		[[ ! -f $file ]] || return 0
	done
	bad "--modules: no kernel modules (*.ko) in '$1'"
}

check_results() {
	local file
	if [[ -e $1 || -L $1 ]]; then
		[[ -d $1 ]] || bad "--results: '$1' is no directory"
		[[ -w $1 ]] || bad "--results: '$1' can not be written"
		for file in "$1"/* "$1"/.[!.]*; do
			[[ ! -e $file ]] || bad "--results: '$1' is not empty"
		done
	fi
	absolute "$1"
}

check_shard() {
	[[ $1 =~ ^([0-9]{1,6})/([0-9]{1,6})$ ]] || bad "--shard: expected I/N as 1/8, got '$1'"
	shard=$((10#${BASH_REMATCH[1]})) shards=$((10#${BASH_REMATCH[2]}))
	((shard >= 1 && shard <= shards)) || bad "--shard: expected 1/$shards to $shards/$shards, got '$1'"
}

absolute() {
	case $1 in
	/*) value=$1 ;;
	*) value=$PWD/$1 ;;
	esac
}

check_replay() {
	[[ $1 ]] || bad "replay: expected a results directory"
	[[ -d $1 ]] || bad "replay: no such directory: '$1'"
	[[ -f $1/result.json ]] || bad "replay: '$1' holds no result.json"
	absolute "$1"
	runner+=(--replay "$value")
}

check_resume() {
	[[ $1 ]] || bad "resume: expected a results directory"
	[[ -d $1 ]] || bad "resume: no such directory: '$1'"
	[[ -f $1/result.json ]] || bad "resume: '$1' holds no result.json"
	absolute "$1"
	runner+=(--resume "$value")
}

# ---- arguments ----

runner=()
minimise='' rest=()
command=run
host='' kernel='' install=1

take_option() { # OPTION VALUE
	[[ $2 ]] || bad "$1: expected a value"
	case $1 in
	--duration) check_duration "$2"; runner+=(--duration-ms "$value") ;;
	--scenario) check_scenario "$2"; runner+=(--scenario "$2") ;;
	--kernel) check_kernel "$2"; kernel=$value; runner+=(--kernel "$value") ;;
	--kernel-modules) check_dir "$1" "$2"; runner+=("$1" "$value"); kernel_modules=1 ;;
	--modules) check_modules "$2"; runner+=("$1" "$value"); modules=1 ;;
	--ksrc) check_ksrc "$2"; runner+=("$1" "$value") ;;
	--accel)
		[[ $2 = kvm || $2 = tcg ]] || bad "--accel: expected kvm or tcg, got '$2'"
		runner+=("$1" "$2")
		;;
	--vcpus)
		is_number "$2" 8 || bad "--vcpus: expected a number from 1 to 8, got '$2'"
		runner+=("$1" "$((10#$2))")
		;;
	--memory) check_memory "$2"; runner+=(--memory-mb "$value") ;;
	--seed)
		is_number "$2" 999999999999999999 ||
			bad "--seed: expected a number from 1 to 999999999999999999, got '$2'"
		runner+=("$1" "$((10#$2))")
		;;
	--explorers)
		[[ $2 =~ ^[a-z][a-z0-9_/-]*=[a-z]+$ ]] ||
			bad "--explorers: expected SCENARIO=LETTERS as a replay line has it, got '$2'"
		runner+=("$1" "$2")
		;;
	--repeat)
		[[ $2 =~ ^[0-9]{1,3}$ ]] || bad "--repeat: expected a number from 0 to 999, got '$2'"
		runner+=("$1" "$((10#$2))")
		;;
	--shard) check_shard "$2"; runner+=(--shard "$shard" --shards "$shards") ;;
	--results) check_results "$2"; runner+=("$1" "$value") ;;
	esac
}

parse() {
	case ${1-} in
	run | list) command=$1; shift ;;
	replay)
		command=$1
		check_replay "${2-}"
		shift 2
		[[ ${1-} != --minimise ]] || { shift; minimise=$value rest=("$@"); }
		;;
	resume) command=$1; check_resume "${2-}"; shift 2 ;;
	esac
	while (($#)); do
		case $1 in
		--help | -h) usage; exit 0 ;;
		--list) command=list ;;
		--host) host=1; runner+=("$1") ;;
		--fail-fast | --verbose) runner+=("$1") ;;
		--no-install) install=; runner+=("$1") ;;
		--duration | --scenario | --kernel | --kernel-modules | --modules | --ksrc | --accel | \
		--vcpus | --memory | --seed | --shard | --repeat | --explorers | --results)
			(($# >= 2)) || bad "$1: expected a value after it"
			take_option "$1" "$2"
			shift
			;;
		--duration=* | --scenario=* | --kernel=* | --kernel-modules=* | --modules=* | --ksrc=* | \
		--accel=* | --vcpus=* | --memory=* | --seed=* | --shard=* | --repeat=* | --explorers=* | \
		--results=*)
			take_option "${1%%=*}" "${1#*=}"
			;;
		-*) bad "unknown option '$1', see ./run.sh --help" ;;
		*) bad "unknown command '$1', see ./run.sh --help" ;;
		esac
		shift
	done
}

check_together() {
	local file
	if [[ $host && ($kernel || ${modules-} || ${kernel_modules-}) ]]; then
		bad "--host runs the kernel that is running: no --kernel, --kernel-modules or --modules"
	fi
	[[ ! ${kernel_modules-} || -f $kernel ]] ||
		bad "--kernel-modules: expected a bzImage for --kernel with it"
	if [[ $host ]]; then
		((EUID == 0)) || bad "--host needs root"
		[[ -e /dev/kvm ]] || bad "--host needs KVM, and there is no /dev/kvm"
	fi
	for file in "$scenario_dir"/*.conf; do
		[[ ! -e $file ]] || return 0
	done
	bad "there are no scenarios in $scenario_dir"
}

list() {
	local file line name describe named
	for file in "$scenario_dir"/*.conf "$scenario_dir"/*/*.conf; do
		[[ -e $file ]] || continue
		name=${file#"$scenario_dir"/} describe='' named=''
		while IFS= read -r line || [[ $line ]]; do
			if [[ $line =~ ^[[:blank:]]*describe[[:blank:]]*=[[:blank:]]*(.*)$ ]]; then
				describe=${BASH_REMATCH[1]}
			elif [[ $line =~ ^[[:blank:]]*when[[:blank:]]*=[[:blank:]]*named ]]; then
				named=' (only when it is named)'
			fi
		done <"$file"
		printf '%-28s %s%s\n' "${name%.conf}" "$describe" "$named"
	done
}

# ---- what the runner needs ----

# A child with a process group of its own, which ends with us.
child=
end_child() { # EXIT-STATUS
	trap '' INT TERM HUP
	[[ ! $child ]] || kill -TERM -- "-$child" 2>/dev/null || true
	[[ ! $child ]] || wait "$child" 2>/dev/null || true
	exit "$1"
}

run_child() {
	local status=0
	set -m
	"$@" </dev/null >&2 &
	child=$!
	set +m
	wait "$child" || status=$?
	child=
	return "$status"
}

build_runner() { # NEED TOOL
	local status=0
	PFN_CACHE=${PFN_CACHE:-$top/.cache}
	export PFN_CACHE
	# trees that share a cache do not share programs: the newest was not built of this tree
	bin=$PFN_CACHE/bin/$(printf %s "$top" | sha256sum | cut -c1-16)
	[[ $install ]] || export PFN_NO_INSTALL=1
	run_child "$top/tools/vm/packages.sh" "$1" || status=$?
	((status == 0)) || exit "$status"
	mkdir -p "$bin" || exit 1
	# several runs may start at once after an update
	run_child flock "$bin" make -s -C "$top/tools/$2" OUT="$bin" || exit 1
}

# judge DIR [--results DIR]: the runner does it, which has the rules
judge() {
	[[ ${1-} ]] || bad "report judge: expected a results directory"
	[[ -d $1 ]] || bad "report judge: no such directory: '$1'"
	[[ -f $1/result.json ]] || bad "report judge: '$1' holds no result.json"
	absolute "$1"
	runner=(--judge "$value")
	shift
	while (($#)); do
		case $1 in
		--no-install) install= ;;
		--results)
			(($# >= 2)) || bad "$1: expected a value after it"
			take_option "$1" "$2"
			shift
			;;
		--results=*) take_option --results "${1#*=}" ;;
		*) bad "report judge: unknown option '$1'" ;;
		esac
		shift
	done
	trap 'end_child 130' INT
	trap 'end_child 143' TERM
	trap 'end_child 129' HUP
	build_runner host-build runner
	trap - INT TERM HUP
	exec "$bin/runner" --top "$top" "${runner[@]}"
}

case ${1-} in
bisect | bisect-step)
	step=()
	[[ $1 = bisect ]] || step=(--step)
	shift
	trap 'end_child 130' INT
	trap 'end_child 143' TERM
	trap 'end_child 129' HUP
	build_runner bisect bisect
	trap - INT TERM HUP
	exec "$bin/bisect" --top "$top" ${step[@]+"${step[@]}"} "$@"
	;;
report)
	shift
	if [[ ${1-} = judge ]]; then
		shift
		judge "$@"
	fi
	trap 'end_child 130' INT
	trap 'end_child 143' TERM
	trap 'end_child 129' HUP
	build_runner report report
	trap - INT TERM HUP
	exec "$bin/report" "$@"
	;;
esac

parse "$@"
if [[ $command = list ]]; then
	list
	exit 0
fi
check_together
[[ ! $minimise ]] || exec "$top/tools/minimise.sh" "$minimise" ${rest[@]+"${rest[@]}"}
trap 'end_child 130' INT
trap 'end_child 143' TERM
trap 'end_child 129' HUP
build_runner host-build runner
trap - INT TERM HUP
exec "$bin/runner" --top "$top" ${runner[@]+"${runner[@]}"}
