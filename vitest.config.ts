// One project for each tier of tests (test/tiers.ts).

import './agent/locked-node.ts';
import { defineConfig } from 'vitest/config';
import { tiers } from './test/tiers.ts';

const [unit, ...others] = tiers;

export default defineConfig({
  test: {
    reporters: ['default', './test/left-out.ts'],
    globalSetup: ['test/compile-cache.ts'],
    projects: tiers.map((tier) => ({
      extends: true as const,
      test: {
        name: tier.name,
        include: [...tier.include],
        exclude: tier === unit ? others.flatMap(({ include }) => include) : [],
        globalSetup: tier.name === 'packages' ? ['test/packages/built.ts'] : [],
        fileParallelism: !tier.serial,
        testTimeout: tier.timeoutMs,
        hookTimeout: tier.timeoutMs,
        sequence: { groupOrder: tiers.indexOf(tier) },
      },
    })),
  },
});
