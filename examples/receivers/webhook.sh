#!/usr/bin/env bash
# Receives one of Homeward's webhooks from standard input, the HTTP request as it came, and answers; needs openssl and
# jq. Usage, behind a server that speaks HTTPS, with HOMEWARD_SECRET=whsec_…:
#   socat TCP-LISTEN:PORT,fork,reuseaddr,bind=127.0.0.1 EXEC:"webhook.sh FOLDER"
set -euo pipefail

folder=$1 length=0 id='' sent='' given='' origin=''
answer() { printf 'HTTP/1.1 %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n' "$1" "${2-}"; exit 0; }

read -r method _

while IFS=': ' read -r name value && value=${value%$'\r'} && [ "${name%$'\r'}" ]; do
  case ${name,,} in
    content-length) length=$value ;; webhook-id) id=$value ;; webhook-timestamp) sent=$value ;;
    webhook-signature) given=$value ;; webhook-request-origin) origin=$value ;;
  esac
done
# Before the first event we are asked whether we want any.
[ "$method" != OPTIONS ] || answer '204 No Content' "WebHook-Allowed-Origin: $origin"$'\r\n'
[[ $length =~ ^[0-9]{1,6}$ && $sent =~ ^[0-9]{1,12}$ ]] || answer '400 Bad Request'
body=$(mktemp)
trap 'rm -f "$body"' EXIT
head -c "$length" >"$body"

# openssl takes the key on its command line alone: let nobody else in on this machine.
key=$(printf %s "${HOMEWARD_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
mac=$( (printf '%s.%s.' "$id" "$sent"; cat "$body") | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
# Several while a secret is rotated; an old request is somebody's who has recorded it.
age=$(($(date +%s) - 10#$sent))
[[ " $given " == *" v1,$mac "* && ${age#-} -lt 300 ]] || answer '401 Unauthorized'

IFS=$'\t' read -r id subject type < <(jq -r '[.id, .subject, .type] | @tsv' "$body")
# It must be destroyed, backups too.
if [ "$type" = org.homeward.partners.tombstone.v1 ]; then rm -rf "${folder:?}/${subject:?}"; fi
mkdir -p "$folder/$subject"
cp "$body" "$folder/$subject/$id.json"
answer '204 No Content'
