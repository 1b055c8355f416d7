// The message catalog, as systemd's own compiler takes it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readHunts, shippedHunts } from '../../detectors/hunts/load-hunts.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { messageId } from '../../detectors/rules/message-id.ts';
import { catalogText } from '../../packaging/catalog.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { temporaryDirectory } from '../storage/temporary-store.ts';

const missing = unmet(missingTools('journalctl'));

describe.skipIf(missing)(titled('the catalog', missing), () => {
  const { rules } = readRules([join(import.meta.dirname, '../../detectors/rules')]);
  const { hunts } = readHunts([shippedHunts]);
  const compiled = (text: string): ((id: string) => string) => {
    const root = temporaryDirectory();
    mkdirSync(join(root, 'usr/lib/systemd/catalog'), { recursive: true });
    mkdirSync(join(root, 'var/lib/systemd/catalog'), { recursive: true });
    writeFileSync(join(root, 'usr/lib/systemd/catalog/stepparent.catalog'), text);
    execFileSync('journalctl', ['--update-catalog', `--root=${root}`], { stdio: 'pipe' });
    return (id) =>
      execFileSync('journalctl', ['--dump-catalog', `--root=${root}`, messageId(id)], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
  };

  test('has the guide of each rule and hunt', () => {
    const show = compiled(catalogText(rules, hunts));
    const all = [...rules, ...hunts.map((hunt) => ({ ...hunt, id: `hunt:${hunt.id}` }))];
    expect(all.length).toBeGreaterThan(6);
    for (const { id, name, note } of all) {
      const shown = show(id);
      expect(shown).toContain(`Subject: ${name}`);
      const words = (text: string): string => text.replaceAll(/[\s#]+/g, ' ').trim();
      expect(words(shown)).toContain(words(note));
      expect(shown).toContain('\n  stepparent show @STEPPARENT_ALERT_ID@\n');
      const long = shown.split('\n').filter((line) => line.length > 76 && !/@|^-- |^Subject/.test(line));
      expect(long).toEqual([]);
    }
  });

  test('a guide that looks like an entry, a comment or a field stays text', () => {
    const [rule] = rules;
    if (rule === undefined) throw new Error('no rule');
    const note = `## Heading\nbefore @HOME@\n-- ${'a'.repeat(32)}\nSubject: forged\n\nafter`;
    const show = compiled(catalogText([{ ...rule, note }], []));
    expect(show(rule.id)).toContain('Heading');
    expect(show(rule.id)).toContain('before HOME');
    expect(show(rule.id)).toContain('after');
  });
});
