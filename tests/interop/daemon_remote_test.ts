/** Debian's transmission-remote with all of its options, and their effects on the daemon. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { makeBytes, makeFile, runTt } from "../support/cli_kit.ts";
import { type Answer, daemonFolder, DaemonKit } from "../support/daemon_kit.ts";
import { freshPort } from "../support/network.ts";
import { hasProgram } from "../support/process.ts";
import { program } from "./clients/tmux.ts";
import { interopTest, type Requirement } from "../support/requirements.ts";

const remote: Requirement = {
  async missing() {
    return await hasProgram("transmission-remote")
      ? undefined
      : "the package transmission-cli is not installed";
  },
};

async function run(daemon: DaemonKit, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("transmission-remote", {
    args: [new URL(daemon.url).host, "-n", `tt:${daemon.token}`, ...args],
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

const PEER_PORT = freshPort();

/** Options for the session, and the resulting settings. */
const SESSION: [string[], Answer][] = [
  [["-as"], { alt_speed_enabled: true }],
  [["-AS"], { alt_speed_enabled: false }],
  [["-asd", "100"], { alt_speed_down: 100 }],
  [["-asu", "50"], { alt_speed_up: 50 }],
  [["-asc"], { alt_speed_time_enabled: true }],
  [["-ASC"], { alt_speed_time_enabled: false }],
  [["--alt-speed-time-begin", "2200"], { alt_speed_time_begin: 1320 }],
  [["--alt-speed-time-end", "0630"], { alt_speed_time_end: 390 }],
  [["--alt-speed-days", "1-5"], { alt_speed_time_day: 62 }],
  [["-c", "/incomplete"], { incomplete_dir: "/incomplete", incomplete_dir_enabled: true }],
  [["-C"], { incomplete_dir_enabled: false }],
  [["-d", "500"], { speed_limit_down: 500, speed_limit_down_enabled: true }],
  [["-D"], { speed_limit_down_enabled: false }],
  [["-u", "300"], { speed_limit_up: 300, speed_limit_up_enabled: true }],
  [["-U"], { speed_limit_up_enabled: false }],
  [["-e", "8"], { cache_size_mib: 8 }],
  [["-er"], { encryption: "required" }],
  [["-ep"], { encryption: "preferred" }],
  [["-et"], { encryption: "allowed" }],
  [["-m"], { port_forwarding_enabled: true }],
  [["-M"], { port_forwarding_enabled: false }],
  [["-o"], { dht_enabled: true }],
  [["-O"], { dht_enabled: false }],
  [["-x"], { pex_enabled: true }],
  [["-X"], { pex_enabled: false }],
  [["-y"], { lpd_enabled: true }],
  [["-Y"], { lpd_enabled: false }],
  [["--utp"], { utp_enabled: true }],
  [["--no-utp"], { utp_enabled: false, preferred_transports: ["tcp"] }],
  [["-p", String(PEER_PORT)], { peer_port: PEER_PORT }],
  [["-P"], { peer_port_random_on_start: true }],
  [["-pr", "50"], { peer_limit_global: 50 }],
  [["-gsr", "3"], { seed_ratio_limit: 3, seed_ratio_limited: true }],
  [["-GSR"], { seed_ratio_limited: false }],
  [["--start-paused"], { start_added_torrents: false }],
  [["--no-start-paused"], { start_added_torrents: true }],
  [["--trash-torrent"], { trash_original_torrent_files: true }],
  [["--no-trash-torrent"], { trash_original_torrent_files: false }],
  [["--no-torrent-done-script"], { script_torrent_done_enabled: false }],
];

