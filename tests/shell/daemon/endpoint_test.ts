import { assertEquals, assertRejects } from "@std/assert";
import {
  ensureToken,
  readEndpoint,
  readToken,
  removeEndpoint,
  stateFolder,
  writeEndpoint,
} from "../../../shell/daemon/endpoint.ts";
import {
  makePrivateFolder,
  readPrivateFile,
  replacePrivateFile,
} from "../../../shell/daemon/private_file.ts";
import { DiskError } from "../../../shell/disk/disk_error.ts";
import { scratch } from "../../support/cli_kit.ts";

Deno.test("an endpoint is found until it is removed, and only where it is whole", async () => {
  await using dir = await scratch();
  assertEquals(await readEndpoint(dir.path), undefined);
  await writeEndpoint(dir.path, { url: "http://127.0.0.1:9", pid: 3 });
  assertEquals(await readEndpoint(dir.path), { url: "http://127.0.0.1:9", pid: 3 });
  for (const text of ["", "{", "null", "3", '{"url":"x"}', '{"pid":1}', '{"url":1,"pid":1}']) {
    await Deno.writeTextFile(dir.at("endpoint.json"), text);
    assertEquals(await readEndpoint(dir.path), undefined, text);
  }
  await removeEndpoint(dir.path);
  await removeEndpoint(dir.path);
  assertEquals(await readPrivateFile(dir.at("endpoint.json")), undefined);
  assertEquals(stateFolder("/given"), "/given");
});

Deno.test("a token is kept, unless it is too short to be one", async () => {
  await using dir = await scratch();
  assertEquals(await readToken(dir.path), undefined);
  const [first, second] = ["a".repeat(32), "b".repeat(40)];
  assertEquals(await ensureToken(dir.path, () => first), first);
  assertEquals(await ensureToken(dir.path, () => second), first);
  assertEquals(await Deno.readTextFile(dir.at("token")), `${first}\n`);
  await Deno.writeTextFile(dir.at("token"), " \n");
  assertEquals(await readToken(dir.path), undefined);
  await Deno.writeTextFile(dir.at("token"), "c".repeat(31));
  assertEquals(await ensureToken(dir.path, () => second), second);
});

Deno.test("private files are the user's own, also where others could read an older one", async () => {
  await using dir = await scratch();
  const modeOf = (path: string) => Deno.statSync(path).mode! & 0o777;
  await makePrivateFolder(dir.at("a", "b"));
  assertEquals(modeOf(dir.at("a", "b")), 0o700);
  const path = dir.at("a", "file");
  await Deno.writeTextFile(path, "old", { mode: 0o644 });
  // Of a run that was killed.
  await Deno.writeTextFile(`${path}.tmp`, "half", { mode: 0o644 });
  await replacePrivateFile(path, "new");
  assertEquals([await readPrivateFile(path), modeOf(path)], ["new", 0o600]);
  await Deno.mkdir(dir.at("folder", "full"), { recursive: true });
  await assertRejects(() => replacePrivateFile(dir.at("folder"), "x"), DiskError);
  assertEquals([...Deno.readDirSync(dir.path)].map(({ name }) => name).sort(), ["a", "folder"]);
  await assertRejects(() => readPrivateFile(dir.at("folder")), DiskError, "Cannot read");
  await assertRejects(() => makePrivateFolder(`${path}/below`), DiskError, "Cannot create");
});
