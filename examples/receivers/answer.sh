#!/usr/bin/env bash
# Answers about a case; needs curl and jq. Usage: answer.sh ID TYPE SUBJECT DATA
# HOMEWARD_URL and HOMEWARD_KEY say where and as whom. ID is your own, new for each answer; SUBJECT is an event's.
#   answer.sh visa-881 visa-granted SUBJECT '{"reference": "EV-881", "issued_on": "2026-03-02"}'
set -euo pipefail

body=$(jq -n --arg id "$1" --arg type "org.homeward.agency.$2.v1" --arg subject "$3" --argjson data "$4" \
  '{$id, $type, $subject, $data}')
reply=$(mktemp)
trap 'rm -f "$reply"' EXIT
for wait in 2 10 60 600 0; do
  # The key comes by a pipe, and the body too: what is on a command line, everybody on the machine can read.
  status=$(curl -sS -m 60 -o "$reply" -w '%{http_code}' --data-binary @<(echo "$body") \
    -H @<(echo "Authorization: Bearer $HOMEWARD_KEY") -H "Content-Type: application/json" \
    "$HOMEWARD_URL/answers") || status=000
  case $status in
    # It took effect, or a person decides whom it is about: ask GET /answers/ID what became of it.
    200 | 202) jq -r .state "$reply"; exit 0 ;;
    # Nothing was kept. The same id makes sure that it counts once, however often it is sent.
    000 | 429 | 5*) [ "$wait" = 0 ] || sleep "$wait" ;;
    # It was kept and had no effect: mend it, and send it under another id.
    *) jq . "$reply" >&2; exit 1 ;;
  esac
done
echo "no answer: $status" >&2
exit 2
