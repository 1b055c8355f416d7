// The way of an event is the way of the imports, and every source file says what it is for.

import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');
const layers = ['collectors', 'detectors', 'storage', 'agent'];
const files = globSync(
  layers.map((layer) => `${layer}/**/*.ts`),
  { cwd: root },
);

test.each(files)('%s', (file) => {
  const text = readFileSync(path.join(root, file), 'utf8');
  expect(text).toMatch(/^(?:#!.*\n)?\/\/ \S/);
  const layerOf = (name: string): string => name.split('/')[0] ?? '';
  const imported = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*)'/g)].map(([, name = '']) =>
    path.join(path.dirname(file), name),
  );
  // The store keeps what the detectors found: it needs their types, and runs none of their code.
  if (layerOf(file) === 'storage')
    expect(text).not.toMatch(/^(?:import|export) (?!type )[^;]*'(?:\.\.\/)+detectors\//m);
  const upward = imported.filter((name) => layers.indexOf(layerOf(name)) > layers.indexOf(layerOf(file)));
  expect(upward).toEqual([]);
});
