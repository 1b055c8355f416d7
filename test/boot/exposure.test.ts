// systemd-analyze rates the sandbox of the unit and accepts its directives.

import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { missingTools, titled, unmet } from '../needs.ts';

const missing = unmet(missingTools('systemd-analyze'));
const unit = join(import.meta.dirname, '../../systemd/stepparent.service');
const alertUnits = ['stepparent-alert.socket', 'stepparent-alert@.service'].map((name) => join(unit, '..', name));
/** systemd's scale is 0 to 10, lower is better; units without a sandbox have 8.6 to 9.6. */
const mostAllowed = 2.5;

describe.skipIf(missing)(titled("the unit's sandbox", missing), () => {
  test(`has an exposure of at most ${mostAllowed}`, () => {
    const output = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', unit], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    const overall = /Overall exposure level.*/.exec(output)?.[0] ?? output;
    console.log(overall);
    expect(Number(/: ([\d.]+) /.exec(overall)?.[1])).toBeLessThanOrEqual(mostAllowed);
  });

  test('has only directives that this systemd knows', () => {
    // `verify` also reports missing programs and manual pages, which are not installed here.
    const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit, ...alertUnits], { encoding: 'utf8' });
    expect(stderr.split('\n').filter((line) => /Unknown|Failed to parse|Invalid|ignoring/i.test(line))).toEqual([]);
  });
});
