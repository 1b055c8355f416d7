// Text that an attacker writes is kept unchanged in data and escaped where a person or a log reads it.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { journalFields } from '../../agent/sinks/journald.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { type Journald, journaldMissing, startJournald } from '../journald.ts';
import { titled } from '../needs.ts';
import { copyOf, makeParent, runBy } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, run, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing ?? journaldMissing;

const forged =
  'x.deb\n<0>stepparent: FORGED\nMESSAGE=FORGED\nPRIORITY=0\n2026-01-01 00:00:00  critical  FORGED\n{"message":"FORGED"}\n';
const long = 'y'.repeat(100_000);

/** Arguments of dpkg. */
const hostile: Record<string, string[]> = {
  'a forged line': ['-i', forged],
  'terminal sequences': ['-i', '\x1b[2J\x1b]0;owned\x07\x1b[31m\x9b1mx.deb\r\x08'],
  'text that runs backwards': ['-i', '\u202ebed.x\u2066\u200b\u2028.deb'],
  'quotes and backslashes': ['-i', '"\\n\\" in / as nobody.deb'],
  'an empty argument': ['-i', '', 'x.deb'],
  'a hundred arguments': ['-i', ...Array.from({ length: 100 }, (_, i) => `${i}.deb`)],
};

/** Text without characters that move the cursor, start a line or change the direction of writing. */
const plain = /^[^\p{C}\p{Zl}\p{Zp}]*$/u;

/** The parent that an alert names. A hundred arguments leave no room for the user ids in the record of a run that ends at once. */
const parentIn = ({ stepparent }: AlertDocument): string | undefined =>
  stepparent.alert.terms[0]?.replace(/ \(user not observed\)$/, '');

