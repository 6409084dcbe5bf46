import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { fromHex, toHex } from "../../../core/bytes/hex.ts";
import * as natPmp from "../../../core/port_mapping/nat_pmp.ts";
import * as pcp from "../../../core/port_mapping/pcp.ts";
import * as upnp from "../../../core/port_mapping/upnp.ts";
import { hostile } from "../../fuzz/hostile_bytes.ts";
import { fuzzParameters } from "../../fuzz/runs.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;
const NONCE = hex("0102030405060708090a0b0c");

Deno.test("NAT-PMP requests and responses follow RFC 6886", () => {
  assertEquals(toHex(natPmp.encodeAddressRequest()), "0000");
  assertEquals(toHex(natPmp.encodeMapRequest("tcp", 6881, 6882, 3600)), "000200001ae11ae200000e10");
  assertEquals(toHex(natPmp.encodeMapRequest("udp", 6881, 6882, 0)), "000100001ae1000000000000");
  assertEquals<unknown>(natPmp.decodeNatPmp(hex("0080 0000 00000001 c0000201")), {
    kind: "address",
    ip: "192.0.2.1",
  });
  assertEquals<unknown>(natPmp.decodeNatPmp(hex("0082 0000 00000001 1ae1 1ae2 00000e10")), {
    kind: "mapped",
    protocol: "tcp",
    internalPort: 6881,
    externalPort: 6882,
    lifetimeSeconds: 3600,
  });
  assertEquals<unknown>(natPmp.decodeNatPmp(hex("0081 0002 00000001")), {
    kind: "refused",
    protocol: "udp",
    code: 2,
  });
  for (const bad of ["", "0080", "0080000000000001", "0283000000000001", "00820000000000011ae1"]) {
    assertEquals(natPmp.decodeNatPmp(hex(bad)), undefined, bad);
  }
});

Deno.test("PCP requests and responses follow RFC 6887", () => {
  const request = pcp.encodePcpMap({
    protocol: "tcp",
    localIp: "10.0.0.2",
    internalPort: 6881,
    externalPort: 6882,
    lifetimeSeconds: 3600,
    nonce: NONCE,
  });
  assertEquals(
    toHex(request),
    "0201000000000e10" + "00000000000000000000ffff0a000002" + "0102030405060708090a0b0c" +
      "06000000" + "1ae11ae2" + "00000000000000000000ffff00000000",
  );
  const answer = (head: string, nonce = toHex(NONCE)) =>
    pcp.decodePcp(
      hex(
        head + "00000e10" + "00000001" + "00".repeat(12) + nonce + "11000000" + "1ae11ae3" +
          "00000000000000000000ffffc0000201",
      ),
      NONCE,
    );
  assertEquals<unknown>(answer("02810000"), {
    kind: "mapped",
    protocol: "udp",
    internalPort: 6881,
    externalPort: 6883,
    externalIp: "192.0.2.1",
    lifetimeSeconds: 3600,
  });
  assertEquals<unknown>(answer("02810002"), { kind: "refused", protocol: "udp", code: 2 });
  assertEquals<unknown>(answer("02810001"), { kind: "unsupported-version" });
  assertEquals(answer("02810000", "00".repeat(12)), undefined);
  assertEquals(answer("02010000"), undefined);
  // The responses of a gateway that supports NAT-PMP only.
  assertEquals<unknown>(pcp.decodePcp(hex("0081000100000000"), NONCE), {
    kind: "unsupported-version",
  });
});

const GATEWAY = "10.0.0.1";
const searchAnswer = (location: string) =>
  new TextEncoder().encode(
    `HTTP/1.1 200 OK\r\nST: urn:x\r\nLocation: ${location}\r\nSERVER: x\r\n\r\n`,
  );

Deno.test("a gateway's description is fetched only from the gateway itself", () => {
  const locate = (location: string) => upnp.decodeSearchAnswer(searchAnswer(location), GATEWAY);
  assertEquals(locate("http://10.0.0.1:5000/desc.xml"), "http://10.0.0.1:5000/desc.xml");
  for (
    const other of [
      "http://10.0.0.3/x",
      "https://10.0.0.1/x",
      "http://a@10.0.0.1/",
      "/x",
      "ftp://a",
    ]
  ) assertEquals(locate(other), undefined, other);
  assertEquals(
    upnp.decodeSearchAnswer(new TextEncoder().encode("NOTIFY * HTTP/1.1"), GATEWAY),
    undefined,
  );
});

