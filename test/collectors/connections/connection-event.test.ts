// The event of a connection: ECS fields, what is not observed, and the class that the checks of rules know.

import { describe, expect, test } from 'vitest';
import { describeConnection } from '../../../collectors/connections/connection-event.ts';
import { openConnectionWatch } from '../../../collectors/connections/connection-watch.ts';
import { eventClasses } from '../../../collectors/event/event-classes.ts';
import { readPath } from '../../../collectors/event/read-path.ts';
import type { ConnectRecord } from '../../../collectors/process/process-record.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { hostContext } from '../host/host-context-double.ts';
import { detailsOf, exec, fork, procDouble } from '../proc-double.ts';

function eventOf(change: Partial<ConnectRecord> = {}, found = false) {
  const table = createProcessTable(
    procDouble(
      detailsOf(20, { exe: '/usr/bin/dpkg', args: ['dpkg', '-i', 'web.deb'] }),
      detailsOf(40, { exe: '/usr/bin/curl', args: ['curl', 'https://192.0.2.1'], parentPid: 30 }),
    ),
  );
  table.seed([20]);
  for (const [creator, pid, filename] of [
    [20, 30, '/var/lib/dpkg/info/web.postinst'],
    [30, 40, '/usr/bin/curl'],
  ] as const) {
    table.fork(fork(creator, pid));
    table.exec(exec(pid, filename));
  }
  const record: ConnectRecord = {
    kind: 'connect',
    timeNs: 3e9,
    tid: 40,
    source: { ip: '192.0.2.10', port: 0 },
    destination: { ip: '192.0.2.1', port: 443 },
    ...change,
  };
  const watch = openConnectionWatch(table);
  const entry = table.find(40);
  const connection =
    found && entry ? watch.ofSocket(entry, record.source, record.destination, record.timeNs) : watch.ofRecord(record);
  if (connection === undefined) throw new Error('no connection');
  return describeConnection(connection, { table, context: hostContext });
}

test('has ends, network, process with lineage, script and transaction', () => {
  const event = eventOf();
  expect(event).toMatchObject({
    event: {
      kind: 'event',
      category: ['network'],
      type: ['connection', 'start'],
      action: 'connection_attempted',
      dataset: 'stepparent.network',
      provider: 'tracefs',
    },
    destination: { ip: '192.0.2.1', port: 443 },
    network: { transport: 'tcp', type: 'ipv4', direction: 'egress' },
    process: { pid: 40, executable: '/usr/bin/curl', args: ['curl', 'https://192.0.2.1'] },
    user: { id: '0', name: 'root' },
    stepparent: {
      lifecycle_script: { manager: 'dpkg', package: 'web', phase: 'postinst', depth: 1 },
      transaction: { executable: '/usr/bin/dpkg' },
    },
  });
  expect(event.stepparent.lineage?.map(({ pid }) => pid)).toEqual([30, 20, 1]);
  expect(event.event.id).toMatch(/-40-100-connect-3000000-192\.0\.2\.1-443$/);
});

describe('the source', () => {
  test('has no port while the kernel has not chosen one, and says so', () => {
    const { source, stepparent } = eventOf();
    expect(source).toEqual({ ip: '192.0.2.10' });
    expect(stepparent.unobserved).toMatchObject({ 'source.port': 'port_not_chosen' });
  });

  test('has the port that the program has bound', () => {
    const { source, stepparent } = eventOf({ source: { ip: '192.0.2.10', port: 2000 } });
    expect(source).toEqual({ ip: '192.0.2.10', port: 2000 });
    expect(stepparent.unobserved).not.toHaveProperty(['source.port']);
  });
});

test.each([
  ['192.0.2.1', 'ipv4'],
  ['2001:db8::1', 'ipv6'],
])('%s is %s', (ip, type) => {
  expect(eventOf({ destination: { ip, port: 1 } }).network?.type).toBe(type);
});

test('a socket that was found open is marked', () => {
  const { event, stepparent } = eventOf({ source: { ip: '192.0.2.10', port: 9 } }, true);
  expect(event.provider).toBe('procfs');
  expect(stepparent.inferred).toMatchObject({ 'event.action': 'open_socket' });
  expect(eventOf().stepparent.inferred).not.toHaveProperty(['event.action']);
});

test('the class of a connection is what its events are', () => {
  const event = eventOf();
  const own = eventClasses.filter(({ category }) => category === 'network');
  expect(own).toHaveLength(1);
  for (const field of ['event.category', 'event.type', 'event.action', 'event.dataset', 'event.kind', 'file.path']) {
    expect([field, own[0]?.known(field)]).toEqual([field, { value: readPath(event, field) }]);
  }
  for (const field of ['destination.ip', 'process.name', 'stepparent.lifecycle_script.package']) {
    expect([field, own[0]?.known(field)]).toEqual([field, undefined]);
    expect(readPath(event, field)).toBeDefined();
  }
});
