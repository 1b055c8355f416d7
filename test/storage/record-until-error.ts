// Child process: records until the store throws, then prints what it threw and how much can still be read.

import { openStore, type Store } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import { exampleFinding, start } from './examples.ts';

let recorded = 0;
let store: Store | undefined;
try {
  store = openStore(process.argv[2] ?? '', { sinks: ['journald'], nowMs: start });
  for (;;) {
    store.record([exampleFinding(start, { terms: [`/tmp/${recorded}`] })], start);
    recorded++;
  }
} catch (error) {
  if (!(error instanceof StoreError)) throw error;
  const { trouble, message } = error;
  const readBack = store === undefined ? 0 : [...store.listEvents()].length;
  process.stdout.write(JSON.stringify({ trouble, message, recorded, readBack }));
}
