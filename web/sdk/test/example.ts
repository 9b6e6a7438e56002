/** The worked example of docs/motion-format.md. */
export const EXAMPLE = Uint8Array.from(
  (
    "01 01 00000102 003a9bc0 80 00000000000000000000 ffff e0e0 0d00 e667 0666 00000000 0148 4000 0000".replaceAll(" ", "")
      .match(/../g) ?? []
  ).map((hex) => parseInt(hex, 16)),
);
