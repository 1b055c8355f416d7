// logrotate, with the configuration from the packages, rotates while the agent's sink writes alerts.

import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { openNdjsonSink } from '../../agent/sinks/ndjson.ts';
import { missingTools, noRoot, titled, unmet } from '../needs.ts';

const missing = unmet(noRoot, missingTools('logrotate'));

describe.skipIf(missing)(titled('logrotate', missing), () => {
  const scratch = mkdtempSync(join(tmpdir(), 'stepparent-logrotate-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test('rotates alerts.ndjson while it is written, without losing or splitting a line', async () => {
    const alerts = join(scratch, 'alerts.ndjson');
    const shipped = readFileSync(join(import.meta.dirname, '../../packaging/root/logrotate'), 'utf8');
    const config = join(scratch, 'logrotate.conf');
    writeFileSync(config, shipped.replace('/var/log/stepparent/alerts.ndjson', alerts), { mode: 0o644 });
    const rotate = () => promisify(execFile)('logrotate', ['--force', '--state', join(scratch, 'state'), config]);

    const sink = openNdjsonSink(alerts);
    const rounds = 8;
    let written = 0;
    for (let round = 0; round < rounds; round++) {
      let isRotated = false;
      const rotated = rotate().finally(() => {
        isRotated = true;
      });
      // Before, during and after the rotation.
      do {
        const { delivered } = await sink.deliver([{ n: written++ }, { n: written++ }] as never);
        expect(delivered).toBe(2);
      } while (!isRotated);
      await rotated;
    }
    await sink.deliver([{ n: written++ }] as never);
    await sink.close();

    const names = readdirSync(scratch).filter((name) => name.startsWith('alerts.ndjson'));
    expect(names.length).toBeGreaterThan(rounds / 2);
    expect(names.some((name) => name.endsWith('.gz'))).toBe(true);
    const lines = names.flatMap((name) => {
      const bytes = readFileSync(join(scratch, name));
      return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().split('\n').filter(Boolean);
    });
    const found = lines.map((line) => JSON.parse(line).n as number).sort((a, b) => a - b);
    expect(found).toEqual(Array.from({ length: written }, (_, n) => n));
    expect(statSync(alerts).mode & 0o777).toBe(0o600);
  });
});
