/** The other clients that `tt` is tested against. */
import { aria2 } from "./aria2.ts";
import type { Client } from "./client.ts";
import { libtorrent } from "./libtorrent.ts";
import { rtorrent } from "./rtorrent.ts";
import { transmission } from "./transmission.ts";
import { webtorrent } from "./webtorrent.ts";

export const others: readonly Client[] = [libtorrent, aria2, rtorrent, webtorrent, transmission];
