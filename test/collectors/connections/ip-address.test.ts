// The text of addresses, compared with the parser and writer of the WHATWG URL standard, which has the form of RFC 5952.

import { describe, expect, test } from 'vitest';
import { ipv4Text, ipv6Text, isMapped } from '../../../collectors/connections/ip-address.ts';

/** The bytes after an offset of three: a record has addresses at any offset. */
const shifted = (hex: string): Buffer => Buffer.from(`ffffff${hex}ff`, 'hex');

test.each([
  ['00000000', '0.0.0.0'],
  ['7f000001', '127.0.0.1'],
  ['c0000201', '192.0.2.1'],
  ['ffffffff', '255.255.255.255'],
])('%s is %s', (hex, text) => {
  expect(ipv4Text(shifted(hex), 3)).toBe(text);
});

describe('IPv6', () => {
  test.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['20010db8000000000000000000000001', '2001:db8::1'],
    ['fe800000000000000202b3fffe1e8329', 'fe80::202:b3ff:fe1e:8329'],
    // The longest run of zeros, the first of several, and none of one zero.
    ['20010000000100000000000000000001', '2001:0:1::1'],
    ['20010000000000010000000000000001', '2001:0:0:1::1'],
    ['20010000000000010000000000010001', '2001::1:0:0:1:1'],
    ['20010000000100010001000100010001', '2001:0:1:1:1:1:1:1'],
    ['00010000000000000000000000000000', '1::'],
    ['0abc0def0123456789abcdef00ff000f', 'abc:def:123:4567:89ab:cdef:ff:f'],
  ])('%s is %s', (hex, text) => {
    expect(ipv6Text(shifted(hex), 3)).toBe(text);
    expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
  });

  test.each([
    ['a mapped address is IPv4', '00000000000000000000ffffc0000201', '192.0.2.1', true],
    ['other bits before it: not mapped', '00000000000000010000ffffc0000201', '::1:0:ffff:c000:201', false],
    ['ffff elsewhere: not mapped', '0000000000000000ffff0000c0000201', '::ffff:0:c000:201', false],
    ['compatible with IPv4: not mapped', '000000000000000000000000c0000201', '::c000:201', false],
  ])('%s', (_, hex, text, mapped) => {
    expect(ipv6Text(shifted(hex), 3)).toBe(text);
    expect(isMapped(shifted(hex), 3)).toBe(mapped);
  });
});