/** Options for a torrent, and the resulting fields. */
const TORRENT: [string[], Answer][] = [
  [["-S"], { status: 0 }],
  [["-s"], { status: 4 }],
  [["-d", "300"], { download_limit: 300, download_limited: true }],
  [["-D"], { download_limited: false }],
  [["-u", "20"], { upload_limit: 20, upload_limited: true }],
  [["-U"], { upload_limited: false }],
  [["-G", "0"], { wanted: [false, true, true] }],
  [["-g", "0"], { wanted: [true, true, true] }],
  [["-ph", "0"], { priorities: [1, 0, 0] }],
  [["-pl", "1,2"], { priorities: [1, -1, -1] }],
  [["-pn", "all"], { priorities: [0, 0, 0] }],
  [["-Bh"], { bandwidth_priority: 1 }],
  [["-Bl"], { bandwidth_priority: -1 }],
  [["-Bn"], { bandwidth_priority: 0 }],
  [["-L", "one,two"], { labels: ["one", "two"] }],
  [["-pr", "20"], { peer_limit: 20 }],
  [["-sr", "2.5"], { seed_ratio_mode: 1, seed_ratio_limit: 2.5 }],
  [["-srd"], { seed_ratio_mode: 0 }],
  [["-SR"], { seed_ratio_mode: 2 }],
  [["-HL"], { honors_session_limits: false }],
  [["-hl"], { honors_session_limits: true }],
  [["-td", "http://127.0.0.1:9/announce"], {
    tracker_list: "http://127.0.0.1:7/announce\n\nhttp://127.0.0.1:9/announce",
  }],
  [["-tr", "0"], { tracker_list: "http://127.0.0.1:9/announce" }],
  [["--reannounce"], { status: 4 }],
];

