#!/bin/sh
# Blue/green: two versions stand side by side, and a Service's selector says which one everybody gets.
#
#     examples/blue-green.sh [MINIKCTL]
. "$(dirname "$0")/frame.sh"

switch() { run patch service web -p "{\"spec\":{\"selector\":{\"app\":\"web\",\"version\":\"$1\"}}}"; }
blue() { answers web 5 'Version: 1.0.0'; }
green() { answers web 5 'Version: 2.0.0'; }

say "Blue is version 1.0 and has the visitors. Green is version 2.0 and has none."
run apply -f "$here/blue-green.yaml"
run rollout status deployment/blue --timeout=60s
run rollout status deployment/green --timeout=60s
until_it_is 5 blue

say "Green is tried through a Service of its own."
until_it_is 5 answers web-next 5 'Version: 2.0.0'
get "$(url_of web-next)"

say "The switch is one change of a selector: not one request goes to both."
switch green
until_it_is 5 green
run get service web -o wide

say "And back, as quickly: blue still stands."
switch blue
until_it_is 5 blue

say "Green it is. Blue can go."
switch green
until_it_is 5 green
run delete deployment blue
expect 20 "$(answers web 20 'Version: 2.0.0')"
