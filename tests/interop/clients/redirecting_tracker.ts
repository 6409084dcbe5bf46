/**
 * A web server on two addresses: `redirecting_tracker.ts ADDRESS PORT LOG`. At ADDRESS it redirects
 * every request to a tracker at 127.0.0.1 and the same port. LOG gets a word for each request.
 */
const [address, port, log] = [Deno.args[0]!, Number(Deno.args[1]), Deno.args[2]!];
const ANSWER = "d8:intervali60e5:peers0:e";
const target = `http://127.0.0.1:${port}/announce`;
Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, () => {
  Deno.writeTextFileSync(log, "local ", { append: true });
  return new Response(ANSWER);
});
Deno.serve({ hostname: address, port, onListen() {} }, () => {
  Deno.writeTextFileSync(log, "public ", { append: true });
  return new Response("", { status: 302, headers: { location: target } });
});
console.log("listening");
