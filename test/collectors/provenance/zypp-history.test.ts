// Lines of zypper's history. The first ones were written by zypper 1.14.

import { describe, expect, test } from 'vitest';
import { parseZyppHistory, readZyppHistory } from '../../../collectors/provenance/zypp-history.ts';
import { recordedHost } from '../../recorded-host.ts';

const installed = '2026-11-30 17:34:08|install|tool|1:1-1|noarch|root@vm|local|ba47d4bd|';
const byHand = '2026-11-30 17:34:11|install|tool|1-1|noarch|root@vm|_tmpRPMcache_||';

test('the installations, with their repositories', () => {
  const text = [
    "2026-11-30 17:34:07|command|root@vm|'zypper' 'install' 'tool'|",
    '# 2026-11-30 17:34:08 tool-1-1.noarch.rpm installed ok',
    '# |install|comment|1-1|noarch|root@vm|evil|',
    installed,
    byHand,
    '2026-11-30 17:34:12|remove |tool|1-1|noarch|root@vm|',
    '',
  ].join('\n');
  expect(parseZyppHistory(text)).toEqual([
    {
      timeMs: Date.parse('2026-11-30T17:34:08'),
      name: 'tool',
      version: '1:1-1',
      architecture: 'noarch',
      repository: 'local',
    },
    {
      timeMs: Date.parse('2026-11-30T17:34:11'),
      name: 'tool',
      version: '1-1',
      architecture: 'noarch',
      repository: '_tmpRPMcache_',
    },
  ]);
});

test('a field in front of the repository may have a separator in it', () => {
  const text = installed.replace('root@vm', 'a\\|b');
  expect(parseZyppHistory(text)).toMatchObject([{ repository: 'local' }]);
});

test.each([
  ['a line that is cut', installed.slice(0, 50)],
  ['the rest of a line', installed.slice(5)],
  ['no time', installed.replace('17:34:08', '99:99:99')],
  ['no date', installed.replace('2026-11-30', '2026-99-99')],
  ['a name without end', installed.replace('tool', 'x'.repeat(1_000_000))],
  ['an alias without end', installed.replace('local', 'x'.repeat(1_000_000))],
  ['only separators', '|'.repeat(1_000_000)],
  ['only backslashes', installed.replace('root@vm', '\\'.repeat(1_000_000))],
])('is no installation: %s', (_what, text) => {
  expect(parseZyppHistory(text)).toEqual([]);
});

describe('the file', () => {
  const read = (content: string) => readZyppHistory(recordedHost({ files: { '/var/log/zypp/history': content } }));

  test('is read from its end', async () => {
    expect(await read(`${byHand}\n`.repeat(50_000) + installed)).toHaveLength(
      1 + Math.floor((512 * 1024 - installed.length) / (byHand.length + 1)),
    );
  });

  test('may be empty, and may be missing', async () => {
    expect(await read('')).toEqual([]);
    await expect(readZyppHistory(recordedHost({ files: {} }))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
