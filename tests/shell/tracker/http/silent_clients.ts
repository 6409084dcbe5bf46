/**
 * A program that opens connections and sends nothing, or half of a request: `silent_clients.ts PORT
 * COUNT`. Prints a line once all are open, and another with how many the other end has closed, once
 * all are closed. A separate process, because each has a limit of open files.
 */
const [port, count] = Deno.args.map(Number) as [number, number];
const HALF = new TextEncoder().encode("GET /announce?info_");

const conns: Deno.TcpConn[] = [];
for (let i = 0; i < count; i++) {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  if (i % 2 === 0) await conn.write(HALF);
  conns.push(conn);
}
console.log("open");
const ends = await Promise.all(conns.map(async (conn) => {
  const answer = await conn.read(new Uint8Array(1)).catch(() => null);
  return answer === null;
}));
console.log(`ended ${ends.filter((isEnd) => isEnd).length}`);
