/** nginx from Debian as a static web server of one folder, on loopback. */
import { freshPort } from "../../support/network.ts";
import { ClientProcess, hasProgram } from "../../support/process.ts";
import { loopback } from "../../support/network.ts";

export const nginxServer = {
  async missing(): Promise<string | undefined> {
    return await hasProgram("nginx") ? undefined : "the package nginx is not installed";
  },
};

export interface WebServer extends AsyncDisposable {
  /** Ends with a slash. */
  readonly url: string;
  /** The lines of its access log so far. */
  log(): Promise<string[]>;
}

/** Serves `folder`; `rateBytesPerSecond` limits each connection. `work` is for its own files. */
export async function startNginx(
  folder: string,
  work: string,
  rateBytesPerSecond?: number,
): Promise<WebServer> {
  const port = freshPort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${work}/nginx-${name};`);
  const config = `
    worker_processes 1; daemon off; master_process off;
    pid ${work}/nginx.pid; error_log stderr notice;
    events { worker_connections 64; }
    http {
      access_log ${work}/access.log; sendfile on; ${temporary.join(" ")}
      server {
        listen 127.0.0.1:${port}; root "${folder}";
        ${rateBytesPerSecond === undefined ? "" : `limit_rate ${rateBytesPerSecond};`}
      }
    }
  `;
  await Deno.writeTextFile(`${work}/nginx.conf`, config);
  const argv = ["nginx", "-c", `${work}/nginx.conf`, "-e", "stderr"];
  const server = new ClientProcess({ place: loopback, port, argv });
  await server.waitForListening();
  return {
    url: `http://127.0.0.1:${port}/`,
    log: async () => (await Deno.readTextFile(`${work}/access.log`)).trim().split("\n"),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
