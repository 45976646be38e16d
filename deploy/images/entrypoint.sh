#!/bin/sh
# `signal`, `islb` or `sfu` starts that service; anything else is run as it is.
#
# Two settings of sfu can only be told once the pod runs. Each is worked out from a variable that the chart sets, and
# only where the setting itself is not given:
#   SFU_MEDIA_PORT_BASE              media port = base + number at the end of the pod's name (each pod its own ports)
#   SFU_MEDIA_PORTS_PER_POD          … times this, one for each worker
#   SFU_ANNOUNCED_ADDRESS_PER_POD    announced addresses: the entry of that number; entries are separated by spaces
#   SFU_ANNOUNCED_ADDRESS_FILE       announced addresses: content of a file that an init container wrote
set -eu

ordinal() {
  name=${POD_NAME:-$(hostname)}
  number=${name##*-}
  case "$number" in
    '' | *[!0-9]*) echo "entrypoint: $name has no number at its end, which this exposure mode needs" >&2; exit 1 ;;
  esac
  echo "$number"
}

if [ "${1:-}" = sfu ]; then
  if [ -n "${SFU_MEDIA_PORT_BASE:-}" ] && [ -z "${CATION_SFU_MEDIA_PORT:-}" ]; then
    number=$(ordinal)
    export CATION_SFU_MEDIA_PORT=$((SFU_MEDIA_PORT_BASE + number * ${SFU_MEDIA_PORTS_PER_POD:-1}))
  fi
  if [ -n "${SFU_ANNOUNCED_ADDRESS_PER_POD:-}" ] && [ -z "${CATION_SFU_ANNOUNCED_ADDRESSES:-}" ]; then
    number=$(ordinal)
    CATION_SFU_ANNOUNCED_ADDRESSES=$(echo "$SFU_ANNOUNCED_ADDRESS_PER_POD" | cut -d ' ' -s -f "$((number + 1))")
    # A list of one has no separator.
    case "$SFU_ANNOUNCED_ADDRESS_PER_POD" in *' '*) ;; *) [ "$number" = 0 ] && CATION_SFU_ANNOUNCED_ADDRESSES=$SFU_ANNOUNCED_ADDRESS_PER_POD ;; esac
    [ -n "$CATION_SFU_ANNOUNCED_ADDRESSES" ] || { echo "entrypoint: no announced address for pod number $number" >&2; exit 1; }
    export CATION_SFU_ANNOUNCED_ADDRESSES
  fi
  if [ -n "${SFU_ANNOUNCED_ADDRESS_FILE:-}" ] && [ -z "${CATION_SFU_ANNOUNCED_ADDRESSES:-}" ]; then
    CATION_SFU_ANNOUNCED_ADDRESSES=$(cat "$SFU_ANNOUNCED_ADDRESS_FILE")
    export CATION_SFU_ANNOUNCED_ADDRESSES
  fi
fi

case "${1:-}" in
  signal | islb | sfu)
    service=$1
    shift
    cd "$(dirname "$0")/../.."
    exec node "services/$service/src/main.ts" "$@"
    ;;
  *) exec "$@" ;;
esac
