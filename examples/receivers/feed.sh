#!/usr/bin/env bash
# Receives Homeward's events by the pull feed; needs curl and jq. Usage: feed.sh FOLDER
# HOMEWARD_URL, HOMEWARD_KEY and HOMEWARD_SUBSCRIPTION say where and as whom; HOMEWARD_WAIT=30 waits for something.
set -euo pipefail

folder=$1
mkdir -p "$folder"
while true; do
  after=$(cat "$folder/cursor" 2>/dev/null || echo 0)
  # The key comes by a pipe: what is on a command line, everybody on the machine can read.
  page=$(curl -sS --fail-with-body -m 60 -H @<(echo "Authorization: Bearer $HOMEWARD_KEY") \
    "$HOMEWARD_URL/feed?subscription=$HOMEWARD_SUBSCRIPTION&after=$after&wait=${HOMEWARD_WAIT:-0}")
  while read -r event; do
    [ -n "$event" ] || continue
    IFS=$'\t' read -r id subject type < <(jq -r '[.id, .subject, .type] | @tsv' <<<"$event")
    # It must be destroyed, backups too.
    if [ "$type" = org.homeward.partners.tombstone.v1 ]; then rm -rf "${folder:?}/${subject:?}"; fi
    mkdir -p "$folder/$subject"
    # An event may come twice, and has the same id then: the file is written again.
    printf '%s\n' "$event" >"$folder/$subject/$id.json"
  done < <(jq -c '.events[]' <<<"$page")
  next=$(jq .next <<<"$page")
  [ "$next" != "$after" ] || break
  # Only now that everything is kept; asking from here on says so.
  echo "$next" >"$folder/cursor.new"
  mv "$folder/cursor.new" "$folder/cursor"
done
