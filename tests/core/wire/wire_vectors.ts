/** The wire facts of the conformance vectors beside the repository, if they are there. */

const FILE = new URL("../../../../shared/vectors/wire.json", import.meta.url);

export interface WireVectors {
  readonly handshake: {
    readonly example: {
      readonly infoHash: string;
      readonly peerIdAscii: string;
      readonly bytes: string;
    };
  };
  readonly messages: {
    readonly keepAlive: string;
    readonly ids: readonly {
      readonly id: number;
      readonly name: string;
      readonly payload: number | string;
      readonly example?: string;
      readonly exampleFields?: Readonly<Record<string, unknown>>;
    }[];
  };
  readonly allowedFast: {
    readonly infoHash: string;
    readonly ip: string;
    readonly pieces: number;
    readonly sets: readonly { readonly k: number; readonly indices: readonly number[] }[];
    readonly extra: readonly {
      readonly infoHash: string;
      readonly ip: string;
      readonly pieces: number;
      readonly k: number;
      readonly indices: readonly number[];
    }[];
  };
  readonly extended: {
    readonly reqqDefault: number;
    readonly disableExampleAscii: string;
    readonly handshakeExamples: readonly {
      readonly hex: string;
      readonly value: {
        readonly m: Readonly<Record<string, number>>;
        readonly p?: number;
        readonly v?: string;
        readonly metadata_size?: number;
      };
    }[];
  };
}

/** Undefined when the vectors are not there; then the tests that need them are ignored. */
export const wireVectors: WireVectors | undefined = read();

function read(): WireVectors | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(FILE));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
