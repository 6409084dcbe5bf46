import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { formatIp } from "../../../core/bytes/ip.ts";
import {
  decodeExtendedHandshake,
  encodeExtendedHandshake,
  EXTENDED_HANDSHAKE_BYTES_MAX,
  type ExtendedHandshake,
} from "../../../core/wire/extended.ts";
import { EXTENDED_VECTORS } from "./wire_vectors.ts";

const SILENT: ExtendedHandshake = {
  extensions: new Map(),
  version: undefined,
  port: undefined,
  reqq: undefined,
  yourIp: undefined,
  uploadOnly: undefined,
  metadataSize: undefined,
};

/** Decodes a dictionary written as text, one character per byte. */
const decodeText = (text: string) =>
  decodeExtendedHandshake(Uint8Array.from(text, (char) => char.charCodeAt(0)));

Deno.test("a handshake is a sorted dictionary of the known fields", () => {
  const payload = encodeExtendedHandshake({
    extensions: new Map([["ut_pex", 2], ["ut_metadata", 3]]),
    version: "tt 1",
    port: 6881,
    reqq: 500,
    yourIp: "1.2.3.4",
    uploadOnly: true,
    metadataSize: 99,
  });
  assertEquals(
    new TextDecoder().decode(payload),
    "d1:md11:ut_metadatai3e6:ut_pexi2ee13:metadata_sizei99e1:pi6881e4:reqqi500e" +
      "11:upload_onlyi1e1:v4:tt 16:yourip4:\x01\x02\x03\x04e",
  );
  assertEquals(new TextDecoder().decode(encodeExtendedHandshake(SILENT)), "d1:mdee");
});

Deno.test("an empty dictionary gives no fields", () => {
  assertEquals<unknown>(decodeText("de"), { ok: true, value: SILENT });
});

Deno.test("any handshake round-trips", () => {
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const ids = fc.array(
    fc.tuple(fc.stringMatching(/^[a-z_]{1,20}$/), fc.integer({ min: 0, max: 255 })),
  );
  const ips = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  ).map(formatIp);
  const handshakes = fc.record({
    extensions: ids.map((entries) => new Map(entries)),
    version: maybe(fc.stringMatching(/^[A-Za-zµ][ -~é漢]{0,62}[0-9]$/)),
    port: maybe(fc.integer({ min: 1, max: 65_535 })),
    reqq: maybe(fc.integer({ min: 1 })),
    yourIp: maybe(ips),
    uploadOnly: maybe(fc.boolean()),
    metadataSize: maybe(fc.integer({ min: 1 })),
  });
  fc.assert(fc.property(handshakes, (handshake) => {
    assertEquals<unknown>(decodeExtendedHandshake(encodeExtendedHandshake(handshake)), {
      ok: true,
      value: handshake,
    });
  }));
});

Deno.test("an entry of the wrong type or out of range counts as absent", () => {
  const entries = [
    ..."1:mi1e 1:mle 1:pi0e 1:pi65536e 1:pi-1e 1:p4:6881 1:vi1e 1:vle 1:v0:".split(" "),
    ..."4:reqqi0e 4:reqqi-5e 4:reqq3:250 4:reqqle 6:youripi1e 6:yourip3:abc".split(" "),
    ..."6:yourip5:abcde 11:upload_only1:1 11:upload_onlyde".split(" "),
    ..."13:metadata_sizei0e 13:metadata_sizei-1e 13:metadata_size2:10 5:other1:x".split(" "),
    "1:v2:\xff\xfe",
    "1:v3:\x1b\x07\n",
  ];
  for (const entry of entries) {
    assertEquals<unknown>(decodeText(`d${entry}e`), { ok: true, value: SILENT }, entry);
  }
});

Deno.test("an invalid entry does not affect valid ones", () => {
  const decoded = decodeText("d1:md1:ai1e1:bi256e1:ci-1e1:d1:x1:ei0ee1:pi0e4:reqqi9ee");
  assertEquals<unknown>(decoded, {
    ok: true,
    value: { ...SILENT, extensions: new Map([["a", 1], ["e", 0]]), reqq: 9 },
  });
});

Deno.test("unsorted keys and trailing bytes are tolerated", () => {
  const decoded = decodeText("d1:pi7e1:mdeejunk");
  assertEquals<unknown>(decoded, { ok: true, value: { ...SILENT, port: 7 } });
});

Deno.test("a client name is shortened and control characters are replaced", () => {
  const text = `\x1b[31m${"n".repeat(100)}\r\n`;
  const decoded = decodeText(`d1:v${text.length}:${text}e`);
  assertEquals(decoded.ok && decoded.value.version, "[31m" + "n".repeat(60));
  const spaced = decodeText(`d1:v65:${"n".repeat(63)} xe`);
  assertEquals(spaced.ok && spaced.value.version, "n".repeat(63));
});

Deno.test("a payload that is not a dictionary is refused", () => {
  const error = { code: "extended-handshake-not-dict" };
  for (const text of ["i1e", "le", "0:"]) {
    assertEquals<unknown>(decodeText(text), { ok: false, error });
  }
});

Deno.test("a payload that is not bencoded is refused with the offset", () => {
  assertEquals<unknown>(decodeText("d1:p"), {
    ok: false,
    error: {
      code: "extended-handshake-bencode",
      cause: { code: "unexpected-end", offset: 4 },
    },
  });
});

Deno.test("a payload over the limit is refused", () => {
  const padding = EXTENDED_HANDSHAKE_BYTES_MAX - "d1:x00000:e".length;
  const fits = `d1:x${padding}:${"x".repeat(padding)}e`;
  assertEquals(fits.length, EXTENDED_HANDSHAKE_BYTES_MAX);
  assertEquals(decodeText(fits).ok, true);
  assertEquals(decodeText(fits + "x").ok, false);
});

Deno.test("the conformance vectors of the extension handshake pass", () => {
  for (const { text, extensions, port, version, metadataSize } of EXTENDED_VECTORS) {
    assertEquals<unknown>(decodeText(text), {
      ok: true,
      value: { ...SILENT, extensions: new Map(extensions), port, version, metadataSize },
    });
  }
});
