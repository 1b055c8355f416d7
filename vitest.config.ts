import './agent/locked-node.ts';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 180_000,
    hookTimeout: 180_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{clone,e2e,packages,boot,vm}/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // One after the other: an agent takes over what any killed one has left in the kernel.
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
      // Fresh clones, and what `npm run package` built: looked at, installed and booted; each with a command of its own.
      ...['clone', 'packages', 'boot', 'vm'].map((name) => ({
        extends: true as const,
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          globalSetup: name === 'packages' ? ['test/packages/built.ts'] : [],
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 900_000,
          sequence: { groupOrder: 2 },
        },
      })),
    ],
  },
});
