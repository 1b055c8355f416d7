// A recorded story for each rule runs from the sensor's records to the alert documents, without root and with identical bytes in two runs.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { temporaryDirectory } from '../storage/temporary-store.ts';
import { playStory, type Story } from './play-story.ts';
import { storyFile } from './story-file.ts';

const rules = path.join(import.meta.dirname, '../../detectors/rules');
const ids = readRules([rules]).rules.map(({ id }) => id);

test('every rule has a story', () => {
  const stories = readdirSync(import.meta.dirname).flatMap((name) => /^(.+)\.story\.json$/.exec(name)?.[1] ?? []);
  expect(stories.toSorted()).toEqual(ids.toSorted());
});

describe.each(ids)('%s', (id) => {
  test('raises exactly the expected alerts, identical in two runs', async () => {
    const text = readFileSync(storyFile(id), 'utf8');
    const play = () => playStory(JSON.parse(text) as Story, temporaryDirectory());
    const [first, second] = [await play(), await play()];
    expect(first.faults).toEqual([]);
    const documents = `${JSON.stringify(first.documents, null, 2)}\n`;
    expect(`${JSON.stringify(second.documents, null, 2)}\n`).toBe(documents);
    expect(first.documents.map(({ rule }) => rule?.id)).toContain(id);
    for (const { message = '' } of first.documents) {
      expect(message).toMatch(/^[^-]\S* .* - \S+ /);
      expect(message.split(' ').filter((word) => word !== '-').length, message).toBeLessThanOrEqual(25);
    }
    await expect(documents).toMatchFileSnapshot(`${id}.alert.json`);
  });
});
