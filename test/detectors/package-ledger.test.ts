// Which transactions have rows in the package ledger, and what the rows say.

import { describe, expect, test } from 'vitest';
import type { StepparentEvent, TransactionFields } from '../../collectors/event/event.ts';
import { ledgerEntry } from '../../detectors/package-ledger.ts';
import { exampleEvent, start } from '../storage/examples.ts';

type Stepparent = StepparentEvent['stepparent'];

const transaction = (fields: Partial<TransactionFields>, more: Partial<Stepparent> = {}): StepparentEvent => {
  const event = exampleEvent('event-1', start);
  return {
    ...event,
    event: { ...event.event, category: ['package'] },
    stepparent: {
      ...event.stepparent,
      initiator: { entity_id: '1', pid: 9, executable: '/opt/agent', origin: 'unit agent.service', wrappers: ['sh'] },
      transaction: { id: '4122-88', manager: 'dpkg', root: '/', packages: [{ name: 'xz', version: '1' }], ...fields },
      ...more,
    },
  };
};

test('the fields of a row', () => {
  const entry = ledgerEntry(
    transaction({
      packages: [
        {
          ...{ name: 'xz', version: '2', architecture: 'amd64', action: 'upgrade', former_version: '1', applied: true },
          ...{ state: 'unpacked', archive: '/tmp/xz.deb', sha256: 'ab'.repeat(32), source: 'repository' },
          repository: { site: 'deb.example.org', suite: 'stable', component: 'main', signed: true },
        },
        { name: 'xz', version: '2', applied: true, state: 'installed' },
        { name: 'odd.deb', applied: false },
      ],
    }),
  );
  expect(entry).toMatchObject({
    manager: 'dpkg',
    hostId: 'a1b2',
    hostName: 'web1',
    eventId: 'event-1',
    transactionId: '4122-88',
    requestedBy: '/opt/agent (agent.service)',
    initiator: '/opt/agent',
    origin: 'unit agent.service',
    userId: '0',
    userName: 'root',
  });
  expect(entry?.changes).toMatchObject([
    {
      ...{ name: 'xz', version: '2', architecture: 'amd64', action: 'upgrade', formerVersion: '1', applied: true },
      ...{ state: 'unpacked', archive: '/tmp/xz.deb', sha256: 'ab'.repeat(32), source: 'repository' },
      ...{ repository: 'deb.example.org stable/main', signed: true },
    },
    { action: 'configure', applied: true, state: 'installed', formerVersion: undefined },
    { name: 'odd.deb', action: undefined, applied: false },
  ]);
});

test('the request is that of an alert, without the comma that follows it in a sentence', () => {
  const event = { ...transaction({}), user: { id: '1000', name: 'alice' } };
  event.stepparent.initiator = {
    entity_id: '1',
    pid: 9,
    executable: '/usr/sbin/sshd',
    origin: 'ssh as alice',
    wrappers: [],
  };
  expect(ledgerEntry(event)?.requestedBy).toBe('alice over ssh, not root');
});

test('all packages, also those that the event has no room for', () => {
  const packages = Array.from({ length: 300 }, (_, i) => ({ name: `p${i}`, version: '1', action: 'install' as const }));
  expect(ledgerEntry(transaction({ packages: packages.slice(0, 256) }), packages)?.changes).toHaveLength(300);
});

describe('which transactions have rows', () => {
  const elsewhere = 'other_database';
  test.each<[string, boolean, StepparentEvent]>([
    ['dpkg on the host', true, transaction({})],
    ['dpkg --root', false, transaction({}, { unobserved: { 'stepparent.transaction.packages': elsewhere } })],
    [
      'dpkg on the host, with a package too many',
      true,
      transaction({}, { unobserved: { 'stepparent.transaction.packages': 'too_many_packages' } }),
    ],
    ['rpm on the host', true, transaction({ manager: 'rpm', verified: true })],
    [
      'rpm, not compared yet',
      true,
      transaction({ manager: 'rpm' }, { unobserved: { 'stepparent.transaction.verified': 'database_busy' } }),
    ],
    [
      'rpm --dbpath',
      false,
      transaction({ manager: 'rpm' }, { unobserved: { 'stepparent.transaction.verified': elsewhere } }),
    ],
    [
      'rpm on a database that was not observed',
      false,
      transaction({ manager: 'rpm' }, { unobserved: { 'stepparent.transaction.verified': 'not_shown' } }),
    ],
    ['rpm --test', false, transaction({ manager: 'rpm', test: true })],
    ['a transaction without packages', false, transaction({ packages: [] })],
    ['an exec', false, exampleEvent('event-1', start)],
  ])('%s: %s', (_, hasRows, event) => {
    expect(ledgerEntry(event) !== undefined).toBe(hasRows);
  });
});
