/**
 * Real Redis for tests: one server, or a cluster of three, on ports of 127.0.0.1 and without files.
 * Each can be stopped, frozen, killed and started again on its port.
 */
import { freshPort, loopback } from "./network.ts";
import { ClientProcess, hasProgram, runCommand } from "./process.ts";
import type { Requirement } from "./requirements.ts";
import { until } from "./until.ts";

const START_MS_MAX = 20_000;

/** Why Redis is not available to a test. */
export const redisServer: Requirement = {
  missing: async () =>
    await hasProgram("redis-server") ? undefined : "the package redis-server is not installed",
};

export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Output of redis-cli with these arguments. */
  cli(...words: string[]): Promise<string>;
  /** Kills it (-9) and resolves once it is gone. */
  kill(): Promise<void>;
  /** After a kill: starts it again, empty, on the same port. */
  start(): Promise<void>;
  /** Stops the process without closing its sockets, and continues it. */
  freeze(): void;
  thaw(): void;
}

/** Starts a server. `settings` are appended to its command line. */
export async function startRedis(settings: readonly string[] = []): Promise<TestRedis> {
  const port = freshPort();
  const folder = await Deno.makeTempDir({ prefix: "tt-redis-" });
  const launch = async () => {
    const argv = ["redis-server", "--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder];
    const child = new ClientProcess({
      place: loopback,
      port,
      argv: [...argv, "--save", "", "--appendonly", "no", ...settings],
    });
    await child.waitForListening(START_MS_MAX);
    return child;
  };
  let child = await launch();
  const signal = (name: Deno.Signal) => Deno.kill(child.pid, name);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    cli: (...words) => runCommand(["redis-cli", "-p", `${port}`, ...words]),
    async kill() {
      signal("SIGKILL");
      await child.exited;
    },
    async start() {
      child = await launch();
    },
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await child.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

export interface TestCluster extends AsyncDisposable {
  /** Three masters. */
  readonly nodes: readonly TestRedis[];
}

/** Three masters that share the slots. */
export async function startCluster(): Promise<TestCluster> {
  await using starting = new AsyncDisposableStack();
  const nodes: TestRedis[] = [];
  for (let i = 0; i < 3; i++) {
    const settings = ["--cluster-enabled", "yes", "--cluster-port", `${freshPort()}`];
    nodes.push(
      starting.use(
        await startRedis([
          ...settings,
          "--cluster-node-timeout",
          "1000",
          "--cluster-require-full-coverage",
          "no",
        ]),
      ),
    );
  }
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await runCommand(["redis-cli", "--cluster", "create", ...addresses, "--cluster-yes"]);
  await until(async () => {
    const infos = await Promise.all(nodes.map((node) => node.cli("CLUSTER", "INFO")));
    return infos.every((info) => info.includes("cluster_state:ok"));
  }, "the cluster is whole");
  const started = starting.move();
  return { nodes, [Symbol.asyncDispose]: () => started.disposeAsync() };
}
