// Reads which keys made an OpenPGP signature (RFC 9580, section 5.2), without verifying it, and which keys a keyring has.

import { createHash } from 'node:crypto';

/** Maximum size of a signature, or of several together. */
const maxBytes = 64 * 1024;
const maxKeys = 16;

const signatureTag = 2;
const publicKeyTag = 6;
const issuerKeyId = 16;
const issuerFingerprint = 33;

/**
 * The fingerprint of the key of each signature, or its id if the signature does not name a fingerprint: in upper-case
 * hexadecimal digits. `bytes` are binary or ASCII-armored. Empty: there is no signature.
 */
export function signatureKeys(bytes: Buffer): string[] {
  if (bytes.length > maxBytes) return [];
  const keys = new Set<string>();
  for (const block of blocksOf(bytes)) {
    for (const { tag, body } of packetsOf(block)) {
      const key = tag === signatureTag ? keyOf(body) : undefined;
      if (key !== undefined && keys.size < maxKeys) keys.add(key);
    }
  }
  return [...keys];
}

/**
 * The fingerprints of the primary keys in a keyring, in upper-case hexadecimal digits, at most `limit`. `bytes` are binary
 * or ASCII-armored. Keys of version 3, which no current program accepts, are left out.
 */
export function keyringKeys(bytes: Buffer, limit: number): string[] {
  const keys = new Set<string>();
  for (const block of blocksOf(bytes)) {
    for (const { tag, body } of packetsOf(block)) {
      const key = tag === publicKeyTag ? fingerprintOf(body) : undefined;
      if (key !== undefined) keys.add(key);
      if (keys.size === limit) return [...keys];
    }
  }
  return [...keys];
}

/** The fingerprint of a public key packet (RFC 9580, section 5.5.4). */
function fingerprintOf(body: Buffer): string | undefined {
  const lengthBytes = { 4: 2, 6: 4 }[body[0] ?? 0];
  if (lengthBytes === undefined || body.length >= 2 ** 16) return undefined;
  const head = Buffer.alloc(1 + lengthBytes);
  head[0] = lengthBytes === 2 ? 0x99 : 0x9b;
  head.writeUIntBE(body.length, 1, lengthBytes);
  return hex(
    createHash(lengthBytes === 2 ? 'sha1' : 'sha256')
      .update(head)
      .update(body)
      .digest(),
  );
}

function* blocksOf(bytes: Buffer): Generator<Buffer> {
  // The first bit of a binary packet is set; text is ASCII.
  if (((bytes[0] ?? 0) & 0x80) !== 0) {
    yield bytes;
    return;
  }
  // Headers end at an empty line; a line with `=` and a checksum follows the data.
  let data: string[] | undefined;
  for (const line of bytes.toString('latin1').split(/\r?\n/)) {
    if (line.trim() === '') data ??= [];
    else if (line.startsWith('-----') || line.startsWith('=')) {
      if (data !== undefined) yield Buffer.from(data.join(''), 'base64');
      data = undefined;
    } else data?.push(line);
  }
}

function* packetsOf(bytes: Buffer): Generator<{ tag: number; body: Buffer }> {
  for (let position = 0; position < bytes.length; ) {
    const header = readHeader(bytes, position);
    if (header === undefined || header.end > bytes.length) return;
    yield { tag: header.tag, body: bytes.subarray(header.start, header.end) };
    position = header.end;
  }
}

/** Undefined: no packet begins there, or it has no length in one piece, which signatures always have. */
function readHeader(bytes: Buffer, position: number): { tag: number; start: number; end: number } | undefined {
  const first = bytes[position] ?? 0;
  if ((first & 0x80) === 0) return undefined;
  if ((first & 0x40) !== 0) {
    const length = readLength(bytes, position + 1);
    return length && { tag: first & 0x3f, start: length.next, end: length.next + length.value };
  }
  const lengthBytes = [1, 2, 4][first & 3];
  if (lengthBytes === undefined || position + 1 + lengthBytes > bytes.length) return undefined;
  const start = position + 1 + lengthBytes;
  return { tag: (first >> 2) & 0xf, start, end: start + bytes.readUIntBE(position + 1, lengthBytes) };
}

/** The length of a packet in the newer format, or of a subpacket. */
function readLength(bytes: Buffer, position: number): { value: number; next: number } | undefined {
  const first = bytes[position];
  if (first === undefined) return undefined;
  if (first < 192) return { value: first, next: position + 1 };
  const second = bytes[position + 1];
  if (first < 224 && second !== undefined) return { value: ((first - 192) << 8) + second + 192, next: position + 2 };
  if (first !== 255 || position + 5 > bytes.length) return undefined;
  return { value: bytes.readUInt32BE(position + 1), next: position + 5 };
}

function keyOf(body: Buffer): string | undefined {
  const version = body[0];
  // Version 3 has the id at a fixed place.
  if (version === 3) return body.length < 15 ? undefined : hex(body.subarray(7, 15));
  if (version !== 4 && version !== 6) return undefined;
  const countBytes = version === 4 ? 2 : 4;
  let id: string | undefined;
  // The hashed subpackets, then those that are not hashed.
  for (let position = 4, area = 0; area < 2 && position + countBytes <= body.length; area++) {
    const start = position + countBytes;
    const end = start + body.readUIntBE(position, countBytes);
    if (end > body.length) break;
    for (const { type, content } of subpacketsOf(body.subarray(start, end))) {
      if (type === issuerFingerprint && content.length > 1) return hex(content.subarray(1));
      if (type === issuerKeyId && content.length === 8) id = hex(content);
    }
    position = end;
  }
  return id;
}

function* subpacketsOf(area: Buffer): Generator<{ type: number; content: Buffer }> {
  for (let position = 0; position < area.length; ) {
    const length = readLength(area, position);
    if (length === undefined || length.value === 0 || length.next + length.value > area.length) return;
    // The first bit says that the subpacket is critical.
    const type = (area[length.next] ?? 0) & 0x7f;
    yield { type, content: area.subarray(length.next + 1, length.next + length.value) };
    position = length.next + length.value;
  }
}

const hex = (bytes: Buffer): string => bytes.toString('hex').toUpperCase();
