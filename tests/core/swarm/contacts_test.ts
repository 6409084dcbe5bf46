import { assertEquals } from "@std/assert";
import {
  createContacts,
  DEPARTED_MAX,
  departedSince,
  updateContacts,
} from "../../../core/swarm/contacts.ts";
import type { PexContact } from "../../../core/wire/ut_pex.ts";

const contact = (port: number, flags = 0): PexContact => ({
  address: { ip: "8.8.8.8", port },
  flags,
});

Deno.test("contacts are numbered as they come, and noted as they go", () => {
  const contacts = createContacts();
  updateContacts(contacts, [contact(1), contact(2)]);
  updateContacts(contacts, [contact(2, 2), contact(3)]);
  const listed = [...contacts.listed.values()];
  assertEquals(listed.map(({ number, text, flags }) => [number, text, flags]), [
    [1, "8.8.8.8:2", 2],
    [2, "8.8.8.8:3", 0],
  ]);
  assertEquals([contacts.nextNumber, contacts.departures], [3, 1]);
  assertEquals(contacts.departed.map(({ number }) => number), [0]);
});

Deno.test("one that comes back has a number of its own", () => {
  const contacts = createContacts();
  for (const port of [1, 2, 1]) updateContacts(contacts, [contact(port)]);
  assertEquals([...contacts.listed.values()].map(({ number }) => number), [2]);
  assertEquals(departedSince(contacts, 0).map(({ number }) => number), [0, 1]);
  assertEquals(departedSince(contacts, 1).map(({ number }) => number), [1]);
  assertEquals(departedSince(contacts, 2), []);
});

Deno.test("the latest departures are remembered, DEPARTED_MAX at most", () => {
  const contacts = createContacts();
  for (let port = 0; port <= 2 * DEPARTED_MAX; port++) updateContacts(contacts, [contact(port)]);
  assertEquals(contacts.departures, 2 * DEPARTED_MAX);
  const last = contacts.departed.at(-1)!.number;
  assertEquals(last, 2 * DEPARTED_MAX - 1);
  assertEquals(departedSince(contacts, 0), contacts.departed, "as far as they are remembered");
  assertEquals(contacts.departed.length <= DEPARTED_MAX, true);
  const latest = departedSince(contacts, 2 * DEPARTED_MAX - 2);
  assertEquals(latest.map(({ number }) => number), [last - 1, last]);
});

Deno.test("when too many departed, the latest half is kept", () => {
  const contacts = createContacts();
  const depart = (count: number) => {
    updateContacts(contacts, Array.from({ length: count }, (_, port) => contact(port)));
    updateContacts(contacts, []);
  };
  depart(DEPARTED_MAX);
  assertEquals(contacts.departed.length, DEPARTED_MAX);
  depart(1);
  assertEquals(contacts.departed.length, DEPARTED_MAX / 2);
  assertEquals(contacts.departed.at(-1)!.number, DEPARTED_MAX);
});
