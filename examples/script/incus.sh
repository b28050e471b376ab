#!/bin/sh
# Sells virtual machines of Incus (https://linuxcontainers.org/incus). Needs: incus, jq, and the agent's user in group incus-admin
# (or a project of its own: INCUS_PROJECT). The protocol: docs/script.md.
#
#   [[targets]]
#   name = "incus"
#   type = "script"
#   [targets.script]
#   provision = "/opt/dc/incus.sh"       # the same for terminate, health_check, list, start and stop
#   ready_check = "ssh"                  # a machine gets its address some seconds after its start; the agent asks again
#   forward_env = ["INCUS_PROJECT", "DC_IMAGE"]
#
# Whatever a command here fails with ends the script without an answer: the agent then takes the outcome as unknown, looks at
# the list, and asks again. Only what is certain is said in an answer.
set -eu

order=$(cat)
field() { printf '%s' "$order" | jq -r --arg name "$1" '.[$name] // empty'; }

# Everything that an answer says goes through jq, so no quote or line break can break the JSON.
say() { jq -cn "$@"; exit 0; }
refuse() { say --arg error "$1" '{success: false, error: $error, retry_possible: false}'; }

action=$(field action)
id=$(field external_id)

# One call for all; a machine is ours when it carries a contract.
# Not a pipe: a pipe would hide that incus failed, and "no answer" would look like "no machines".
machines() {
  all=$(incus list --format json)
  printf '%s' "$all" | jq -c '[.[] | select(.config["user.dc-contract"])]'
}

# What this script tells the agent of a machine, as a jq function.
# shellcheck disable=SC2016
describe='def describe: {
  external_id: .name,
  contract_id: .config["user.dc-contract"],
  operation_id: .config["user.dc-operation"],
  status: (if .status == "Running" then "running" elif .status == "Stopped" then "stopped" else "unknown" end),
  ip_address: ([.state.network // {} | to_entries[] | select(.key != "lo") | .value.addresses[]
    | select(.family == "inet" and .scope == "global") | .address] | first)
};'

# The machine of that name, or "null". Names come from the agent again, and a command never sees one that is not of our making.
find_machine() {
  case $1 in
    dc-*[!0-9a-f]*) echo null ;;
    dc-*)
      ours=$(machines)
      printf '%s' "$ours" | jq -c --arg id "$1" 'map(select(.name == $id)) | first'
      ;;
    *) echo null ;;
  esac
}

# What a new machine is made with, the stamp included. JSON is YAML, so incus and cloud-init read it, and jq does the quoting of
# the tenant's key and script.
config() {
  printf '%s' "$order" | jq -c '{
    config: {
      "limits.cpu": "\(.cpu_cores // 1)",
      "limits.memory": "\(.memory_mb // 1024)MiB",
      "user.dc-contract": .contract_id,
      "user.dc-operation": .operation_id,
      "cloud-init.user-data": ("#cloud-config\n" + ({
        disable_root: false,
        users: [{name: "root", ssh_authorized_keys: [.requester_ssh_pubkey]}]
      } + (if .post_provision_script then {
        write_files: [{path: "/root/post-provision", permissions: "0700", content: .post_provision_script}],
        runcmd: [["/root/post-provision"]]
      } else {} end) | tojson))
    }
  }'
}

machine=null
if [ -n "$id" ]; then machine=$(find_machine "$id"); fi

case $action in
  provision)
    # The name follows from the operation, and Incus gives a name once: the same operation can never make two machines.
    id="dc-$(field operation_id | cut -c 1-16)"
    machine=$(find_machine "$id")
    if [ "$machine" = null ]; then
      # The stamp is part of the creation, so there is no moment in which the machine exists without it. It goes through standard
      # input, because everybody on this host can read a command line.
      size=$(printf '%s' "$order" | jq -r '.storage_gb // 10')
      config | incus init "${DC_IMAGE:-images:debian/12/cloud}" "$id" --vm -d "root,size=${size}GiB" >&2
      machine=$(find_machine "$id")
    fi
    if [ "$(printf '%s' "$machine" | jq -r .status)" != Running ]; then incus start "$id" >&2; fi
    machine=$(find_machine "$id")
    say --argjson machine "$machine" "$describe"'{success: true, instance: ($machine | describe)}'
    ;;

  get_instance)
    say --argjson machine "$machine" "$describe"'{success: true, instance: ($machine | if . then describe else null end)}'
    ;;

  list)
    ours=$(machines)
    printf '%s' "$ours" | jq -c "$describe"'{success: true, instances: map(describe)}'
    ;;

  health_check)
    say --argjson machine "$machine" '$machine.status as $status | {success: true, health: (
      if $status == "Running" then {status: "healthy"}
      elif $status then {status: "unhealthy", reason: "the machine is \($status)"}
      else {status: "unknown"} end)}'
    ;;

  start | stop)
    if [ "$machine" = null ]; then refuse "there is no machine $id"; fi
    status=$(printf '%s' "$machine" | jq -r .status)
    if [ "$action" = start ] && [ "$status" != Running ]; then incus start "$id" >&2; fi
    # Gently first, and after half a minute hard; the disk stays.
    if [ "$action" = stop ] && [ "$status" != Stopped ]; then
      incus stop "$id" --timeout 30 >&2 || incus stop "$id" --force >&2
    fi
    say '{success: true}'
    ;;

  terminate)
    # What is gone already is a success: this may be asked twice.
    if [ "$machine" != null ]; then incus delete --force "$id" >&2; fi
    say '{success: true}'
    ;;

  *) refuse "no such action: $action" ;;
esac
