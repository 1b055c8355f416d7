// Tables of sockets as the kernel prints them, and the connections of one process in them.

import { describe, expect, test } from 'vitest';
import { parseTcpTable, readOpenConnections } from '../../../collectors/connections/open-sockets.ts';
import { plainHost, processFiles, type RecordedFile, recordedHost } from '../../recorded-host.ts';

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const line = (local: string, remote: string, state: string, inode: number): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 100 0 0 10 0\n`;

const loopback = '0100007F';
const documentation = '010200C0';
const anyone = '00000000';
/** 2001:db8::1, as four words. */
const documentation6 = 'B80D0120000000000000000001000000';
const any6 = '0'.repeat(32);
const mapped = `0000000000000000FFFF0000${documentation}`;

describe('parse', () => {
  test.each([
    ['IPv4', line(`${loopback}:A1B2`, `${documentation}:01BB`, '01', 7), '127.0.0.1', 41_394, '192.0.2.1', 443],
    ['IPv6', line(`${any6}:0001`, `${documentation6}:0050`, '02', 7), '::', 1, '2001:db8::1', 80],
    ['an IPv4 address in tcp6', line(`${mapped}:0001`, `${mapped}:0050`, '01', 7), '192.0.2.1', 1, '192.0.2.1', 80],
  ])('%s', (_, text, localIp, localPort, remoteIp, remotePort) => {
    expect(parseTcpTable(head + text)).toMatchObject([
      { local: { ip: localIp, port: localPort }, remote: { ip: remoteIp, port: remotePort }, inode: '7' },
    ]);
  });

  test.each([
    ['no table', ''],
    ['the head', head],
    ['a line that is cut', line(`${loopback}:A1B2`, `${documentation}:01BB`, '01', 7).slice(0, 60)],
    ['an address of another length', line(`${loopback}00:A1B2`, `${documentation}:01BB`, '01', 7)],
  ])('%s has no socket', (_, text) => {
    expect(parseTcpTable(text)).toEqual([]);
  });
});

describe('the connections that a process has open', () => {
  const established = line(`${loopback}:8000`, `${documentation}:01BB`, '01', 7);
  const listening = line(`${anyone}:0016`, `${anyone}:0000`, '0A', 8);
  const accepted = line(`${loopback}:0016`, `${documentation}:9000`, '01', 9);
  const found = [{ source: { ip: '127.0.0.1', port: 0x8000 }, destination: { ip: '192.0.2.1', port: 443 } }];

  const connectionsOf = (tables: { tcp?: string; tcp6?: string }, links: readonly string[], slots = 64) => {
    const files: Record<string, RecordedFile> = {
      ...plainHost,
      ...processFiles(700, { exe: '/usr/bin/curl' }),
      '/proc/700/status': `Name:\tcurl\nFDSize:\t${slots}\n`,
      '/proc/700/net/tcp': head + (tables.tcp ?? ''),
      ...(tables.tcp6 !== undefined && { '/proc/700/net/tcp6': head + tables.tcp6 }),
      ...Object.fromEntries(links.map((link, i) => [`/proc/700/fd/${i}`, { link }])),
    };
    return readOpenConnections(recordedHost({ files }), 700);
  };

  test.each([
    ['one', { tcp: established }, ['/dev/null', 'socket:[7]'], found],
    [
      'several, of both families',
      { tcp: established, tcp6: line(`${documentation6}:0001`, `${documentation6}:0002`, '08', 11) },
      ['socket:[7]', 'socket:[11]'],
      [...found, { source: { ip: '2001:db8::1', port: 1 }, destination: { ip: '2001:db8::1', port: 2 } }],
    ],
    ['a socket of another process', { tcp: established }, ['socket:[70]'], []],
    ['a file that has the name of a socket', { tcp: established }, ['/tmp/socket:[7]'], []],
    ['a pipe with that number', { tcp: established }, ['pipe:[7]'], []],
    ['a listening socket', { tcp: listening }, ['socket:[8]'], []],
    ['a connection that it accepted', { tcp: listening + accepted }, ['socket:[8]', 'socket:[9]'], []],
    ['a connection that the listener’s child has', { tcp: listening + accepted }, ['socket:[9]'], []],
    [
      'accepted by a socket of the other family',
      { tcp: accepted, tcp6: line(`${any6}:0016`, `${any6}:0000`, '0A', 8) },
      ['socket:[9]'],
      [],
    ],
    ['not connected yet', { tcp: line(`${loopback}:8000`, `${anyone}:0000`, '07', 7) }, ['socket:[7]'], []],
  ] as const)('%s', (_, tables, links, expected) => {
    expect(connectionsOf(tables, links)).toEqual(expected);
  });

  test.each([
    [1024, found],
    [1025, []],
  ])('a process with room for %d descriptors', (slots, expected) => {
    expect(connectionsOf({ tcp: established }, ['socket:[7]'], slots)).toEqual(expected);
  });

  test('a process that has ended has none', () => {
    expect(readOpenConnections(recordedHost({ files: plainHost }), 700)).toEqual([]);
  });
});
