"""A server's whole life by the provider's own Python library. Prints one JSON object of what it saw."""

import json
import os
import sys

from hcloud import APIException, Client
from hcloud.actions.domain import ActionFailedException
from hcloud.images.domain import Image
from hcloud.server_types.domain import ServerType
from hcloud.servers.domain import ServerCreatePublicNetwork

client = Client(
    token=os.environ["HCLOUD_TOKEN"],
    api_endpoint=os.environ["HCLOUD_ENDPOINT"],
    poll_interval=0.02,
)
seen = {}


def code_of(call):
    try:
        call()
    except (APIException, ActionFailedException) as error:
        return error.action.error["code"] if isinstance(error, ActionFailedException) else error.code
    return None


def create(name, **more):
    return client.servers.create(
        name=name,
        server_type=ServerType(name="cx23"),
        image=client.images.get_by_name("debian-13"),
        location=client.locations.get_by_name("hel1"),
        **more,
    )


key = client.ssh_keys.create(name="mine", public_key=sys.argv[1])
seen["found by fingerprint"] = client.ssh_keys.get_by_fingerprint(key.fingerprint).id == key.id
firewall = client.firewalls.create(name="web").firewall

made = create("one", ssh_keys=[key], firewalls=[firewall], labels={"a": "b"}, user_data="#cloud-config\n")
seen["next actions"] = [action.command for action in made.next_actions]
seen["root password"] = made.root_password
for action in [made.action, *made.next_actions]:
    action.wait_until_finished()
server = client.servers.get_by_name("one")
seen["running"] = server.status
seen["image"] = server.image.name
seen["same name again"] = code_of(lambda: create("one"))

server.power_off().wait_until_finished()
seen["off"] = client.servers.get_by_id(server.id).status
server.power_on().wait_until_finished()
reset = server.reset_password()
reset.action.wait_until_finished()
seen["new password"] = len(reset.root_password)
snapshot = server.create_image(description="kept", labels={"x": "y"})
snapshot.action.wait_until_finished()
seen["snapshots"] = [image.description for image in client.images.get_all(type=["snapshot"], label_selector="x==y")]
seen["by label"] = [one.name for one in client.servers.get_all(label_selector="a==b")]
seen["system images"] = len(client.images.get_all(type=["system"])) > 25

bare = create("six", public_net=ServerCreatePublicNetwork(enable_ipv4=False, enable_ipv6=True))
for action in [bare.action, *bare.next_actions]:
    action.wait_until_finished()
six = client.servers.get_by_name("six")
seen["ipv6 only"] = [six.public_net.ipv4, six.public_net.ipv6.ip.endswith("::/64")]
seen["told password"] = len(bare.root_password)

for one in (server, six):
    one.delete().wait_until_finished()
seen["left"] = [one.name for one in client.servers.get_all()]
seen["gone"] = code_of(lambda: client.servers.get_by_id(server.id))
snapshot.image.delete()
key.delete()
print(json.dumps(seen))
