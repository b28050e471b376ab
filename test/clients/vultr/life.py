"""Takes an instance of the simulated account through its life with Apache Libcloud, and prints what was seen as JSON."""

import json
import os
import sys
import time

from libcloud.common.vultr import VultrException
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider

host, port, key = sys.argv[1], int(sys.argv[2]), os.environ["VULTR_API_KEY"]


def connect(secret):
    return get_driver(Provider.VULTR)(secret, host=host, port=port, secure=False, api_version="2")


def refusal(act):
    try:
        act()
    except VultrException as refused:
        return [refused.code, refused.message]
    return None


def wait(what):
    for _ in range(400):
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise SystemExit("it takes too long")


def up(node):
    now = driver.ex_get_node(node.id)
    return now if now.extra["server_status"] == "ok" and now.public_ips[:1] != ["0.0.0.0"] else None


driver = connect(key)
seen = {}
seen["wrong key"] = refusal(lambda: connect("wrong").list_nodes(False))
size = next(each for each in driver.list_sizes(False) if each.id == "vc2-1c-1gb")
place = next(each for each in driver.list_locations() if each.id == "ams")
image = next(each for each in driver.list_images() if each.name.startswith("Debian 12"))
seen["size"] = [size.ram, size.disk, size.price, "ams" in size.extra["locations"]]
node = driver.create_node("one", size, place, image, ex_enable_ipv6=True, ex_hostname="one", ex_userdata="#cloud-config\n")
seen["new"] = [node.state, node.public_ips, node.extra["server_status"]]
seen["too early"] = refusal(lambda: driver.destroy_node(node))
running = wait(lambda: up(node))
seen["running"] = [running.state, len(running.public_ips), running.image == str(image.id)]
driver.create_node("one", size, place, image)
seen["same name again"] = len([each for each in driver.list_nodes(False) if each.name == "one"])
driver.stop_node(running)
stopped = wait(lambda: driver.ex_get_node(node.id).extra["power_status"] == "stopped")
driver.start_node(running)
wait(lambda: driver.ex_get_node(node.id).extra["power_status"] == "running")
seen["stopped and started"] = stopped
for each in driver.list_nodes(False):
    wait(lambda: up(each))
    driver.destroy_node(each)
wait(lambda: driver.list_nodes(False) == [])
seen["gone"] = refusal(lambda: driver.ex_get_node(node.id))
print(json.dumps(seen))
