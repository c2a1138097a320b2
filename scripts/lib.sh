# shellcheck shell=bash
# Shared by the commands of scripts/: words on the screen, packages, builds. Source it; it runs nothing by itself.
# Every step is idempotent: what is there and current is left alone, so a second run takes seconds.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export OUTCROP_CACHE=${OUTCROP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/outcrop}
# A clone in another folder finds what this one compiled.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root} CCACHE_NOHASHDIR=1
version=$(sed -n 's/^project(outcrop VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
bar_cells=15
live=0
if [ -t 2 ]; then live=1; fi

say() { printf '%s\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# bar DONE TOTAL: fifteen cells.
bar() {
  local full=$((bar_cells * $1 / ($2 > 0 ? $2 : 1))) cells='' i
  for ((i = 0; i < bar_cells; i++)); do
    if ((i < full)); then cells+='█'; else cells+='░'; fi
  done
  printf '%s' "$cells"
}

# duration SECONDS: "4 s", "2 min 10 s", "1 h 20 min".
duration() {
  if (($1 < 60)); then printf '%d s' "$1"
  elif (($1 < 3600)); then printf '%d min %02d s' $(($1 / 60)) $(($1 % 60))
  else printf '%d h %02d min' $(($1 / 3600)) $(($1 % 3600 / 60)); fi
}

# row LABEL TEXT: a finished step.
row() {
  local cells=''
  if ((live)); then cells="$(bar 1 1) "; fi
  printf '  %-12s %s%s\n' "$1" "$cells" "$2" >&2
}

# show_steps LABEL: reads the output of a build, draws its "[done/total]". In a pipe: a line every 20 seconds.
show_steps() {
  local label=$1 line done=0 total=0 started=$SECONDS told=$SECONDS
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    done=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
    if ((live)); then
      printf '\r\033[K  %-12s %s %3d of %d   %s' "$label" "$(bar "$done" "$total")" "$done" "$total" "$(duration $((SECONDS - started)))" >&2
    elif ((SECONDS - told >= 20)); then
      told=$SECONDS
      printf '  %-12s %d of %d   %s\n' "$label" "$done" "$total" "$(duration $((SECONDS - started)))" >&2
    fi
  done
  if ((live)); then printf '\r\033[K' >&2; fi
}

# run_steps LABEL DETAIL LOG COMMAND...: runs it with its output in LOG and its progress on the screen. On failure
# the end of the log is shown, and the log's name.
run_steps() {
  local label=$1 detail=$2 log=$3 started=$SECONDS status=0 last
  shift 3
  mkdir -p "$(dirname "$log")"
  "$@" </dev/null 2>&1 | tee "$log" | show_steps "$label" || status=${PIPESTATUS[0]}
  if ((status != 0)); then
    # The first failure and what follows it; the end where nothing looks like one.
    grep -E -m1 -A15 '(^FAILED:|error:|Error)' "$log" | cut -c 1-300 >&2 || tail -n 15 "$log" >&2
    die "$label failed (exit code $status). The whole output is in $log"
  fi
  last=$(grep -oE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 1 | tr -d '[]' || true)
  # [0/2] is a look around (have files come or gone?), after which nothing was to be done.
  if [ -n "$last" ] && [ "${last%/*}" != 0 ]; then row "$label" "${last%/*} of ${last#*/}   $(duration $((SECONDS - started)))   $detail"
  else row "$label" "up to date   $detail"; fi
}

# jobs_here: compilers at once: a file with coroutines takes about 0.7 GB, so 1.5 GB of memory each, at most one a core.
jobs_here() {
  local cores memory
  cores=$(nproc)
  memory=$(($(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1500000))
  if ((memory < 1)); then memory=1; fi
  echo $((cores < memory ? cores : memory))
}

describe_machine() {
  local os memory
  os=$(. /etc/os-release 2>/dev/null && echo "${NAME%% *} ${VERSION_ID:-}" || uname -s)
  memory=$(awk '/^MemTotal/ {printf "%.1f GiB", $2 / 1048576}' /proc/meminfo)
  echo "$os, $(nproc) cores, $memory"
}

# missing_packages WHEN...: the packages of third_party/apt.txt for these purposes that are absent or too old.
missing_packages() {
  local when name least have
  declare -A installed=()
  while read -r name have; do
    installed[$name]=$have
  done < <(dpkg-query -W -f='${db:Status-Abbrev} ${Package} ${Version}\n' | sed -n 's/^ii *//p')
  while read -r when name least; do
    case " $* " in *" $when "*) ;; *) continue ;; esac
    have=${installed[$name]:-}
    if [ -z "$have" ] || dpkg --compare-versions "$have" lt "$least"; then echo "$name"; fi
  done < <(grep -vE '^(#|$)' third_party/apt.txt)
}

# install_packages COMMAND WHEN...: installs what is missing when this user may; else says the one command to run.
install_packages() {
  local command=$1 tool missing count total listed log=build/logs/packages.log started=$SECONDS
  shift
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || {
    for tool in clang++-19 cmake ninja python3; do
      command -v $tool >/dev/null || die "$tool is not installed, and this is no Debian or Ubuntu, where this script could install it. Install what third_party/apt.txt lists, then run this again."
    done
    return 0
  }
  missing=$(missing_packages "$@")
  total=$(missing_packages_total "$@")
  if [ -z "$missing" ]; then
    row packages "$total of $total"
    return 0
  fi
  count=$(wc -w <<<"$missing")
  listed=$(head -n 1 <<<"$missing")
  if ((count > 1)); then listed="$listed and $((count - 1)) more"; fi
  if [ "$(id -u)" != 0 ]; then
    die "$listed $( ((count > 1)) && echo are || echo is) not installed and this user may not install packages. Run: sudo $command"
  fi
  say "  $(printf '%-12s' packages) installing $listed ..."
  mkdir -p "$(dirname "$log")"
  export DEBIAN_FRONTEND=noninteractive
  # One process may hold apt's lock for a while on a new machine; wait for it instead of failing.
  { apt-get -o DPkg::Lock::Timeout=300 update &&
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null || {
    tail -n 15 "$log" >&2
    die "Installing packages failed. The whole output is in $log. Packages wanted: $(tr '\n' ' ' <<<"$missing")"
  }
  missing=$(missing_packages "$@")
  if [ -n "$missing" ]; then
    die "The distribution's version is too old for: $(tr '\n' ' ' <<<"$missing"). Outcrop is built on Debian 12 or newer (third_party/apt.txt has the least versions)."
  fi
  row packages "$total of $total   $(duration $((SECONDS - started)))   installed $listed"
}

missing_packages_total() {
  local pattern
  pattern=$(printf '%s|' "$@")
  grep -cE "^(${pattern%|})[[:space:]]" third_party/apt.txt
}

# llama_prefix: the folder of the built llama.cpp. with_llama builds it first where it is not there yet.
llama_prefix() { third_party/llama.cpp/build --print-prefix; }
with_llama() {
  local node_bin
  if [ ! -x third_party/llama.cpp/build ]; then return 0; fi
  if [ ! -e "$(llama_prefix)/complete" ]; then
    node_bin=$(scripts/fetch node)
    PATH="$node_bin:$PATH" OUTCROP_JOBS=${OUTCROP_JOBS:-$(jobs_here)} \
      run_steps llama.cpp "" build/logs/llama.log third_party/llama.cpp/build
  else
    row llama.cpp "up to date"
  fi
}

# build_configured PRESET [CMAKE OPTION...]: configures where the options changed or nothing is there.
build_configured() {
  local preset=$1 stamp=build/$1/.configured wanted
  shift
  if [ -x third_party/llama.cpp/build ]; then set -- "$@" "-DOUTCROP_LLAMA_DIR=$(llama_prefix)"; fi
  wanted="$preset $*"
  if [ -f "build/$preset/build.ninja" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return 0; fi
  mkdir -p build/logs
  cmake --preset "$preset" "$@" >"build/logs/configure-$preset.log" 2>&1 </dev/null || {
    tail -n 20 "build/logs/configure-$preset.log" >&2
    die "Configuring the $preset build failed. The whole output is in build/logs/configure-$preset.log"
  }
  echo "$wanted" >"$stamp"
}

# build PRESET "TARGET..." [CMAKE OPTION...]: configures where needed, then builds.
build() {
  local preset=$1 targets
  read -ra targets <<<"$2"
  shift 2
  build_configured "$preset" "$@"
  run_steps outcrop "build/$preset" "build/logs/build-$preset.log" ninja -C "build/$preset" -j"$(jobs_here)" "${targets[@]}"
}
