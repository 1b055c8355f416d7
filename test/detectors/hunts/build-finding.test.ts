// The alert of a row that is new.

import { expect, test } from 'vitest';
import { messageBytes } from '../../../detectors/alert.ts';
import { buildFinding } from '../../../detectors/hunts/build-finding.ts';
import { readHunts, shippedHunts } from '../../../detectors/hunts/load-hunts.ts';
import { nowMs } from './hunt-events.ts';

const [hunt] = readHunts([shippedHunts]).hunts.filter(({ id }) => id === 'package-database-files');
if (hunt === undefined) throw new Error('no such hunt');

const build = (row: Record<string, string | number | null>) =>
  buildFinding({
    hunt,
    row,
    host: { id: 'h', name: 'web1' },
    agent: { id: 'a', type: 'stepparent' },
    state: 'open',
    id: 'f1',
    nowMs,
  });

test('an ECS document of severity low, with the row whole and the columns under their own names', () => {
  const row = {
    'file.name': 'a.postinst',
    'file.path': '/var/lib/dpkg/info/a.postinst',
    'process.executable': '/tmp/x',
    count: 1,
  };
  expect(build(row)).toMatchObject({
    '@timestamp': '2026-03-10T10:00:00.000Z',
    message:
      '/tmp/x put /var/lib/dpkg/info/a.postinst into a package database - first time for this program and file name in 90 days',
    event: { id: 'f1', kind: 'alert', action: 'hunt-finding', severity: 21, risk_score: 21 },
    host: { name: 'web1' },
    rule: { id: 'hunt:package-database-files', category: 'Persistence' },
    file: { name: 'a.postinst', path: '/var/lib/dpkg/info/a.postinst' },
    process: { executable: '/tmp/x' },
    stepparent: {
      hunt: { id: 'package-database-files', row },
      alert: { id: 'f1', terms: ['a.postinst', '/tmp/x'], state: 'open' },
    },
  });
});

test('names a value that the row does not have, and escapes and cuts the others', () => {
  expect(build({ 'file.path': '/a', 'process.executable': null }).message).toBe(
    'an unobserved process put /a into a package database - first time for this program and file name in 90 days',
  );
  const { message = '' } = build({
    'file.path': '/a\n<0>forged',
    'process.executable': `/\u001b[2J${'é'.repeat(5000)}`,
  });
  expect(message).toContain('/a\\n<0>forged');
  expect(message).toContain('/\\x1b[2J');
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(messageBytes);
});

test('a row without ECS columns makes no empty objects', () => {
  const finding = build({ count: 3 });
  expect(finding).not.toHaveProperty('process');
  expect(finding).not.toHaveProperty('file');
});
