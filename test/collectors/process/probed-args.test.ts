import { expect, test } from 'vitest';
import { beginAsRecorded } from '../../../collectors/process/probed-args.ts';

test.each<[string[], string[], boolean]>([
  [['dpkg', '-i', 'long-name'], ['dpkg', '-i', 'long'], true],
  [['dpkg', '-i', 'a'], ['dpkg', '-i', 'a'], true],
  [['dpkg', '-i', 'é'], ['dpkg', '-i', '\ufffd'], true],
  [['dpkg'], [], true],
  [['dpkg', '-i', 'other'], ['dpkg', '-i', 'long'], false],
  [['dpkg', '--install', 'long'], ['dpkg', '-i', 'long'], false],
  [['dpkg', '-i'], ['dpkg', '-i', 'long'], false],
  [['dpkg: working'], ['dpkg', '-i'], false],
])('%j begins as %j: %s', (args, recorded, expected) => expect(beginAsRecorded(args, recorded)).toBe(expected));