const service = (type: string, control: string) =>
  `<service><serviceType>${type}</serviceType><SCPDURL>/x</SCPDURL><controlURL>${control}` +
  `</controlURL></service>`;
const IP1 = "urn:schemas-upnp-org:service:WANIPConnection:1";

Deno.test("the port mapping service is found among others", () => {
  const url = "http://10.0.0.1:5000/desc.xml";
  const description = `<device><serviceList>${service("urn:other", "/no")}${
    service(IP1, " /ctl/IPConn ")
  }</serviceList></device>`;
  assertEquals(upnp.findService(description, url), {
    controlUrl: "http://10.0.0.1:5000/ctl/IPConn",
    serviceType: IP1,
  });
  assertEquals(upnp.findService(service(IP1, "http://10.0.0.9/x"), url), undefined);
  assertEquals(upnp.findService(service("urn:other", "/x"), url), undefined);
  const v2 = service("urn:schemas-upnp-org:service:WANIPConnection:2", "/two");
  assertEquals(upnp.findService(description + v2, url)!.controlUrl, "http://10.0.0.1:5000/two");
});

Deno.test("SOAP commands are encoded, and their responses decoded", () => {
  const found = { controlUrl: "http://10.0.0.1/c", serviceType: IP1 };
  const add = upnp.addMappingCommand(found, "tcp", 1, 2, "10.0.0.2", 3);
  assertEquals(add.action, `"${IP1}#AddPortMapping"`);
  for (
    const part of [
      "<NewExternalPort>1</NewExternalPort><NewProtocol>TCP</NewProtocol>",
      "<NewInternalPort>2</NewInternalPort><NewInternalClient>10.0.0.2</NewInternalClient>",
      "<NewLeaseDuration>3</NewLeaseDuration>",
    ]
  ) assert(add.body.includes(part), part);
  assertEquals(
    upnp.decodeExternalAddress("<a><NewExternalIPAddress>192.0.2.7</NewExternalIPAddress></a>"),
    "192.0.2.7",
  );
  assertEquals(
    upnp.decodeExternalAddress("<NewExternalIPAddress></NewExternalIPAddress>"),
    undefined,
  );
  assertEquals(upnp.decodeUpnpError("<UPnPError><errorCode>725</errorCode></UPnPError>"), 725);
  assertEquals(upnp.decodeUpnpError("<html>"), undefined);
});

Deno.test("hostile responses of gateways are parsed or refused in bounded time", () => {
  const good = fc.constantFrom(
    hex("0082 0000 00000001 1ae1 1ae2 00000e10"),
    hex(
      "0281 0000 00000e10 00000001" + "00".repeat(12) + toHex(NONCE) + "06000000" + "00".repeat(20),
    ),
    searchAnswer("http://10.0.0.1/x"),
    new TextEncoder().encode(service(IP1, "/c")),
  );
  fc.assert(
    fc.property(hostile(good), (bytes) => {
      natPmp.decodeNatPmp(bytes);
      pcp.decodePcp(bytes, NONCE);
      upnp.decodeSearchAnswer(bytes, GATEWAY);
      const text = new TextDecoder().decode(bytes);
      upnp.findService(text, "http://10.0.0.1/x");
      upnp.decodeUpnpError(text);
    }),
    fuzzParameters,
  );
  // Texts on which a backtracking regular expression would take minutes.
  for (const part of ["<service>", "<service><controlURL>", "<serviceType", " ", "<URLBase>  "]) {
    const text = part.repeat(upnp.DESCRIPTION_BYTES_MAX / part.length);
    assertEquals(upnp.findService(text, "http://10.0.0.1/x"), undefined);
  }
});

