// Integers in the memory of little-endian kernels. The methods of Buffer allocate an array at each call, and the decoders
// of records make some hundred calls for each program that starts.

/** Unsigned 32-bit integer. Throws RangeError outside of the bytes. */
export function uint32At(bytes: Uint8Array, at: number): number {
  const highest = bytes[at + 3];
  if (highest === undefined || at < 0) throw new RangeError('an integer outside of the bytes');
  return (
    ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16)) +
    highest * 0x100_0000
  );
}

/** Signed 32-bit integer. Throws RangeError outside of the bytes. */
export const int32At = (bytes: Uint8Array, at: number): number => uint32At(bytes, at) | 0;

/** Unsigned 16-bit integer. Throws RangeError outside of the bytes. */
export function uint16At(bytes: Uint8Array, at: number): number {
  const higher = bytes[at + 1];
  if (higher === undefined || at < 0) throw new RangeError('an integer outside of the bytes');
  return (bytes[at] as number) | (higher << 8);
}
