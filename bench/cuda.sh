#!/bin/bash
# Checks and measures the backend for GPUs on a machine with one, in ten minutes:
#
#   bench/cuda.sh build FOLDER    on a machine with Go, g++ and NVRTC (SPELL_NVRTC names it, if it is not found)
#   bench/cuda.sh run FOLDER [RESULTS]    on the machine with the GPU, in a checkout: RESULTS/tables.md
#
# FOLDER carries everything: programs, NVRTC with the kernels that it compiled, and what the emulated device
# computes. The machine with the GPU needs its driver, and for the peers Python with PyTorch; what it lacks
# is left out, and the tables say so. A step that fails or takes too long leaves what it has measured.
#
# SPELL_BENCH_TINY=1 takes sizes for the emulated device, on which build has put all it needs:
#   SPELL_BENCH_TINY=1 SPELL_BENCH_EMULATED=1 bench/cuda.sh run FOLDER
# SPELL_BENCH_NVRTC=theirs takes PyTorch's NVRTC before the one in FOLDER, and compiles with it.
# SPELL_BENCH_SECONDS is how long a run may take, 570 unless it says otherwise.
set -uo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,15s/^# \{0,1\}//p' bench/cuda.sh >&2; exit 2; }
[ $# -ge 2 ] || usage
mkdir -p "$2"
folder=$(cd "$2" && pwd)

build() {
	set -e
	local flags=(-tags cuda -trimpath -ldflags '-s -w')
	go build "${flags[@]}" -o "$folder/cuda" ./bench/cuda
	go build "${flags[@]}" -o "$work/spell" ./cmd/spell
	gzip -9 <"$work/spell" >"$folder/spell.gz"
	go test "${flags[@]}" -c -o "$folder/cuda.test" ./kernels/cuda
	# The emulated device's library is made from sources, which a program without their paths cannot find.
	cp "$(go run -tags cuda ./bench/cuda -step emulator)" "$folder/emulated.so"
	emulated "$folder/cuda" -step write-bits -bits "$folder/bits.gob"
	if [ -n "${SPELL_NVRTC:-}" ]; then
		local real
		real=$(readlink -f "$SPELL_NVRTC")
		mkdir -p "$work/nvrtc"
		cp "$real" "$work/nvrtc/libnvrtc.so"
		cp "$(dirname "$real")"/libnvrtc-builtins.so.*[0-9].[0-9] "$work/nvrtc/" # it loads them by that name
		tar -czf "$folder/nvrtc.tar.gz" -C "$work/nvrtc" .
		export SPELL_NVRTC=$work/nvrtc/libnvrtc.so LD_LIBRARY_PATH=$work/nvrtc
		for capability in ${SPELL_BENCH_CAPABILITIES:-90}; do
			SPELL_CUDA_COMPILE=$capability XDG_CACHE_HOME="$folder/cache" \
				"$folder/cuda.test" -test.run '^TestFillCache$' -test.v
		done
	else
		echo "SPELL_NVRTC names no NVRTC: the machine with the GPU will have to have one" >&2
	fi
	du -sh "$folder"
}

emulated() {
	SPELL_CUDA_DRIVER="$folder/emulated.so" SPELL_NVRTC="$folder/emulated.so" XDG_CACHE_HOME="$work/emulated" "$@"
}

# find_nvrtc names the compiler of kernels in SPELL_NVRTC: the one of FOLDER, whose kernels are there
# already, or PyTorch's, of which only the first file is used.
find_nvrtc() {
	local theirs=
	if [ -n "$python" ]; then
		theirs=$("$python" bench/cuda/peers.py nvrtc 2>/dev/null)
	fi
	if [ -e "$folder/nvrtc.tar.gz" ] && tar -xzf "$folder/nvrtc.tar.gz" -C "$work"; then
		export LD_LIBRARY_PATH=$work${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
		export SPELL_NVRTC=$work/libnvrtc.so
	fi
	if [ -n "$theirs" ] && { [ -z "${SPELL_NVRTC:-}" ] || [ "${SPELL_BENCH_NVRTC:-}" = theirs ]; }; then
		export SPELL_NVRTC=$theirs
		export LD_LIBRARY_PATH=$(dirname "$theirs")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	fi
}

say() { # say STEP SENTENCE [-failed]: a line of the results
	"$bench" -out "$results" -step "$1" -note "$2" ${3:-}
}

# step NAME SECONDS COMMAND…: runs a part, which appends its results itself. Its output is in NAME.log.
step() {
	local name=$1 limit=$(($2 * patience)) log=$out/$1.log code before=$SECONDS
	shift 2
	if [ "$limit" -gt $((budget - SECONDS)) ]; then limit=$((budget - SECONDS)); fi
	if [ "$limit" -lt 5 ]; then
		say "${name%-*}" "there was no time for $name" -failed
		return 1
	fi
	printf '=== %s (after %d s)\n' "$name" "$SECONDS"
	timeout -k 5 "$limit" "$@" >"$log" 2>&1 </dev/null
	code=$?
	case $code in
	0) ;;
	124 | 137) say "${name%-*}" "$name ended at its limit of $limit s" -failed ;;
	*) say "${name%-*}" "$name failed: $(grep -v '^\s*$' "$log" | tail -n 1 | cut -c 1-400)" -failed ;;
	esac
	printf '    %d s, code %d\n' $((SECONDS - before)) "$code"
	return "$code"
}