await interopTest({
  name: "transmission-remote: every option has its effect",
  needs: [remote],
  async fn() {
    await using dir = await daemonFolder();
    const album = dir.at("src", "album");
    await Deno.mkdir(album, { recursive: true });
    for (const name of ["a", "b", "c"]) {
      await Deno.writeFile(`${album}/${name}`, makeBytes(50_000, name.charCodeAt(0)));
    }
    const torrent = dir.at("album.torrent");
    const tracker = ["--tracker", "http://127.0.0.1:7/announce"];
    const made = await runTt(["create", album, "--out", torrent, ...tracker]);
    assertEquals(made.code, 0, made.stderr);
    const { torrent: other } = await makeFile(dir.at("src"), "other", 30_000);

    await using daemon = await DaemonKit.start(dir.state, [
      ...["--dir", dir.at("dl"), "--share-rule", "off"],
      ...["--rpc-user", "ann", "--rpc-password", "secret"],
    ]);
    const done = async (...args: string[]) =>
      assertStringIncludes(await run(daemon, ...args), '"success"', args.join(" "));

    await done("-a", torrent);
    await daemon.until(({ status }) => status === 4);
    for (const [args, wanted] of SESSION) {
      await done(...args);
      assertEquals(
        await daemon.call("session_get", { fields: Object.keys(wanted) }),
        wanted,
        args.join(" "),
      );
    }
    for (const [args, wanted] of TORRENT) {
      await done("-t", "1", ...args);
      await daemon.until(
        (facts) => Object.keys(wanted).every((key) => isSame(facts[key], wanted[key])),
        ...Object.keys(wanted),
      ).catch((error) => {
        throw new Error(`${args.join(" ")}: ${error.message}`);
      });
    }

    await using lists = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("somebody:192.0.2.0-192.0.2.255\n198.51.100.0/24\n"),
    );
    const blocklist = `http://127.0.0.1:${lists.addr.port}/list.p2p`;
    await daemon.call("session_set", { blocklist_url: blocklist });
    await done("--blocklist-update");
    const { blocklist_size: rules } = await daemon.call("session_get", {
      fields: ["blocklist_size"],
    });
    assertEquals(rules, 2);

    // Options that list.
    assertMatch(await run(daemon, "-l"), /1\S* +0% .* album\n/);
    assertMatch(await run(daemon, "-t", "1", "-i"), /Name: album[^]*Labels: one, two/);
    assertMatch(await run(daemon, "-t", "1", "-f"), /0: +0% Normal +Yes +50\.00 kB +album\/a/);
    assertMatch(await run(daemon, "-t", "1", "-if"), /album\/c/);
    assertStringIncludes(await run(daemon, "-t", "1", "-ip"), "Address");
    assertStringIncludes(await run(daemon, "-t", "1", "-pi"), "Address");
    assertStringIncludes(await run(daemon, "-t", "1", "-ic"), "0000000");
    assertStringIncludes(await run(daemon, "-t", "1", "-it"), "http://127.0.0.1:9");
    assertStringIncludes(await run(daemon, "-si"), "Daemon version: 4.1.1 (tt");
    assertStringIncludes(await run(daemon, "-st"), "Started 1 times");
    assertStringIncludes(await run(daemon, "-pt"), "Port is open: No");
    assertStringIncludes(await run(daemon, "-b", "-l"), "torrent-get");

    // Options that move, verify and remove content.
    await done("-t", "1", "--move", dir.at("moved"));
    await done("-t", "1", "--find", dir.at("src"));
    await daemon.until(({ percent_done }) => percent_done === 1, "percent_done");
    await done("-t", "1", "-v");
    await daemon.until(
      ({ status, percent_done }) => status === 6 && percent_done === 1,
      "percent_done",
    );
    await done("-a", other, "-w", dir.at("elsewhere"));
    const [, second] = await daemon.torrents("download_dir", "id");
    assertEquals(second.download_dir, dir.at("elsewhere"));
    await done("-t", String(second.id), "-r");
    await done("-t", "all", "-rad");
    assertEquals(await daemon.torrents("id"), []);
    assert(await Deno.stat(album).then(() => false, () => true), "the content is gone");

    // Refused requests, and how to authenticate.
    const script = await run(daemon, "--torrent-done-script", "/bin/true");
    assertStringIncludes(script, "tt starts no programs");
    const as = async (...auth: string[]) => {
      const { stdout, stderr } = await new Deno.Command("transmission-remote", {
        args: [new URL(daemon.url).host, ...auth, "-si"],
        env: { TR_AUTH: "ann:secret" },
      }).output();
      return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    };
    assertStringIncludes(await as("-n", "ann:secret"), "VERSION");
    assertStringIncludes(await as("-ne"), "VERSION");
    const netrc = dir.at("netrc");
    await Deno.writeTextFile(netrc, "machine 127.0.0.1 login ann password secret\n");
    assertStringIncludes(await as("-N", netrc), "VERSION");
    assert(!(await as("-n", "ann:wrong")).includes("VERSION"));
    await done("--exit");
    assertEquals((await daemon.tt.end()).code, 0);
  },
});

function isSame(actual: Answer, wanted: Answer): boolean {
  return JSON.stringify(actual) === JSON.stringify(wanted);
}

await interopTest({
  name: "transmission-remote over TLS: other addresses are served with a certificate",
  needs: [remote, program("openssl")],
  async fn() {
    await using dir = await daemonFolder();
    const [cert, key] = [dir.at("cert.pem"), dir.at("key.pem")];
    await new Deno.Command("openssl", {
      args: [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
        ...["-nodes", "-days", "2", "-subj", "/CN=tt.example.org", "-keyout", key, "-out", cert],
      ],
      stdout: "null",
      stderr: "null",
    }).output();
    await using daemon = await DaemonKit.start(dir.state, [
      ...["--rpc", "0.0.0.0:0", "--cert", cert, "--key", key],
    ]);
    assertMatch(daemon.url, /^https:\/\/127\.0\.0\.1:/);
    const info = await run(daemon, "--ssl", "-si");
    assertStringIncludes(info, "Daemon version: 4.1.1 (tt");
    // Local commands connect without the certificate.
    const status = await daemon.run("status");
    assertEquals(status.code, 0, status.stderr);
    await daemon.run("stop");
    assertEquals((await daemon.tt.end()).code, 0);
  },
});
