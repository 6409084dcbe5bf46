/**
 * `deno task bench stream --simulated`: players in simulated swarms, compared with other piece
 * orders.
 */
import { type Crowd, type Mode, runCrowd, runViewing, type Watched } from "../sim/streaming.ts";
import { atMost, type Figure, printFigures } from "./figures.ts";

const FILM_SECONDS = 120;
const PEERS = 20;
const SUPPLY = 1.2;
const SEEK_AT_MS = 40_000;
const SEEK_TO = 0.7;
const CROWD = 50;
const CROWD_FILM_SECONDS = 60;
const CROWD_UP = 1.5;

/** From `seed` on, this many swarms with one player each, and one crowd. */
export function benchSimulatedStreams(seed: number, runs: number, json: boolean): void {
  const figures: Figure[] = [];
  for (let i = 0; i < runs; i++) figures.push(...viewingFigures(seed + i));
  const title = `A film of 5 Mb/s from ${PEERS} peers that send ${SUPPLY} times that, simulated`;
  printFigures(title, figures, json);
  printFigures(
    `${CROWD} players and one seeder, each with an uplink of ${CROWD_UP} times 5 Mb/s, simulated`,
    crowdFigures(seed),
    json,
  );
}

function viewingFigures(seed: number): Figure[] {
  const view = (mode: Mode) =>
    runViewing({
      ...{ seed, mode, filmSeconds: FILM_SECONDS, peers: PEERS, supply: SUPPLY },
      ...{ seekAtMs: SEEK_AT_MS, seekTo: SEEK_TO },
    });
  const streamed = view("stream"), sequential = view("sequential");
  const figure = (what: string, of: (watched: Watched) => number): Figure => ({
    what: `seed ${seed}: ${what}`,
    measured: seconds(of(streamed)),
    beside: `${seconds(of(sequential))} in sequence`,
  });
  return [
    figure("time to first byte", ({ firstByteMs }) => firstByteMs),
    figure("start and stalls", ({ waitedMs }) => waitedMs),
    figure("seek time", ({ seekMs }) => seekMs),
    {
      what: `seed ${seed}: stalls`,
      measured: stallsText(streamed),
      beside: `${stallsText(sequential)} in sequence`,
    },
  ];
}

function crowdFigures(seed: number): Figure[] {
  const run = (mode: Mode) =>
    runCrowd({ seed, mode, filmSeconds: CROWD_FILM_SECONDS, viewers: CROWD, up: CROWD_UP });
  const [rarest, streamed, sequential] = [run("rarest"), run("stream"), run("sequential")];
  const completion = (what: string, of: (crowd: Crowd) => number): Figure => ({
    what: `seed ${seed}: ${what} completion`,
    measured: `${of(streamed).toFixed(1)} s`,
    beside: `${of(rarest).toFixed(1)} s rarest first, ${of(sequential).toFixed(1)} s in sequence`,
    target: atMost(of(streamed) / of(rarest), COMPLETION_MAX),
  });
  return [
    completion("median", ({ medianSeconds }) => medianSeconds),
    completion("worst", ({ worstSeconds }) => worstSeconds),
    {
      what: `seed ${seed}: stalls of all`,
      measured: `${streamed.stalls}, ${seconds(streamed.stalledMs)}`,
      beside: `${sequential.stalls}, ${seconds(sequential.stalledMs)} in sequence`,
    },
    {
      what: `seed ${seed}: start and stalls of all`,
      measured: seconds(streamed.waitedMs),
      beside: `${seconds(sequential.waitedMs)} in sequence`,
    },
  ];
}

/** The completion time of a crowd of players, relative to rarest first. */
const COMPLETION_MAX = 1.25;

function stallsText({ stalls, stalledMs, longestStallMs }: Watched): string {
  return `${stalls}, ${seconds(stalledMs)}, longest ${seconds(longestStallMs)}`;
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1_000).toFixed(2)} s` : "never";
}
