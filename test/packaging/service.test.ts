// The bounds on CPU time in the unit: they limit the agent and never delay the sensor.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const unit = readFileSync(join(import.meta.dirname, '../../systemd/stepparent.service'), 'utf8');
const settings = (name: string): string[] =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value ?? '');

test('the quota allows a CPU for the sensor and one for a hunt', () => {
  expect(settings('CPUQuota')).toEqual(['200%']);
});

test('the unit takes precedence over units of the default weight', () => {
  expect(settings('CPUWeight')).toEqual(['200']);
});
