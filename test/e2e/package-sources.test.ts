// Package sources under the real agent: what removes a source of security updates or adds a new source raises one alert, and
// what tools do with the sources that are there raises none. Each row has sources of its own, so that all rows run at once.

import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bindMount } from '../mount-namespace.ts';
import { titled } from '../needs.ts';
import { makeParent } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing;
const list = '/etc/apt/sources.list';
const parts = '/etc/apt/sources.list.d';
const keys = '/etc/apt/trusted.gpg.d';
const repositories = '/etc/yum.repos.d';
const removed = 'security-source-removed';
const added = 'package-source-added';

const line = (name: string): string => `deb http://${name}.example.org/debian ${name}-security main`;
const stanza = (name: string): string =>
  `Types: deb\nURIs: http://${name}.example.org/debian\nSuites: ${name}-security\nComponents: main\n`;
const sourceOf = (name: string): string => `${name}.example.org/debian ${name}-security`;
/** A packet of a public key of version 4 without a usable key, and its fingerprint. */
const key = Buffer.from([0x98, 0x06, 4, 0, 0, 0, 0, 1]);
const fingerprint = 'key BCC1653DA4E4393ADE89C8208E6D399CC45DFE81';

/** Shell lines in which `$f` is a file with a source of security updates, as `line` and `stanza` have it. */
type Rows = Readonly<Record<string, string>>;

const removals: Rows = {
  commented: 'sed -i "s/^deb /# deb /" $f.list',
  deleted: 'rm $f.list',
  renamed: 'mv $f.list $f.list.save',
  emptied: ': > $f.list',
  left: 'sed -i "s/^deb /deb-src /" $f.list',
  disabled: 'printf "Enabled: no\\n" >> $f.sources',
  moved: 'mv $f.sources /srv/',
};
const everyday: Rows = {
  modernized: 'cat $f.stanza > $f.sources; mv $f.list $f.list.bak',
  reversed: 'rm $f.list; sleep 1; cat $f.stanza > $f.sources',
  edited: 'cp $f.list $f.new; echo "# edited" >> $f.new; mv $f.new $f.list',
  backed: 'mv $f.list $f.list~; cp $f.list~ $f.list; rm $f.list~',
  replaced: 'sed -i "s/^deb /deb  [arch=amd64] /; s/$/ # x/" $f.list; sed -i "1i # comment\\n" $f.list',
  encrypted: 'sed -i s/http:/https:/ $f.list',
  touched: 'touch $f.list; chmod 600 $f.list; chmod 644 $f.list',
  doubled: 'cp $f.list $f-copy.list; rm $f-copy.list',
  mirrored: 'mkdir -p /etc/apt/mirrors; echo http://a.example.org/debian > /etc/apt/mirrors/debian.list',
};

