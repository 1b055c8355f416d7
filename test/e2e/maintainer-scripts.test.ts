// Maintainer scripts raise an alert when they are run by hand, and none when dpkg or debconf runs them.

import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { copyOf, makeParent, runBy } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, run, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('dpkg-reconfigure', 'debconf', 'perl'));
const rule = 'unusual-dpkg-execution';

const quiet = '#!/bin/sh\nset -e\n:\n';
const lasting = `#!/bin/sh\n# ${'long enough to be distinguished from others '.repeat(3)}\nsleep 1\n:\n`;
const templates = 'Template: e2e-scripts-asks/q\nType: boolean\nDefault: true\nDescription: yes?\n';
const asks =
  '#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\ndb_input low e2e-scripts-asks/q || true\ndb_go || true\n';
const script = (name: string) => `/var/lib/dpkg/info/${name}`;

describe.skipIf(missing)(titled('maintainer scripts', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, "[events]\nstore = 'stepparent.exec.filename:*e2e-scripts* or process.name:dpkg'\n");
  let events: StepparentEvent[] = [];
  let alerts: AlertDocument[] = [];
  const byHand = new Map<string, { script: string; executable: string }>();

  const ofParent = (list: readonly StepparentEvent[], executable: string) =>
    list.filter(({ process }) => process?.parent?.executable === executable);

  const must = async (...command: string[]) => {
    const { code, stdout, stderr } = await run(command[0] ?? '', command.slice(1), {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    });
    if (code !== 0) throw new Error(`${command.join(' ')}: ${stdout}${stderr}`);
  };

  beforeAll(async () => {
    enterPrivateHost(scratch);
    const scripts = { preinst: quiet, postinst: quiet, prerm: quiet, postrm: quiet };
    const old = buildDeb(scratch, 'e2e-scripts', { scripts });
    const newer = buildDeb(join(scratch), 'e2e-scripts', { version: '2', scripts, file: 'e2e-scripts-2.deb' });
    const slow = buildDeb(scratch, 'e2e-scripts-slow', { scripts: { postinst: lasting } });
    const asking = buildDeb(scratch, 'e2e-scripts-asks', { scripts: { config: asks, postinst: asks, templates } });
    await agent.start();

    // Runs by dpkg (installation, upgrade, reinstallation) and by debconf.
    for (const deb of [old, newer, newer, slow, asking]) await must('dpkg', '-i', deb);
    await must('dpkg-reconfigure', '-f', 'noninteractive', 'e2e-scripts-asks');
    await must('/usr/share/debconf/frontend', script('e2e-scripts-asks.postinst'), 'configure', '1');

    // Runs by hand.
    const shell = makeParent(scratch, 'shell');
    await runBy(shell, [script('e2e-scripts.postinst'), 'configure']);
    byHand.set('a shell', { script: script('e2e-scripts.postinst'), executable: shell });

    const python = copyOf(scratch, '/usr/bin/python3', 'python3');
    await must(
      python,
      '-c',
      'import subprocess, sys; subprocess.run(sys.argv[1:])',
      script('e2e-scripts.prerm'),
      'remove',
    );
    byHand.set('python3', { script: script('e2e-scripts.prerm'), executable: python });

    // A new session without a terminal, and a shell that the script replaces.
    const cron = copyOf(scratch, '/bin/dash', 'cron');
    await must('setsid', '--wait', cron, '-c', `/bin/sh -c 'exec ${script('e2e-scripts.postrm')} purge'; :`);
    byHand.set('a cron job', { script: script('e2e-scripts.postrm'), executable: cron });

    const link = join(scratch, 'innocent');
    const linker = makeParent(scratch, 'linker');
    await must('ln', '-s', script('e2e-scripts.preinst'), link);
    await runBy(linker, [link, 'install']);
    byHand.set('a link elsewhere', { script: script('e2e-scripts.preinst'), executable: linker });

    // The script sleeps, so that the agent can read which script the shell runs.
    const reader = makeParent(scratch, 'reader');
    await runBy(reader, ['sh', '-e', script('e2e-scripts-slow.postinst'), 'configure']);
    byHand.set('given to a shell', { script: script('e2e-scripts-slow.postinst'), executable: reader });

    const copier = makeParent(scratch, 'copier');
    const copied = copyOf(scratch, script('e2e-scripts-slow.postinst'), 'copied');
    await runBy(copier, [copied, 'configure']);
    byHand.set('a copy elsewhere', { script: copied, executable: copier });

    // Programs with the names of those that may run scripts.
    for (const name of ['dpkg', 'frontend', 'dpkg-reconfigure']) {
      const fake = makeParent(scratch, name);
      await runBy(fake, [script('e2e-scripts.postinst'), 'configure']);
      byHand.set(`another ${name}`, { script: script('e2e-scripts.postinst'), executable: fake });
    }
    const led = makeParent(scratch, 'led');
    const leader = copyOf(scratch, '/bin/dash', 'dpkg');
    await must('setsid', '--wait', leader, '-c', `${led} -c '${script('e2e-scripts.postinst')} configure; :'; :`);
    byHand.set('in a session of another dpkg', { script: script('e2e-scripts.postinst'), executable: led });

    // The agent resolves the link some milliseconds after the run: the removal of the script must wait for that.
    await until('the run by the link', async () => ofParent(await agent.alerts(), linker).length > 0);
    await must('dpkg', '-r', 'e2e-scripts');
    await must('dpkg', '-P', 'e2e-scripts', 'e2e-scripts-slow', 'e2e-scripts-asks');

    events = await until('the last removal', async () => {
      const listed = await agent.execs();
      return listed.some(({ process }) => process?.args?.includes('-P')) && listed;
    });
    alerts = (await agent.alerts()).filter(
      (alert) => alert.rule.id === rule && JSON.stringify(alert).includes('e2e-scripts'),
    );
  });
  afterAll(() => agent.stop());

  test.each([
    'a shell',
    'python3',
    'a cron job',
    'a link elsewhere',
    'given to a shell',
    'a copy elsewhere',
    'another dpkg',
    'another frontend',
    'another dpkg-reconfigure',
    'in a session of another dpkg',
  ])('raise one alert when run by hand: %s', (name) => {
    const expected = byHand.get(name);
    const [alert, ...more] = ofParent(alerts, expected?.executable ?? '') as AlertDocument[];
    expect(more).toEqual([]);
    expect(alert?.stepparent.alert).toMatchObject({ state: 'open', terms: [expected?.script, expected?.executable] });
    expect(alert?.message).toContain(basename(expected?.script ?? ''));
  });

  test('raise no other alert', () => {
    const parents = alerts.map(({ process }) => process?.parent?.executable);
    expect(parents.sort()).toEqual([...byHand.values()].map(({ executable }) => executable).sort());
  });

  test('are recorded when dpkg and debconf run them', () => {
    const seen = (executable: string, name: string) =>
      ofParent(events, executable).filter((event) => event.stepparent.exec?.filename === script(name)).length;
    // Installed once, then upgraded twice; removed, then purged.
    expect(seen('/usr/bin/dpkg', 'e2e-scripts.postinst')).toBe(3);
    expect(seen('/usr/bin/dpkg', 'e2e-scripts.prerm')).toBe(3);
    expect(seen('/usr/bin/dpkg', 'e2e-scripts.postrm')).toBeGreaterThanOrEqual(2);
    expect(seen('/usr/share/debconf/frontend', 'e2e-scripts-asks.postinst')).toBeGreaterThanOrEqual(2);
    expect(
      events.filter((event) => event.stepparent.exec?.filename.includes('e2e-scripts-asks')).length,
    ).toBeGreaterThan(4);
  });
});
