"""One torrent in libtorrent, seeded or downloaded, driven by tests and benchmarks.

Prints `peers N` whenever the number of connected peers changes, for a magnet link `metadata SECONDS`
once that is here, `checked` once the content is known, then `complete SECONDS` once everything is there that is wanted: all files,
or those of `--file`, counted from 0.
"""

import argparse
import signal
import time

import libtorrent

arguments = argparse.ArgumentParser()
arguments.add_argument("role", choices=["seed", "download"])
arguments.add_argument("torrent")
arguments.add_argument("--dir", required=True)
arguments.add_argument("--listen", required=True)
arguments.add_argument("--peer", action="append", default=[])
arguments.add_argument("--dht-node", action="append", default=[])
arguments.add_argument("--lsd", action="store_true")
arguments.add_argument("--then-seed", action="store_true")
arguments.add_argument("--super-seed", action="store_true")
arguments.add_argument("--file", action="append", type=int, default=[])
options = arguments.parse_args()

session = libtorrent.session({
    "listen_interfaces": options.listen,
    "allow_multiple_connections_per_ip": True,
    "enable_dht": bool(options.dht_node),
    "dht_bootstrap_nodes": ",".join(options.dht_node),
    "enable_lsd": options.lsd,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "in_enc_policy": 2,
    "out_enc_policy": 2,
    "min_reconnect_time": 1,
    "peer_timeout": 20,
    "stop_tracker_timeout": 1,
    "alert_mask": libtorrent.alert.category_t.error_notification
    | libtorrent.alert.category_t.status_notification
    | libtorrent.alert.category_t.peer_notification
    | libtorrent.alert.category_t.tracker_notification
    | libtorrent.alert.category_t.storage_notification,
})

if options.torrent.startswith("magnet:"):
    parameters = libtorrent.parse_magnet_uri(options.torrent)
else:
    parameters = libtorrent.add_torrent_params()
    parameters.ti = libtorrent.torrent_info(options.torrent)
parameters.save_path = options.dir
parameters.flags &= ~libtorrent.torrent_flags.auto_managed
parameters.flags &= ~libtorrent.torrent_flags.paused
if options.role == "seed":
    parameters.flags |= libtorrent.torrent_flags.seed_mode
if options.file:
    count = parameters.ti.files().num_files()
    parameters.file_priorities = [4 if file in options.file else 0 for file in range(count)]
if options.super_seed:
    parameters.flags |= libtorrent.torrent_flags.super_seeding
started = time.monotonic()
torrent = session.add_torrent(parameters)
for peer in options.peer:
    host, _, port = peer.rpartition(":")
    torrent.connect_peer((host, int(port)))

stopping = False


def stop(_signal, _frame):
    global stopping
    stopping = True


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)

checked = complete = flushed = False
peers = 0
has_metadata = not options.torrent.startswith("magnet:")
while not stopping:
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        print(alert.message(), flush=True)
        if isinstance(alert, libtorrent.cache_flushed_alert):
            flushed = True
    state = torrent.status()
    if not has_metadata and state.has_metadata:
        has_metadata = True
        print(f"metadata {time.monotonic() - started:.3f}", flush=True)
    if state.num_peers != peers:
        peers = state.num_peers
        print(f"peers {peers}", flush=True)
    if not checked and state.state not in (
        libtorrent.torrent_status.checking_files,
        libtorrent.torrent_status.checking_resume_data,
        libtorrent.torrent_status.downloading_metadata,
    ):
        checked = True
        print("checked", flush=True)
    is_done = state.is_finished if options.file else state.is_seeding
    if not complete and is_done and options.role == "download":
        complete = True
        print(f"complete {time.monotonic() - started:.3f}", flush=True)
        torrent.flush_cache()
    if flushed and complete and not options.then_seed:
        break

# The session's end tells the trackers `stopped` and waits for them.
del torrent, session