Deno.test("answers of gateways end where they should, whatever follows", () => {
  assertEquals<unknown>(natPmp.decodeNatPmp(hex("0080 0000 00000001 c0000201 ff")), {
    kind: "address",
    ip: "192.0.2.1",
  });
  const unsupported = { kind: "unsupported-version" } as const;
  const decode = (text: string) => pcp.decodePcp(hex(text), NONCE);
  assertEquals<unknown>([decode("00800001"), decode("00ff0001")], [unsupported, unsupported]);
  for (const bad of ["008000", "00800000", "007f0001", "03800001", "02810001", "0281000100"]) {
    assertEquals(decode(bad), undefined, bad);
  }
  assertEquals(decode(`02810001${"00".repeat(19)}`), undefined);
  assertEquals<unknown>(decode(`02810001${"00".repeat(20)}`), unsupported);
  assertEquals(decode(`02820001${"00".repeat(20)}`), undefined);
  assertEquals(decode(`03810001${"00".repeat(20)}`), undefined);
});

Deno.test("PCP names no address of its own family, and takes only what it can send", () => {
  const request = {
    protocol: "udp",
    localIp: "fd00::2",
    internalPort: 1,
    externalPort: 2,
    lifetimeSeconds: 3,
    nonce: NONCE,
  } as const;
  assertEquals(
    toHex(pcp.encodePcpMap(request)),
    "0201000000000003" + "fd000000000000000000000000000002" + toHex(NONCE) + "11000000" +
      "00010002" + "00".repeat(16),
  );
  const nonce = NONCE.subarray(1);
  assertThrows(() => pcp.encodePcpMap({ ...request, nonce }), Error, "12 bytes");
  assertThrows(() => pcp.encodePcpMap({ ...request, localIp: "x" }), Error, "is an address");
});

Deno.test("descriptions and answers of UPnP gateways are read up to their limits", () => {
  const sized = (size: number) => {
    const answer = searchAnswer("http://10.0.0.1/x");
    const bytes = new Uint8Array(size).fill(0x20);
    bytes.set(answer);
    return upnp.decodeSearchAnswer(bytes, GATEWAY);
  };
  assertEquals([sized(4_096), sized(4_097)], ["http://10.0.0.1/x", undefined]);
  const long = (length: number) => "http://10.0.0.1/".padEnd(length, "x");
  const locate = (url: string) => upnp.decodeSearchAnswer(searchAnswer(url), GATEWAY);
  assertEquals([locate(long(1_024)), locate(long(1_025))], [long(1_024), undefined]);
  const url = "http://10.0.0.1:5000/desc.xml";
  const behind = (count: number) => service("urn:x", "/n").repeat(count) + service(IP1, "/c");
  assertEquals(upnp.findService(behind(99), url)?.controlUrl, "http://10.0.0.1:5000/c");
  assertEquals(upnp.findService(behind(100), url), undefined);
});

Deno.test("a control address is one of the gateway, by its base or by its description", () => {
  const control = (description: string, url: string) =>
    upnp.findService(description, url)?.controlUrl;
  const url = "http://10.0.0.1:5000/desc.xml";
  const based = (base: string) => `<URLBase>${base}</URLBase>${service(IP1, "c")}`;
  assertEquals(control(based("http://10.0.0.1:80/d/"), url), "http://10.0.0.1/d/c");
  assertEquals(control(based("http://10.0.0.9/d/"), url), "http://10.0.0.1:5000/c");
  const six = "http://[fd00::1]:5000/desc.xml";
  assertEquals(control(service(IP1, "/c"), six), "http://[fd00::1]:5000/c");
  const unclosed = `<service><serviceType>${IP1}</serviceType><controlURL `;
  assertEquals(control(unclosed, url), undefined);
});

Deno.test("an error code is a number of up to four digits, and an address one in digits", () => {
  const codeOf = (text: string) => upnp.decodeUpnpError(`<errorCode>${text}</errorCode>`);
  assertEquals([codeOf("718"), codeOf("abc"), codeOf("12345")], [718, undefined, undefined]);
  assertEquals(upnp.decodeUpnpError("<errorCode>718"), undefined, "it is cut off");
  assertEquals(upnp.decodeExternalAddress("<html>"), undefined);
});
