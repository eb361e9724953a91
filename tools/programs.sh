#!/bin/sh
# Programs that tests call. What cannot be installed here is left out: its tests say so and skip.
# One a line: the program, and Debian's package of it.
set -u
programs="
bash bash
zsh zsh
fish fish
nft nftables
ip iproute2
nsenter util-linux
curl curl
openssl openssl
wrk wrk
busybox busybox-static
docker-registry docker-registry
skopeo skopeo
zstd zstd
redis-server redis-server
nginx nginx-light
chromium-headless-shell chromium-headless-shell
"
PATH=$PATH:/usr/sbin:/sbin
missing=$(echo "$programs" | while read -r program package; do
    [ -z "$program" ] || command -v "$program" >/dev/null 2>&1 || printf ' %s' "$package"
done)
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Not installed, so their tests are skipped:$missing" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; }
if ! install $missing; then
    apt-get update -qq >/dev/null 2>&1
    install $missing || for package in $missing; do install "$package" || echo "Cannot install: $package" >&2; done
fi
exit 0
