#!/bin/sh
# One job with a key of its own, which is revoked at the end whatever happens. docs/client.md says what it needs.
set -eu; umask 077
work=$(mktemp -d); keys="$DOCKREG_URL/v1/registries/$DOCKREG_REGISTRY/keys"; export DOCKER_CONFIG="$work"
trap 'rm -rf "$work"' EXIT; trap 'exit 130' HUP INT TERM
printf 'Authorization: Bearer %s' "$DOCKREG_TOKEN" > "$work/token"
call() { curl -sS --fail-with-body --retry 3 -H @"$work/token" -H 'Content-Type: application/json' "$@"; }
field() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' "$work/key.json"; }
call -H "Idempotency-Key: job-${CI_JOB_ID:-$$}" -o "$work/key.json" "$keys" -d '{"name":"pipeline","permission":"read-write","expiresIn":"PT1H"}'
trap 'call -o revoked.json -X POST "$keys/$(field id)/revoke"; rm -rf "$work"' EXIT
field key | docker login -u "$(field id)" --password-stdin "$GATE"
# … docker push "$GATE/team/app:v1" …
call -o revoked.json -X POST "$keys/$(field id)/revoke"
call -o verifier.json "$DOCKREG_URL/v1/audit-log/key"
dockreg verify-receipt revoked.json --key-file verifier.json
