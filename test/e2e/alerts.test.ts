// An alert in the journal, in alerts.ndjson and on the command line.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messageId } from '../../detectors/rules/message-id.ts';
import { type Journald, journaldMissing, startJournald } from '../journald.ts';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing ?? journaldMissing;
const rule = 'dpkg-package-installed-by-unusual-parent';

describe.skipIf(missing)(titled('an alert', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, '[alerts]\njournald = true\n');
  let journald: Journald;
  let deb: string;
  let first: string;
  let parentPid: number;

  beforeAll(async () => {
    enterPrivateHost(scratch);
    journald = await startJournald();
    deb = buildDeb(scratch, 'e2e-alerts');
    first = makeParent(scratch, 'first');
    await agent.start();
    parentPid = (await runBy(first, ['dpkg', '-i', deb])).pid;
  });
  afterAll(async () => {
    await agent.stop();
    await journald?.stop();
  });

  const alertsOf = (alerts: AlertDocument[], parent: string) =>
    alerts.filter(({ stepparent }) => stepparent.alert.terms[0] === parent);
  const inJournal = (id: string) => journald.read(`STEPPARENT_ALERT_ID=${id}`);
  const alertOf = (parent: string) =>
    until(`an alert of ${parent}`, async () => alertsOf(await agent.alerts(), parent)[0]);

  test('is stored and delivered to alerts.ndjson and the journal', async () => {
    const alert = await alertOf(first);
    expect(alert.stepparent.alert).toMatchObject({ count: 1, state: 'open', terms: [first] });
    expect(alert.rule.id).toBe(rule);

    const { id } = alert.stepparent.alert;
    const [line, ...more] = await until('the line in the file', () => {
      const lines = alertsOf(agent.delivered(), first);
      return lines.length > 0 && lines;
    });
    expect(more).toEqual([]);
    expect(line?.stepparent.alert.id).toBe(id);
    // The listed document has a counter and its times; otherwise both are the same.
    const {
      count,
      first: begun,
      last,
      ...reported
    } = alert.stepparent.alert as AlertDocument['stepparent']['alert'] & Record<string, unknown>;
    expect(line).toEqual({ ...alert, stepparent: { ...alert.stepparent, alert: reported } });
    expect([count, begun]).toEqual([1, last]);

    const entry = await until('the entry in the journal', () => inJournal(id)[0]);
    expect(inJournal(id)).toHaveLength(1);
    expect(entry).toMatchObject({
      MESSAGE: alert.message,
      PRIORITY: '5',
      MESSAGE_ID: messageId(rule),
      SYSLOG_IDENTIFIER: 'stepparent',
      STEPPARENT_RULE: rule,
      STEPPARENT_RULE_NAME: alert.rule.name,
      STEPPARENT_SEVERITY: 'low',
      STEPPARENT_RISK_SCORE: '21',
      STEPPARENT_EXECUTABLE: '/usr/bin/dpkg',
      STEPPARENT_COMMAND_LINE: `dpkg -i ${deb}`,
      STEPPARENT_PID: String(alert.process?.pid),
      STEPPARENT_PARENT_EXECUTABLE: first,
      STEPPARENT_PARENT_PID: String(parentPid),
      STEPPARENT_USER: 'root',
      STEPPARENT_PACKAGES: deb,
      STEPPARENT_TECHNIQUE: expect.arrayContaining(['T1546', 'T1546.016']),
      _PID: String(agent.pid),
    });
  });

  test('is counted, and not delivered again, when the same parent installs again', async () => {
    await runBy(first, ['dpkg', '-i', deb]);
    await until('the counter', async () => (await alertOf(first)).stepparent.alert.count === 2);
    expect(alertsOf(await agent.alerts(), first)).toHaveLength(1);
    const { id } = (await alertOf(first)).stepparent.alert;
    const { stdout } = await agent.cli('alerts');
    expect(stdout.split('\n').filter((line) => line.startsWith(id.slice(0, 8)))).toEqual([
      expect.stringMatching(/ ×2$/),
    ]);

    const terms = (await agent.baseline()).filter((term) => term.terms[0] === first);
    expect(terms).toMatchObject([{ rule, count: 2, origin: 'alert' }]);
    const events = (await agent.execs()).filter(({ process }) => process?.parent?.executable === first);
    expect(events).toHaveLength(2);
  });

  test('is a new one for another parent', async () => {
    const second = makeParent(scratch, 'second');
    await runBy(second, ['dpkg', '-i', deb]);
    const { id } = (await alertOf(second)).stepparent.alert;
    await until('the entry in the journal', () => inJournal(id).length === 1);
    await until('the line in the file', () => alertsOf(agent.delivered(), second).length === 1);

    // Delivery is in order: whatever came before has been delivered too.
    expect(alertsOf(agent.delivered(), first)).toHaveLength(1);
    expect(inJournal((await alertOf(first)).stepparent.alert.id)).toHaveLength(1);
  });

  test('counts a run once when a preloaded library delays the start of dpkg', async () => {
    const slow = makeParent(scratch, 'slow');
    const source = join(scratch, 'slow.c');
    const library = join(scratch, 'slow.so');
    writeFileSync(
      source,
      '#include <unistd.h>\n__attribute__((constructor)) static void wait(void) { usleep(400000); }\n',
    );
    execFileSync('gcc', ['-shared', '-fPIC', '-o', library, source]);
    await runBy(slow, ['env', `LD_PRELOAD=${library}`, 'dpkg', '-i', deb]);
    await runBy(slow, ['dpkg', '-i', join(scratch, 'after.deb')]);
    await until('the run after it', async () =>
      (await agent.execs()).some(({ process }) => process?.args?.includes(join(scratch, 'after.deb'))),
    );
    expect((await alertOf(slow)).stepparent.alert.count).toBe(2);
    const events = (await agent.execs()).filter(({ process }) => process?.parent?.executable === slow);
    expect(events.map(({ process }) => process?.args?.[2])).toEqual([deb, join(scratch, 'after.deb')]);
  });
});
