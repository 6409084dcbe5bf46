/**
 * CPU profiles of `tt` while a pair runs, taken through the runtime's inspector: a `.cpuprofile`
 * that Chrome's developer tools open, and the functions with the most self time.
 */
import { join } from "node:path";
import type { Client } from "../interop/clients/client.ts";
import type { Watch } from "./pair_run.ts";

/** Two adjacent fixed ports: only one pair runs at a time. */
export const INSPECT_PORTS = { seeder: 19_229, downloader: 19_230 };
/** Fine enough for a transfer of a second, coarse enough not to slow it. */
const SAMPLING_MICROSECONDS = 500;
const FUNCTIONS_SHOWN = 20;

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  readonly samples: readonly number[];
}

/** Profiles each side of the pair that is `tt`. */
export function profileOf(pair: string, seeder: Client, downloader: Client): Watch {
  const profilers: { role: string; profiler: Profiler }[] = [];
  return {
    async started() {
      for (const [role, client] of Object.entries({ seeder, downloader })) {
        if (client.name !== "tt") continue;
        const port = INSPECT_PORTS[role as keyof typeof INSPECT_PORTS];
        profilers.push({ role, profiler: await Profiler.start(port) });
      }
    },
    async finished() {
      const dir = await Deno.makeTempDir({ prefix: "tt-profile-" });
      for (const { role, profiler } of profilers) {
        const profile = await profiler.stop();
        const path = join(dir, `${pair}-${role}.cpuprofile`);
        await Deno.writeTextFile(path, JSON.stringify(profile));
        console.error(`tt as the ${role} of ${pair}, ${path}\n${describeProfile(profile)}`);
      }
    },
  };
}

/** One connection to the inspector of a runtime. */
export class Profiler {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (result: unknown) => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, result } = JSON.parse(data);
      this.#answers.get(id)?.(result);
      this.#answers.delete(id);
    };
  }

  static async start(port: number): Promise<Profiler> {
    const targets = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
    const socket = new WebSocket(targets[0].webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const profiler = new Profiler(socket);
    await profiler.#call("Profiler.enable");
    await profiler.#call("Profiler.setSamplingInterval", { interval: SAMPLING_MICROSECONDS });
    await profiler.#call("Profiler.start");
    return profiler;
  }

  async stop(): Promise<CpuProfile> {
    const { profile } = await this.#call("Profiler.stop") as { profile: CpuProfile };
    this.#socket.close();
    return profile;
  }

  #call(method: string, params: Record<string, unknown> = {}): Promise<unknown> {
    const id = ++this.#calls;
    const answer = new Promise((resolve) => this.#answers.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    return answer;
  }
}

/** Functions by their share of samples in self time, a line each. */
export function describeProfile({ nodes, samples }: CpuProfile): string {
  const names = new Map(nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
    const place = url === "" ? "" : ` ${url.split("/").slice(-3).join("/")}:${lineNumber + 1}`;
    return [id, `${functionName || "(anonymous)"}${place}`];
  }));
  const counts = new Map<string, number>();
  for (const sample of samples) {
    const name = names.get(sample)!;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, FUNCTIONS_SHOWN)
    .map(([name, count]) => `${(100 * count / samples.length).toFixed(1).padStart(6)} %  ${name}`)
    .join("\n");
}
