/** Every number that a swarm's connections live by, with its unit and its reason. */

/** Spec: BEP 3, "keepalives are generally sent once every two minutes". A margin for the way. */
export const KEEP_ALIVE_SEND_MS = 90_000;
/**
 * A peer silent for longer counts as dead: two minutes, since many clients send their keep-alive
 * after just that (aria2 does), and a margin for a slow way.
 */
export const PEER_DEAD_MS = 150_000;

/** What we tell others they may keep waiting with us. Spec: BEP 10, reqq. */
export const REQQ_OFFERED = 2_000;
/** Extensions of which a peer's number is remembered: more than any client supports. */
export const EXTENSIONS_KNOWN_MAX = 64;

/** Connections of one torrent, dialled and accepted together. */
export const CONNECTIONS_MAX = 300;
/** We stop dialling here, so that there is room for those who dial us. */
export const CONNECTIONS_WANTED = 200;
export const DIALS_AT_ONCE_MAX = 30;
/** On average; DIALS_AT_ONCE_MAX may be made in one go. Home routers choke on many more. */
export const DIALS_PER_SECOND = 30;
/** Addresses of one host: as many clients behind one NAT as a household or a small office runs. */
export const HOST_ADDRESSES_MAX = 16;
export const HOST_DIALS_AT_ONCE_MAX = 2;
/** Each address a few times. */
export const HOST_DIALS_PER_HOUR = 60;
/** Connections with one host, which may hold several clients behind one NAT. */
export const HOST_CONNECTIONS_MAX = 8;
/** With all places taken, a connection older than this may have to give way. */
export const EVICTION_AGE_MS = 60_000;
/**
 * The same for a connection without payload of a host that has more than HOST_CONNECTIONS_MAX of
 * them: loopback has no limit for one host.
 */
export const CROWD_EVICTION_AGE_MS = 5_000;
/**
 * Connections that we dialled are brought up to this number, however many dialled us: those who
 * dial are any client, those that we dial were named by a source.
 */
export const DIALLED_KEPT = CONNECTIONS_MAX - CONNECTIONS_WANTED;

/** The same where `connectionsMax` connections are granted: half of them, so that peers can dial us, too. */
export function dialledKept(connectionsMax: number): number {
  return Math.min(DIALLED_KEPT, connectionsMax / 2);
}

/** Banned addresses remembered. */
export const BANS_MAX = 10_000;
/** First wait before dialling a failed address again; doubles up to the last. */
export const REDIAL_FIRST_MS = 5_000;
export const REDIAL_LAST_MS = 15 * 60_000;
/** A connection that lasted this long was useful: its end resets the delays. */
export const CONNECTION_WORTH_MS = 60_000;
/** Addresses remembered. A tracker gives 50 to 200 at a time. */
export const ADDRESSES_MAX = 2_000;
/** Spec: BEP 3, numwant default. */
export const NUM_WANT = 50;