describe.skipIf(missing)(titled('package sources', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  let serial = 0;
  let seen = 0;
  /** Runs the lines in a session of their own, under a program of that name. */
  const sh = async (name: string, script: string): Promise<void> => {
    const shell = makeParent(scratch, name);
    const ended = await run(shell, ['-ec', `f=${join(parts, name)}; ${script}; exit`], { detached: true });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
  };
  const shAll = (rows: Rows): Promise<unknown> =>
    Promise.all(Object.entries(rows).map(([name, script]) => sh(name, script)));
  /** The alerts since the last call. A source that is new shows that all earlier changes were compared. */
  const alerts = async (): Promise<AlertDocument[]> => {
    const name = `marker${serial++}.example.org/debian stable`;
    writeFileSync(join(parts, 'marker.list'), `deb http://${name} main\n`);
    const all = await until('the marker', () => {
      const documents = agent.delivered();
      return documents.some(({ stepparent }) => stepparent.sources?.added?.includes(name)) && documents;
    });
    const fresh = all.slice(seen);
    seen = all.length;
    return fresh.filter(
      ({ rule, stepparent: { sources } }) =>
        rule.id === removed || (rule.id === added && sources?.added?.join() !== name),
    );
  };
  /** What the alerts report, each source once: `RULE SOURCE`. Changes of one session can be in one alert. */
  const reported = (documents: readonly AlertDocument[]): string[] =>
    documents
      .flatMap(({ rule, stepparent: { sources } }) =>
        ((rule.id === added ? sources?.added : sources?.lost_security) ?? []).map((source) => `${rule.id} ${source}`),
      )
      .filter((text) => !text.includes('marker'))
      .sort();

  beforeAll(async () => {
    enterPrivateHost(scratch);
    const [etc, srv] = ['etc', 'srv'].map((name) => join(scratch, name)) as [string, string];
    await run('cp', ['-a', '/etc', etc]);
    for (const part of ['apt/sources.list', 'apt/sources.list.d', 'apt/trusted.gpg.d', 'yum.repos.d']) {
      rmSync(join(etc, part), { recursive: true, force: true });
    }
    for (const part of ['apt/sources.list.d', 'apt/trusted.gpg.d', 'yum.repos.d']) mkdirSync(join(etc, part));
    mkdirSync(srv);
    bindMount(etc, '/etc');
    bindMount(srv, '/srv');
    writeFileSync(list, 'deb http://deb.example.org/debian stable main\n');
    for (const name of [...Object.keys(removals), ...Object.keys(everyday), 'offline', 'known']) {
      if (name === 'disabled' || name === 'moved') writeFileSync(join(parts, `${name}.sources`), stanza(name));
      else writeFileSync(join(parts, `${name}.list`), `${line(name)}\n`);
      writeFileSync(join(parts, `${name}.stanza`), stanza(name));
    }
    writeFileSync(join(repositories, 'system.repo'), '[updates]\nbaseurl=https://rpm.example.org/u\nenabled=1\n');
    await agent.start();
    await until('the watched directories', async () =>
      (await agent.status()).watched_paths.some(({ group, directories }) => group === 'system' && directories > 20),
    );
  });
  afterAll(async () => {
    await agent.stop();
  });

  test('what tools and administrators do with the sources that are there raises no alert', async () => {
    await shAll(everyday);
    expect(reported(await alerts())).toEqual([]);
  });

  test('each removed source of security updates is reported once', async () => {
    await shAll({ ...removals, dnf: `sed -i s/enabled=1/enabled=0/ ${repositories}/system.repo` });
    const sources = [...Object.keys(removals).map(sourceOf), 'rpm.example.org/u updates'];
    expect(reported(await alerts())).toEqual(sources.map((source) => `${removed} ${source}`).sort());
  });

  test('a source that comes back is no alert', async () => {
    await shAll({ commented: 'sed -i "s/^# deb /deb /" $f.list', deleted: `echo '${line('deleted')}' > $f.list` });
    expect(reported(await alerts())).toEqual([]);
  });

  test('the alert names the writer, the file and the source', async () => {
    await sh('intruder', `rm ${parts}/commented.list`);
    const [alert, ...others] = await alerts();
    expect(others).toEqual([]);
    expect(alert).toMatchObject({
      rule: { id: removed },
      event: { action: 'deletion' },
      file: { path: join(parts, 'commented.list') },
      process: { name: 'rm' },
      stepparent: { initiator: { name: 'intruder' }, sources: { lost_security: [sourceOf('commented')] } },
    });
    expect(alert?.message).toMatch(/intruder.* deleted \/etc\/apt\/sources\.list\.d\/commented\.list with rm - /);
    expect(alert?.message).toContain(`source of security updates, "${sourceOf('commented')}"`);
    await sh('commented', `echo '${line('commented')}' > $f.list`);
    expect(reported(await alerts())).toEqual([]);
  });

  test('another mirror and the next release are new sources, and nothing is lost', async () => {
    await shAll({
      commented: 'sed -i s/commented.example/mirror.example/ $f.list',
      deleted: 'sed -i s/deleted-security/next-security/ $f.list',
    });
    expect(reported(await alerts())).toEqual([
      `${added} deleted.example.org/debian next-security`,
      `${added} mirror.example.org/debian commented-security`,
    ]);
  });

  test('each new source and key is reported once, with what is not verified', async () => {
    writeFileSync(join(scratch, 'key.gpg'), key);
    await shAll({
      vendor: "echo 'deb [arch=amd64] https://me:pw@vendor.example.org/apt stable main' | tee $f.list >/dev/null",
      open: "echo 'deb [trusted=yes] http://open.example.org/apt ./' > $f.list",
      known: 'sed -i "s/^deb /deb [allow-insecure=yes] /" $f.list',
      rpm: `printf '[open]\\nbaseurl=http://open.example.org/rpm\\ngpgcheck=0\\n' > ${repositories}/open.repo`,
      key: `cp ${join(scratch, 'key.gpg')} ${keys}/new.gpg`,
    });
    const found = await alerts();
    const sources = [
      'vendor.example.org/apt stable',
      'open.example.org/apt ./ [trusted=yes]',
      `${sourceOf('known')} [allow-insecure=yes]`,
      'open.example.org/rpm open [gpgcheck=0]',
      fingerprint,
    ];
    expect(reported(found)).toEqual(sources.map((source) => `${added} ${source}`).sort());
    for (const { message = '', stepparent } of found) {
      const { added: names = [], unverified = [] } = stepparent.sources ?? {};
      expect(unverified).toEqual(names.filter((name) => name.endsWith(']')));
      expect(message).toContain(names[0]);
    }
    await sh('key', `mv ${keys}/new.gpg ${keys}/moved.gpg`);
    expect(reported(await alerts())).toEqual([]);
  });

  test('what a package contains raises no alert at its installation, upgrade and removal', async () => {
    const file = join(parts, 'packaged.list');
    const build = (version: string, text: string): string =>
      buildDeb(scratch, 'e2e-sources', {
        version,
        file: `e2e-sources-${version}.deb`,
        conffiles: { [file]: text, [join(keys, 'packaged.asc')]: version },
      });
    const [first, second] = [build('1', `${line('packaged')}\n`), build('2', '# moved\n')];
    for (const command of [`-i ${first}`, `-i ${second}`, '-P e2e-sources']) {
      await sh('installer', `dpkg ${command} >/dev/null 2>&1`);
      expect(reported(await alerts())).toEqual([]);
    }
  });

  test('the source and key that the script of a package writes are one alert with the package', async () => {
    writeFileSync(join(scratch, 'vendor.gpg'), Buffer.concat([key.subarray(0, 7), Buffer.from([17])]));
    const postinst = [
      '#!/bin/sh',
      `cp ${join(scratch, 'vendor.gpg')} ${keys}/desktop.gpg`,
      `echo 'deb https://desktop.example.org/apt stable main' > ${parts}/desktop.list`,
      '',
    ].join('\n');
    await sh('installer', `dpkg -i ${buildDeb(scratch, 'e2e-desktop', { scripts: { postinst } })} >/dev/null`);
    const [alert, ...others] = await alerts();
    expect(others).toEqual([]);
    expect(alert).toMatchObject({
      rule: { id: added },
      stepparent: {
        sources: { added: ['desktop.example.org/apt stable', expect.stringMatching(/^key [0-9A-F]{40}$/)] },
        lifecycle_script: { package: 'e2e-desktop', phase: 'postinst' },
      },
    });
    expect(alert?.message).toContain('e2e-desktop.postinst');
    await sh('installer', 'dpkg -P e2e-desktop >/dev/null 2>&1');
    expect(reported(await alerts())).toEqual([]);
  });

  test('a change while the agent is not running is found at its next start', async () => {
    await agent.stop();
    rmSync(join(parts, 'offline.list'));
    appendFileSync(list, 'deb http://late.example.org/debian stable main\n');
    await agent.start();
    const found = await until('both alerts', () => {
      const fresh = agent.delivered().slice(seen);
      return fresh.some(({ rule }) => rule.id === added) && fresh.some(({ rule }) => rule.id === removed) && fresh;
    });
    expect(found.map(({ stepparent: { found: how, sources } }) => [how, sources])).toEqual([
      ['offline_diff', { added: ['late.example.org/debian stable'], lost_security: [sourceOf('offline')] }],
      ['offline_diff', { added: ['late.example.org/debian stable'], lost_security: [sourceOf('offline')] }],
    ]);
  });
});