# pair NAME SECONDS: a step of ours, and the same of the peers.
pair() {
	step "$1-ours" "$2" "$bench" -step "$1" -out "$results" $tiny
	if [ -n "$torch" ]; then
		"$bench" -step "$1" -list $tiny >"$work/problems"
		step "$1-peers" "$2" bash -c "'$python' bench/cuda/peers.py measure '$results' <'$work/problems'"
	fi
}

conformance() { # conformance TYPE SECONDS
	SPELL_CUDA_DEVICE=$1 step "kerneltest-$1" "$2" "$folder/cuda.test" -test.short -test.run "^TestDevice\$${subset:-}" \
		-test.v && say kerneltest "$1: $(grep -c '^ *--- PASS' "$out/kerneltest-$1.log") tests pass"
}

sanitize() { # sanitize TOOL: on the smallest cases
	SPELL_CUDA_DEVICE=bf16 step "sanitizer-$1" 40 "$sanitizer" --tool "$1" --error-exitcode 9 \
		"$folder/cuda.test" -test.short -test.run '^TestDevice$/^(RMSNorm|MatMul|Attend|LogProb)$' &&
		say sanitizer "$1: no complaint"
}

program() { # the program itself
	local begin=$SECONDS
	gzip -d <"$folder/spell.gz" >"$work/spell" && chmod +x "$work/spell"
	step spell-program 75 "$work/spell" "${spell[@]}" &&
		say spell "spell ${spell[*]}: $((SECONDS - begin)) s; $(grep -v '^\s*$' "$out/spell-program.log" | tail -n 1)"
}

run() {
	out=${1:-$folder/results}
	mkdir -p "$out"
	out=$(cd "$out" && pwd)
	results=$out/results.jsonl bench=$folder/cuda tiny= subset= patience=1 budget=${SPELL_BENCH_SECONDS:-570}
	spell=(train --backend cuda --steps 3 --eval 0 --out "$work/run")
	: >"$results"
	python=$(command -v python3 || true)
	torch=
	if [ -n "${SPELL_BENCH_TINY:-}" ]; then
		tiny=-tiny subset='/^(Copies|Rope)$'
		spell=(doctor) # its own model is too large for an emulated device
	fi
	if [ -n "${SPELL_BENCH_EMULATED:-}" ]; then
		patience=10
		export SPELL_CUDA_DRIVER=$folder/emulated.so SPELL_NVRTC=$folder/emulated.so XDG_CACHE_HOME=$work/cache
	else
		mkdir -p "$work/cache"
		if [ -d "$folder/cache" ]; then cp -r "$folder/cache/." "$work/cache/"; fi
		export XDG_CACHE_HOME=$work/cache
		find_nvrtc
	fi
	if command -v nvidia-smi >/dev/null; then
		say device "$(nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm,power.limit,memory.total \
			--format=csv,noheader 2>&1 | head -n 1)"
	else
		say device 'there is no nvidia-smi: clocks are not known'
	fi
	if [ -z "$python" ]; then
		say peers 'there is no python3: no peers'
	elif torch=$("$python" bench/cuda/peers.py version 2>"$work/why"); then
		say peers "$torch"
	else
		torch=
		say peers "no peers: $(tail -n 1 "$work/why")"
	fi
	say device "NVRTC: ${SPELL_NVRTC:-as the loader finds it}"
	if ! step device-open 60 "$bench" -step device -out "$results"; then
		finish
		return 1
	fi
	pair ceilings 30
	step probe-device 30 "$bench" -step probe -out "$results" $tiny
	step bits-device 45 "$bench" -step bits -bits "$folder/bits.gob" -out "$results"
	conformance bf16 60
	conformance f32 60
	sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -n 1)
	if [ -n "$sanitizer" ]; then
		sanitize memcheck
		sanitize racecheck
	else
		say sanitizer 'there is no compute-sanitizer: nothing was checked by it'
	fi
	pair gemm 40
	pair attention 40
	step decode-ours 45 "$bench" -step decode -out "$results" $tiny
	step delta-ours 30 "$bench" -step delta -out "$results" $tiny
	pair train 40
	pair update 60
	step selfplay-ours 50 "$bench" -step selfplay -out "$results" $tiny
	program
	finish
}

finish() {
	"$bench" -step table -out "$results" >"$out/tables.md"
	cat "$out/tables.md"
	echo "$SECONDS s; tables and logs are in $out"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $1 in
build) build ;;
run) run "${3:-}" ;;
*) usage ;;
esac
