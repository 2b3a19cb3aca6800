#!/usr/bin/env bash
# Installs what a fresh machine lacks to build and run Mizan: a C compiler, PostgreSQL's server programs, Rust.
# With `for-tests`, instead: the programs that some tests open our books with, and the nodes of chains that others watch.
# Without them those tests are skipped.
#
# `make` calls this first every time, so with nothing missing it takes a blink, prints nothing and changes nothing.
# What it cannot do itself it says in one line. It never starts a database and never edits a shell profile.
# It keeps to bash 3.2, which is what macOS has.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo_bin=${CARGO_HOME:-~/.cargo}/bin
export PATH="$cargo_bin:$PATH"
sudo_prompt='mizan: sudo password of %p, to install what is missing: '
rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
last_words='' # of the command that `quietly` ran last and that failed

say() { printf 'mizan: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# --- What is there ---------------------------------------------------------------------------------------------------

# A compiler without the C library's files is present and useless (gcc without libc6-dev), so link something.
links_c() { has cc && echo 'int main(void) { return 0; }' | cc -x c -o /dev/null - 2>/dev/null; }

# Distributions keep the server programs out of PATH. The places are those of store/src/embedded/programs.rs.
has_postgres() {
    local dir IFS=:
    [ -z "${MIZAN_POSTGRES_BIN:-}" ] || return 0 # chosen by hand; `mizan` says if it is wrong
    for dir in $PATH /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin \
        /{opt/homebrew,usr/local}/opt/postgresql*/bin /opt/homebrew/bin; do
        if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then return 0; fi
    done
    return 1
}

# Empty when there is no rustc, or only rustup's stand-in for one.
rust_version() { rustc --version 2>/dev/null | cut -d' ' -f2 || true; }

has_rust() {
    local found
    found=$(rust_version)
    has cargo && [ -n "$found" ] && printf '%s\n%s\n' "$rust_needed" "$found" | sort -V -C
}

has_lints() {
    local bin
    bin=$(rustc --print sysroot)/bin
    [ -x "$bin/cargo-clippy" ] && [ -x "$bin/rustfmt" ]
}

# --- How to install --------------------------------------------------------------------------------------------------

# Runs a command; on a terminal its newest line is shown in place. If it fails, the caller says so with `last_words`.
quietly() {
    local log line status=0
    log=$(mktemp)
    "$@" </dev/null 2>&1 | tee "$log" | while IFS= read -r line; do
        if [ -t 1 ]; then printf '\r\033[K  %.75s' "$line"; fi
    done || status=$?
    if [ -t 1 ]; then printf '\r\033[K'; fi
    last_words=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1 | cut -c 1-200 || true)
    rm -f "$log"
    return $status
}

is_root() { [ "$(id -u)" = 0 ]; }
as_root() { if is_root; then "$@"; else sudo "$@"; fi; }

# Where nobody can type a password, sudo helps only if it asks for none.
can_be_root() {
    is_root || { has sudo && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -vp "$sudo_prompt"; }; }; }
}

# A new cloud machine is often busy updating itself: wait for its lock. And never restart its other services.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -y -o DPkg::Lock::Timeout=300 "$@"
}

# Debian's PostgreSQL creates and starts a server of its own on port 5432 when it is installed. Mizan runs a private
# one, so that is switched off, for this one installation only.
apt_install_without_server() (
    dir=/etc/postgresql-common/createcluster.d
    trap 'as_root rm -f $dir/mizan.conf; as_root rmdir --ignore-fail-on-non-empty $dir' EXIT
    as_root mkdir -p $dir &&
        echo 'create_main_cluster = false' | as_root tee $dir/mizan.conf &&
        apt_get install --no-install-recommends "$@"
)

install_with_apt() {
    can_be_root || die "run this as root, then make again: apt-get install -y $*"
    say "installing $* (a minute or two)"
    # A broken third-party source fails the update but seldom the install, which speaks for itself if it does.
    quietly apt_get update || true
    quietly apt_install_without_server "$@" || die "apt-get could not install $*: $last_words"
}

install_with_brew() {
    has brew || die "install Homebrew (https://brew.sh) or PostgreSQL, then run make again"
    say "installing $* (a minute or two)"
    NONINTERACTIVE=1 quietly brew install "$@" || die "brew could not install $*: $last_words"
}

stable_toolchain() {
    quietly rustup toolchain install stable --profile minimal --component clippy,rustfmt --no-self-update || return 1
    rustup default >/dev/null 2>&1 || quietly rustup default stable
}