describe.skipIf(missing)(titled('hostile text', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, '[alerts]\njournald = true\n');
  let journald: Journald;
  const parents = new Map<string, string>();
  let events: StepparentEvent[] = [];
  let alerts: AlertDocument[] = [];
  let lasting = '';
  const directory = () => join(scratch, 'cwd\n\x1b[1mFORGED');

  beforeAll(async () => {
    enterPrivateHost(scratch);
    journald = await startJournald();
    lasting = buildDeb(scratch, 'e2e-lasting', { scripts: { postinst: '#!/bin/sh\nsleep 1\n' } });
    await agent.start();

    for (const [name, args] of Object.entries(hostile)) {
      const parent = makeParent(scratch, 'parent');
      parents.set(name, parent);
      await runBy(parent, ['dpkg', ...args], scratch);
    }
    const parentOf = (name: string) => {
      const parent = makeParent(scratch, name);
      parents.set(name, parent);
      return parent;
    };
    await runBy(parentOf('fleeting'), ['dpkg', '-i', 'x.deb', long], scratch);
    await runBy(parentOf('lasting'), ['dpkg', `--path-exclude=${long}`, '-i', lasting], scratch);
    await run(parentOf('bytes'), ['-c', 'dpkg -i "$(printf "a\\377\\376b.deb")"; :'], { cwd: scratch });
    const named = copyOf(scratch, '/bin/dash', 'sh\nMESSAGE=FORGED\n\x1b[2J\u202e');
    parents.set('named', named);
    mkdirSync(directory());
    // The agent reads the directory from /proc and may miss that of a run that ends at once, so this run lasts.
    await run(named, ['-c', `dpkg -i ${lasting}; :`], { cwd: directory() });

    alerts = await until('all alerts', async () => {
      const listed = await agent.alerts();
      return [...parents.values()].every((parent) => listed.some((alert) => parentIn(alert) === parent)) && listed;
    });
    events = await agent.execs();
  });
  afterAll(async () => {
    await agent.stop();
    await journald?.stop();
  });

  const alertOf = (name: string) =>
    alerts.find((alert) => parentIn(alert) === parents.get(name)) ?? expect.fail(`no alert: ${name}`);
  const storedOf = (name: string) => events.filter(({ process }) => process?.parent?.executable === parents.get(name));

  test.each(Object.entries(hostile))('in the arguments is kept unchanged: %s', (name, args) => {
    expect(alertOf(name).process?.args).toEqual(['dpkg', ...args]);
    expect(storedOf(name).map(({ process }) => process?.args)).toEqual([['dpkg', ...args]]);
    expect(alertOf(name).stepparent.truncated?.['process.args']).toBeUndefined();
  });

  test('of 100 kB from a run that ends at once is cut and marked as truncated', () => {
    const { process, stepparent } = alertOf('fleeting');
    const [program, option, file, last = ''] = [process?.args ?? []].flat();
    expect([program, option, file]).toEqual(['dpkg', '-i', 'x.deb']);
    expect(long.startsWith(last)).toBe(true);
    // At least what the probe has room for; all of it if the agent could read /proc.
    expect(last.length).toBeGreaterThanOrEqual(1500);
    expect(stepparent.truncated?.['process.args'] !== undefined).toBe(last !== long);
  });

  test('of 100 kB from a run that lasts is kept complete', () => {
    expect(alertOf('lasting').process?.args).toEqual(['dpkg', `--path-exclude=${long}`, '-i', lasting]);
    expect(alertOf('lasting').stepparent.truncated?.['process.args']).toBeUndefined();
  });

  test('that is not UTF-8 is kept with replacement characters', () => {
    expect(alertOf('bytes').process?.args).toEqual(['dpkg', '-i', 'a\ufffd\ufffdb.deb']);
  });

  test('in the names of parent and directory is kept unchanged', () => {
    expect(alertOf('named').process).toMatchObject({
      parent: { executable: parents.get('named') },
      working_directory: directory(),
    });
  });

  test('is the same in alerts.ndjson, which has one line for each alert', async () => {
    for (const name of parents.keys()) {
      const { id } = alertOf(name).stepparent.alert;
      const line = await until('the line', () =>
        agent.delivered().find(({ stepparent }) => stepparent.alert.id === id),
      );
      expect(line.process).toEqual(alertOf(name).process);
    }
    expect(agent.delivered().filter(({ stepparent }) => stepparent.alert === undefined)).toEqual([]);
  });

  test('is escaped in messages, which are one line', () => {
    for (const name of parents.keys()) expect(alertOf(name).message).toMatch(plain);
  });

  test.each(['alerts', 'events', 'baseline list', 'status'])(
    'adds no line to the output of stepparent %s',
    async (command) => {
      const { stdout } = await agent.cli(...command.split(' '));
      const lines = stdout.split('\n').slice(0, -1);
      expect(lines.length).toBeGreaterThan(parents.size - 1);
      for (const line of lines) {
        expect(line).toMatch(plain);
        expect(line).not.toMatch(/^[^ ]*FORGED|^<0>|^2026-01-01|^\{/);
      }
    },
  );

  test('adds no entry and no field to the journal', async () => {
    for (const name of parents.keys()) {
      const alert = alertOf(name);
      const { id } = alert.stepparent.alert;
      const entry = await until('the entry', () => journald.read(`STEPPARENT_ALERT_ID=${id}`)[0]);
      const sent = journalFields(alert).map(([field]) => field);
      const own = Object.keys(entry).filter((field) => !field.startsWith('_'));
      expect(new Set(own)).toEqual(new Set(sent));
      expect(entry.MESSAGE).toMatch(plain);
      expect(entry.PRIORITY).toBe('5');
    }
    expect(journald.read('PRIORITY=0')).toEqual([]);
    expect(journald.read('MESSAGE=FORGED')).toEqual([]);
  });

  test('adds no line to the output of journalctl', () => {
    const shown = execFileSync('journalctl', ['--directory=/run/log/journal', '--output=cat', '--quiet'], {
      encoding: 'utf8',
    });
    for (const line of shown.split('\n')) expect(line).not.toMatch(/^(?:FORGED|<0>|MESSAGE=)/);
  });
});
