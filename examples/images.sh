#!/bin/sh
# Images of your own: build one from a Dockerfile, run it, carry it to another place in an archive, pull it from a
# registry with a password in a Secret. Needs busybox (a static one: Debian's busybox-static) for something to put into
# the image and, for the last part, docker-registry and skopeo.
#
#     sh examples/images.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"
needs_sandbox

work=$(mktemp -d)
registry=
cleanup() {
    [ -z "$registry" ] || kill "$registry" 2>/dev/null || true
    ask delete pods --all --now >/dev/null 2>&1 || true
    ask delete namespace "$namespace" --ignore-not-found >/dev/null 2>&1 || true
    for image in $(ask image ls -o name 2>/dev/null | grep -E '(^|/)images-example'); do
        ask image rm "$image" >/dev/null 2>&1 || true
    done
    rm -rf "$work"
}

if ! command -v busybox >/dev/null; then
    echo "There is no busybox here to make an image of (Debian: busybox-static)"
    exit 0
fi

say "An image from nothing but busybox: its files are its own, nothing of this machine is in it"
cp "$(command -v busybox)" "$work/busybox"
echo 'Hello from my own image' >"$work/index.html"
cat >"$work/Dockerfile" <<'END'
FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /etc /home/web && echo 'web:x:1000:1000::/home/web:/bin/sh' >/etc/passwd

FROM base
ENV PORT=8080
WORKDIR /srv
COPY index.html .
USER web
EXPOSE 8080
CMD echo "$(cat index.html), user $(id -u), $(ls -d /bin /usr 2>&1 | xargs)"; exec sleep 3600
END
hello="Hello from my own image, user 1000, ls: /usr: No such file or directory /bin"
cat "$work/Dockerfile"
run image build -t images-example:1 "$work"

say "Once more: every step comes from the cache"
run image build -t images-example:1 "$work" 2>&1 | tee "$work/again"
expect 5 "$(grep -c '(cached)' "$work/again")"

say "Run it. A tag that is not :latest is not pulled when the image is here"
run run web --image=images-example:1
run wait --for=condition=Ready pod/web --timeout=60s
until_it_is "$hello" ask logs web
run logs web
run exec web -- id
run get pod web -o 'jsonpath={.status.containerStatuses[0].imageID}{"\n"}'

say "An image that a container has stays"
if ask image rm images-example:1 2>"$work/refused"; then expect "a refusal" "none"; fi
cat "$work/refused"

say "Into an archive, as docker save would write it, and back"
run image save -o "$work/web.tar" images-example:1
id=$(ask image ls -q images-example:1)
run delete pod web --now
run image rm images-example:1
run image load -i "$work/web.tar"
expect "$id" "$(ask image ls -q images-example:1)"
run image ls images-example:1

if ! command -v docker-registry >/dev/null || ! command -v skopeo >/dev/null; then
    say "There is no docker-registry or no skopeo here: that was all"
    exit 0
fi

say "A registry on this machine that wants to know who asks"
port=$((5000 + $$ % 20000))
cat >"$work/registry.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$port"}
auth: {htpasswd: {realm: example, path: $work/htpasswd}}
END
# the password is lovelace
echo 'ada:$2y$05$ZKVc/j3ZsOEz4Ad9OEQBxefWRtcEslpxUGo86nBXWlYpYoWA8bHJi' >"$work/htpasswd"
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
registry=$!
image=localhost:$port/team/images-example:2
push() {
    skopeo copy --quiet --dest-creds ada:lovelace --dest-tls-verify=false "docker-archive:$work/web.tar" "docker://$image"
}
for _ in $(seq 50); do push 2>"$work/push" && break || sleep 0.2; done
run image rm images-example:1

say "Without the password the pod waits, and says why"
run run refused --image="$image"
until_it_is ImagePullBackOff ask get pod refused -o 'jsonpath={.status.containerStatuses[0].state.waiting.reason}'
run get events --field-selector involvedObject.name=refused,reason=Failed

say "With a pull Secret of its service account it starts"
run create secret docker-registry regcred --docker-server="localhost:$port" --docker-username=ada --docker-password=lovelace
run patch serviceaccount default -p '{"imagePullSecrets": [{"name": "regcred"}]}'
run run pulled --image="$image"
run wait --for=condition=Ready pod/pulled --timeout=60s
run get events --field-selector involvedObject.name=pulled,reason=Pulled
until_it_is "$hello" ask logs pulled

say "By hand it is pulled with --creds; it is up to date already"
run image pull --creds ada:lovelace "$image" | tee "$work/pulled"
expect 1 "$(grep -c 'Image is up to date' "$work/pulled")"
run image ls "$image"
say "done"