# Debian 13 and Ubuntu 24.04 have it, Debian 12 and Ubuntu 22.04 do not.
rustup_from_apt() {
    has apt-get && apt-cache show rustup >/dev/null 2>&1 && can_be_root &&
        quietly apt_get install --no-install-recommends rustup
}

rustup_from_its_site() {
    local installer status=0
    installer=$(mktemp)
    quietly curl --proto '=https' --tlsv1.2 -sSfL --connect-timeout 20 -o "$installer" https://sh.rustup.rs &&
        RUSTUP_INIT_SKIP_PATH_CHECK=yes quietly sh "$installer" -y --profile minimal \
            --default-toolchain stable --component clippy,rustfmt --no-modify-path || status=$?
    rm -f "$installer"
    return $status
}

install_rust() {
    local found
    found=$(rust_version)
    say "installing Rust, $rust_needed or newer is needed and ${found:-none} is here (a minute or two)"
    if has rustup || { [ -z "$found" ] && rustup_from_apt; }; then
        stable_toolchain || die "rustup could not install Rust ($last_words): install $rust_needed or newer, then run make again"
    else
        rustup_from_its_site ||
            die "the Rust installer failed ($last_words): install Rust $rust_needed or newer (https://rustup.rs), then run make again"
        say "Rust is in $cargo_bin; to use cargo yourself: . ${cargo_bin%/bin}/env"
    fi
    hash -r
    has_rust || die "rustup still chooses Rust $(rust_version) here: run 'rustup default stable', then make again"
}

# --- What to install -------------------------------------------------------------------------------------------------

# What tests are without is skipped and said so, so nothing here ends the script.
install_for_tests() {
    if [ "$(uname)" = Darwin ] && has brew; then
        say "installing$1 (a minute or two)"
        # shellcheck disable=SC2086 # a list of words
        NONINTERACTIVE=1 quietly brew install $1 || say "brew could not install$1: $last_words"
    elif has apt-get && can_be_root; then
        say "installing$1 (a minute or two)"
        quietly apt_get update || true
        # shellcheck disable=SC2086
        quietly apt_get install --no-install-recommends $1 || say "apt-get could not install$1: $last_words"
    else
        say "install these with your package manager to test with them:$1"
    fi
}

# The same versions as api/tests/nodes/package.json says.
has_nodes() {
    cmp -s api/tests/nodes/package.json "$nodes/package.json" &&
        ls "$nodes"/node_modules/@foundry-rs/anvil-*/bin/anvil >/dev/null 2>&1
}

# Without their install scripts: nothing of theirs runs before a test starts it, and no compiler is needed.
install_nodes() {
    say 'installing nodes of Bitcoin and Ethereum for the tests'
    mkdir -p "$nodes"
    cp api/tests/nodes/package.json "$nodes/package.json"
    if ! quietly npm install --prefix "$nodes" --ignore-scripts --no-audit --no-fund || ! has_nodes; then
        rm -f "$nodes/package.json"
        say "npm could not install the nodes: $last_words"
    fi
}

if [ "${1:-}" = for-tests ]; then
    nodes=${CARGO_TARGET_DIR:-target}/nodes
    packages=''
    has hledger || packages="$packages hledger"
    has bean-check || packages="$packages beancount"
    has node || packages="$packages $([ "$(uname)" = Darwin ] && echo node || echo nodejs)"
    has npm || [ "$(uname)" = Darwin ] || packages="$packages npm"
    [ -z "$packages" ] || install_for_tests "$packages"
    if ! has_nodes && has node && has npm; then install_nodes; fi
    exit 0
fi

packages=''
links_c || packages="$packages gcc libc6-dev"
has_postgres || packages="$packages postgresql"
has_rust || has rustup || has curl || packages="$packages curl ca-certificates"

if [ -n "$packages" ]; then
    if [ "$(uname)" = Darwin ]; then
        links_c || die "install Apple's C compiler, then run make again: xcode-select --install"
        install_with_brew postgresql@16
    elif has apt-get; then
        # shellcheck disable=SC2086 # a list of words; bash 3.2 has trouble with empty arrays
        install_with_apt $packages
    else
        die "install these with your package manager (Debian's names), then run make again:$packages"
    fi
fi

has_rust || install_rust

# Only `make check` needs these, so that a machine without them can still run Mizan.
if has rustup && ! has_lints; then
    say 'adding clippy and rustfmt'
    quietly rustup component add clippy rustfmt || say "rustup could not add them: $last_words"
fi
