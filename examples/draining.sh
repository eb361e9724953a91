#!/bin/sh
# Connection draining: a pod that is to go gets no new visitors, and finishes with those that it has.
#
#     examples/draining.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

scratch=$(mktemp -d)
leave() { rm -rf "$scratch"; cleanup; }
trap leave EXIT

serving() { # the pods that a Service sends new visitors to
    ask get endpointslices -l kubernetes.io/service-name=slow \
        -o 'jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].targetRef.name}' | tr ' ' '\n' | sort | xargs
}

say "Two pods that take their time when they are asked to."
run apply -f "$here/draining.yaml"
run rollout status deployment/slow --timeout=60s
until_it_is 5 answers slow 5 'Hostname: slow-'
url=$(url_of slow)

say "Somebody asks for something that takes three seconds."
get "$url/?wait=3s" >"$scratch/first" &
one=$!
get "$url/?wait=3s" >"$scratch/second" &
two=$!
sleep 0.5

say "Meanwhile every pod is replaced."
before=$(serving)
run rollout restart deployment/slow

say "Both answers come, from pods that were told to end long before."
wait "$one" || expect "an answer" "none"
wait "$two" || expect "an answer" "none"
for answer in "$scratch/first" "$scratch/second"; do
    name=$(sed -n 's/^Hostname: //p' "$answer")
    echo "answered by $name"
    case " $before " in *" $name "*) ;; *) expect "one of $before" "$name" ;; esac
done

say "New visitors meet new pods, and nobody met a closed door."
run rollout status deployment/slow --timeout=60s
after=$(serving)
for name in $before; do
    case " $after " in *" $name "*) expect "other pods than $before" "$after" ;; esac
done
for _ in 1 2 3 4 5; do
    name=$(get "$url" | sed -n 's/^Hostname: //p')
    case " $after " in *" $name "*) ;; *) expect "one of $after" "$name" ;; esac
done

say "One pod is deleted: it is still there, still answers what it was asked, and gets nothing new."
victim=${after%% *}
is_served() { case " $(serving) " in *" $victim "*) echo yes ;; *) echo no ;; esac }
run delete pod "$victim" --wait=false
until_it_is no is_served
case " $(ask get pods -l app=slow -o 'jsonpath={.items[*].metadata.name}') " in *" $victim "*) ;; *) expect "$victim, ending" "nothing" ;; esac
expect true "$(ask get endpointslices -l kubernetes.io/service-name=slow \
    -o "jsonpath={.items[*].endpoints[?(@.targetRef.name==\"$victim\")].conditions.terminating}")"
run rollout status deployment/slow --timeout=60s
