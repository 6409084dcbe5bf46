/** Roots of files whose byte i is i mod 251, as computed by other implementations of BEP 52. */
export const ROOTS: readonly { size: number; pieceLength: number; root: string }[] = [
  {
    size: 1,
    pieceLength: 16384,
    root: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  },
  {
    size: 16384,
    pieceLength: 16384,
    root: "4348e3b98e8a327b34ced39c1da9e67cdb4cd5e48e4d7960607a3ae403d35f0c",
  },
  {
    size: 16385,
    pieceLength: 16384,
    root: "9d7887c65d577a0237fb3c0998b87b3a62762d03796889a2caea01db914ccbb8",
  },
  {
    size: 49152,
    pieceLength: 16384,
    root: "c23d35ec942288a7d9b58d1d0446a76104660b7c72e5cf39f38bddb028ff8ca0",
  },
  {
    size: 65536,
    pieceLength: 65536,
    root: "2d6b546231225a7132a38ab354f03e9132e4b9141da89f1784b71ab2fb34fae3",
  },
  {
    size: 65537,
    pieceLength: 65536,
    root: "27e4ccf8e3d554bfce504235da1292c2c8beb24ba5b3e1cd62f41bd692517fbe",
  },
  {
    size: 40000,
    pieceLength: 65536,
    root: "ab671631a9fa97a1fdac651fff6c68773b9acf0735b9c7f6ecdd54cbf1bf5dc2",
  },
  {
    size: 163840,
    pieceLength: 32768,
    root: "92ffcec5095fcb78750791a50e88be81c7ccf2a217902ab15da5a9dfe863e112",
  },
  {
    size: 1000000,
    pieceLength: 65536,
    root: "c6ba179eeb6d3fa33dd2f92a78d90d91d8230efcfb2c565375c85bf9e1e674cd",
  },
];

export function vectorContent(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i % 251);
}
