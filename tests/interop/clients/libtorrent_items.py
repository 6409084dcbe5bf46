"""One BEP 44 value stored in, or got from, the DHT by libtorrent.

    libtorrent_items.py --listen IP:PORT --dht-node IP:PORT ACTION WORD...

Actions: `put TEXT`, `get TARGET`, `put-signed TEXT SECRET PUBLIC` and `get-signed PUBLIC`, keys and
targets in hexadecimal digits. Prints `stored NODES TARGET_OR_KEY` or `value SEQUENCE TEXT`, and ends.
"""

import argparse
import time

import libtorrent

arguments = argparse.ArgumentParser()
arguments.add_argument("--listen", required=True)
arguments.add_argument("--dht-node", required=True)
arguments.add_argument("action", choices=["put", "get", "put-signed", "get-signed"])
arguments.add_argument("words", nargs="+")
options = arguments.parse_args()

session = libtorrent.session({
    "listen_interfaces": options.listen,
    "enable_dht": True,
    "dht_bootstrap_nodes": options.dht_node,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "alert_mask": libtorrent.alert.category_t.dht_notification
    | libtorrent.alert.category_t.dht_operation_notification,
})

text = options.words[0]
AGAIN_SECONDS = 3


def begin():
    if options.action == "put":
        session.dht_put_immutable_item(text)
    elif options.action == "get":
        session.dht_get_immutable_item(libtorrent.sha1_hash(bytes.fromhex(text)))
    elif options.action == "put-signed":
        secret, public = (bytes.fromhex(word) for word in options.words[1:])
        session.dht_put_mutable_item(secret, public, text.encode(), b"")
    else:
        session.dht_get_mutable_item(bytes.fromhex(text), b"")


def value_of(item):
    value = item["value"]
    return value.decode() if isinstance(value, bytes) else value


def result(alert):
    if isinstance(alert, libtorrent.dht_put_alert) and alert.num_success > 0:
        return f"stored {alert.num_success} {alert.target}"
    if isinstance(alert, libtorrent.dht_immutable_item_alert) and alert.item:
        return f"value - {value_of(alert.item)}"
    if isinstance(alert, libtorrent.dht_mutable_item_alert) and alert.item:
        return f"value {alert.seq} {value_of(alert.item)}"
    return None


# Before it knows its nodes it stores and finds nothing.
is_joined = False
began = None
done = False
while not done:
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        print(alert.message(), flush=True)
        is_joined = is_joined or isinstance(alert, libtorrent.dht_bootstrap_alert)
        found = result(alert)
        if found and not done:
            print(found, flush=True)
            done = True
    if is_joined and (began is None or time.monotonic() - began > AGAIN_SECONDS):
        began = time.monotonic()
        begin()
