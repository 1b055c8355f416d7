// Release files and their signatures, also damaged ones.

import { describe, expect, test } from 'vitest';
import { parseInRelease, parseRelease } from '../../../collectors/provenance/release-file.ts';
import { signatureKeys } from '../../../collectors/provenance/signature-keys.ts';
import { makeKey } from '../../e2e/apt-repository.ts';
import { missingTools, titled, unmet } from '../../needs.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const digest = (digit: string): string => digit.repeat(64);
const text = `Origin: Example
Label: Example packages
Suite: stable
Codename: bookworm
MD5Sum:
 ${'1'.repeat(32)} 10 main/binary-amd64/Packages
SHA256:
 ${digest('a')}     1000 main/binary-amd64/Packages
 ${digest('B')} 100 main/binary-amd64/Packages.xz
 ${digest('c')} 7 main/source/Sources
 ${digest('d')} 7 Packages
not a field of the list
 ${digest('e')} 7 contrib/binary-amd64/Packages
`;
/** A signature of version 4 with the two subpackets, as RFC 9580 has it. */
const subpacket = (type: number, content: string): Buffer => {
  const bytes = Buffer.from(content, 'hex');
  return Buffer.concat([Buffer.from([bytes.length + 1, type]), bytes]);
};
const area = (...packets: Buffer[]): Buffer => {
  const all = Buffer.concat(packets);
  return Buffer.concat([Buffer.from([all.length >> 8, all.length & 255]), all]);
};
const packet = (...body: Buffer[]): Buffer => {
  const all = Buffer.concat(body);
  return Buffer.concat([Buffer.from([0xc2, all.length]), all]);
};
const start = Buffer.from([4, 0, 1, 8]);
const fingerprint = '0123456789abcdef0123456789abcdef01234567';
const byFingerprint = packet(start, area(subpacket(33, `04${fingerprint}`)), area(subpacket(16, '89abcdef01234567')));
const byId = packet(start, area(), area(subpacket(16, '89abcdef01234567')));
const byOldId = packet(Buffer.from([3, 5, 0, 0, 0, 0, 0]), Buffer.from('fedcba9876543210', 'hex'));
const armored = (bytes: Buffer): string =>
  `-----BEGIN PGP SIGNATURE-----\nComment: x\n\n${bytes.toString('base64')}\n=abcd\n-----END PGP SIGNATURE-----\n`;
const inRelease = (inner: string, signature = armored(byFingerprint)): string =>
  `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${inner}${signature}`;

describe('the keys of a signature', () => {
  test.each<[string, Buffer, string[]]>([
    ['by fingerprint', byFingerprint, [fingerprint.toUpperCase()]],
    ['by id, if there is no fingerprint', byId, ['89ABCDEF01234567']],
    ['of version 3', byOldId, ['FEDCBA9876543210']],
    ['of several signatures', Buffer.concat([byFingerprint, byOldId]), [fingerprint.toUpperCase(), 'FEDCBA9876543210']],
    ['armored', Buffer.from(armored(byId)), ['89ABCDEF01234567']],
    [
      'two armored blocks',
      Buffer.from(`${armored(byId)}\n${armored(byOldId)}`),
      ['89ABCDEF01234567', 'FEDCBA9876543210'],
    ],
    ['of an empty file', Buffer.alloc(0), []],
    ['of a text', Buffer.from('no signature\n'), []],
    ['of a cut packet', byFingerprint.subarray(0, 20), []],
    ['of another packet', Buffer.from([0xc6, 1, 4]), []],
    ['of a length beyond the end', Buffer.from([0xc2, 255, 255, 255, 255, 255, 4]), []],
    ['of an area beyond the end', packet(start, Buffer.from([255, 255, 1])), []],
    ['of too large a file', Buffer.alloc(100_000, byId), []],
  ])('%s', (_what, bytes, keys) => {
    expect(signatureKeys(bytes)).toEqual(keys);
  });
});

describe('a Release file', () => {
  test('has its names, and the digests of package lists only', () => {
    expect(parseRelease(text, byFingerprint)).toEqual({
      suite: 'stable',
      origin: 'Example',
      label: 'Example packages',
      archive: 'stable',
      codename: 'bookworm',
      version: undefined,
      priority: 500,
      indexes: new Map([
        ['main/binary-amd64/Packages', { sha256: digest('a'), sizeBytes: 1000 }],
        ['main/binary-amd64/Packages.xz', { sha256: digest('b'), sizeBytes: 100 }],
        ['Packages', { sha256: digest('d'), sizeBytes: 7 }],
      ]),
      isSigned: true,
      keys: [fingerprint.toUpperCase()],
    });
  });
  test.each<[string, Buffer | undefined, boolean]>([
    ['without a signature', undefined, false],
    ['with an empty one', Buffer.alloc(0), false],
    ['with a signature', byId, true],
  ])('%s', (_what, signature, isSigned) => {
    expect(parseRelease(text, signature).isSigned).toBe(isSigned);
  });
  test('without fields has none', () => {
    expect(parseRelease('', undefined)).toEqual({
      suite: undefined,
      origin: undefined,
      label: undefined,
      archive: undefined,
      codename: undefined,
      version: undefined,
      priority: 500,
      indexes: new Map(),
      isSigned: false,
      keys: [],
    });
  });
});

test.each<[string, number]>([
  ['NotAutomatic: no\n', 500],
  ['ButAutomaticUpgrades: yes\n', 500],
  ['NotAutomatic: yes\n', 1],
  ['NotAutomatic: yes\nButAutomaticUpgrades: no\n', 1],
  ['NotAutomatic: yes\nButAutomaticUpgrades: yes\n', 100],
])('the priority of a repository with %j is %d', (fields, priority) => {
  expect(parseRelease(`Suite: x\n${fields}`, undefined).priority).toBe(priority);
});

describe('an InRelease file', () => {
  test('is read within its signature only', () => {
    const forged = ` ${digest('f')} 1 main/binary-amd64/Packages\n`;
    const { indexes, isSigned, origin } = parseInRelease(`${inRelease(text)}\nOrigin: Other\nSHA256:\n${forged}`);
    expect([isSigned, origin, indexes.get('main/binary-amd64/Packages')?.sha256]).toEqual([
      true,
      'Example',
      digest('a'),
    ]);
  });
  test.each<[string, string]>([
    ['without a signature', text],
    ['with text before the signed one', `Origin: Other\n${inRelease(text)}`],
    ['with an empty signature', inRelease(text, armored(Buffer.alloc(0)))],
  ])('%s is not signed', (_what, content) => {
    expect(parseInRelease(content).isSigned).toBe(false);
  });
  test('a line that is a megabyte long takes no time to reject', () => {
    expect(parseInRelease(inRelease('x:'.repeat(500_000))).indexes.size).toBe(0);
  });
});

const missing = unmet(missingTools('gpg', 'gpgconf'));
test.skipIf(missing)(titled('the key of a signature that gpg made', missing), () => {
  const key = makeKey(temporaryDirectory());
  try {
    expect(parseInRelease(key.sign(text))).toMatchObject({
      isSigned: true,
      keys: [key.fingerprint],
      origin: 'Example',
    });
    expect(parseInRelease(key.sign(text)).indexes.size).toBe(3);
  } finally {
    key.close();
  }
});
