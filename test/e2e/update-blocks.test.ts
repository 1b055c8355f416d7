// Pins of apt, excludes of dnf and locks of zypper under the real agent. What pins block is compared with the choice of the real apt.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openHost } from '../../collectors/host/host.ts';
import { parseBlocks } from '../../collectors/package-sources/update-blocks.ts';
import { findOfferedVersions } from '../../collectors/provenance/offered-versions.ts';
import { defaultAptDirectories, unpackList } from '../../collectors/provenance/run-apt.ts';
import { findBlockedUpdates } from '../../detectors/facts/apt-pins.ts';
import { bindMount } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { makeKey, type SigningKey, writeRepository } from './apt-repository.ts';
import { makeParent } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, run, testAgent, until, watchedFilesFound, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('apt-get', 'apt-cache', 'gpg', 'gpgconf'));
const noZypper = missing ?? unmet(missingTools('zypper'));
const preferences = '/etc/apt/preferences';
const parts = `${preferences}.d`;
const sources = '/etc/apt/sources.list.d';
const dnfConf = '/etc/dnf/dnf.conf';
const versionLocks = '/etc/dnf/plugins/versionlock.list';
const repositories = '/etc/yum.repos.d';
const blocked = 'security-update-blocked';
const locked = 'package-updates-locked';

const pin = (name: string, what: string, priority: number | string): string =>
  `Package: ${name}\nPin: ${what}\nPin-Priority: ${priority}\n`;
const fix = 'e2e-tool 1, stable-security has 2';

/** Preferences, and whether apt installs the update of e2e-tool with them. */
const rows: readonly [text: string, isBlocked: boolean][] = [
  ['', false],
  [pin('e2e-tool', 'release a=stable-security', -1), true],
  [pin('e2e-tool', 'release a=*-security', 1), true],
  [pin('e2e-tool', 'release stable-security', 99), true],
  [pin('e2e-tool', 'release a=stable-security', 400), true],
  [pin('e2e-tool', 'release a=stable-security', 500), false],
  [pin('e2e-tool', 'release a=stable', 900), true],
  [pin('e2e-tool', 'release a=now', 900), true],
  [pin('e2e-tool', 'version 1*', 1001), true],
  [pin('e2e-tool', 'version 1', 600), true],
  [pin('e2e-tool', 'version 2', 1001), false],
  [pin('e2e-tool', 'version 2', -1), true],
  [pin('e2e-*', 'release a=stable-security', -1), true],
  [pin('/^e2e-(tool|x)$/', 'release a=stable-security', -1), true],
  [pin('/^e2e-$/', 'release a=stable-security', -1), false],
  [pin('src:e2e-tool', 'release a=stable-security', -1), true],
  [pin('e2e-other e2e-tool', 'release a=stable-security', -1), true],
  [pin('e2e-other', 'release a=stable-security', -1), false],
  [pin('*', 'release a=stable-security', -1), true],
  [pin('*', 'release a=stable-security', 'never'), true],
  [pin('*', 'release a=stable-security', 200), true],
  [pin('*', 'release a=stable', 900), true],
  [pin('*', 'release o=Example', 50), true],
  [pin('*', 'release *', -1), true],
  [pin('*', 'release a=testing', -1), false],
  [pin('*', 'origin 127.0.0.1', 100), false],
  [pin('*', 'origin "127.0.0.1"', -1), true],
  [pin('*', 'origin vendor.example.org', 1000), false],
  [`${pin('e2e-tool', 'release a=stable-security', 500)}\n${pin('*', 'release a=stable-security', -1)}`, false],
  [`${pin('*', 'release a=stable-security', 500)}\n${pin('*', 'release a=stable-security', -1)}`, false],
  ['# comment\nExplanation: x\nPACKAGE: e2e-tool\npin: Release A=Stable-Security\nPin-priority: -1\n', true],
  [pin('e2e-tool', 'release a=stable-security', -1).replaceAll(/^/gm, '# '), false],
];

describe.skipIf(missing)(titled('what keeps updates out', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  let key: SigningKey;
  let serial = 0;
  let seen = 0;
  const server = createServer((request, response) => {
    try {
      response.end(readFileSync(join(scratch, decodeURIComponent(request.url ?? ''))));
    } catch {
      response.writeHead(404).end();
    }
  });
  const aptConf = join(scratch, 'apt.conf');
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', APT_CONFIG: aptConf };
  const deb = (name: string, version: string): string =>
    buildDeb(scratch, name, { version, scripts: {}, file: `${name}_${version}_all.deb` });
  /** The version that apt would install. */
  const candidate = async (name: string): Promise<string | undefined> =>
    /Candidate: (.*)/.exec((await run('apt-cache', ['policy', name], { env })).stdout)?.[1];
  /** Runs the lines in a session of their own, under a program of that name. */
  const sh = async (name: string, script: string): Promise<void> => {
    const ended = await run(makeParent(scratch, name), ['-ec', `${script}; exit`], { detached: true });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
  };
  /** The alerts of both rules since the last call. A source that is new shows that all earlier changes were compared. */
  const alerts = async (): Promise<AlertDocument[]> => {
    const name = `marker${serial++}.example.org/debian stable`;
    writeFileSync(join(sources, 'marker.list'), `deb http://${name} main\n`);
    const all = await until('the marker', () => {
      const documents = agent.delivered();
      return documents.some(({ stepparent }) => stepparent.sources?.added?.includes(name)) && documents;
    });
    const fresh = all.slice(seen);
    seen = all.length;
    return fresh.filter(({ rule: { id } }) => id === blocked || id === locked);
  };

  /** Waits for the alert of an update or lock, so that no other change is compared with it. */
  const raised = (text: string): Promise<unknown> =>
    until(`the alert of ${text}`, () =>
      agent
        .delivered()
        .slice(seen)
        .some(({ stepparent: { sources: fields } }) =>
          [fields?.blocked, fields?.locked].some((list) => list?.includes(text)),
        ),
    );

  beforeAll(async () => {
    enterPrivateHost(scratch);
    const etc = join(scratch, 'etc');
    await run('cp', ['-a', '/etc', etc]);
    for (const path of ['apt', 'dnf', 'yum.repos.d', 'zypp/locks'])
      rmSync(join(etc, path), { recursive: true, force: true });
    for (const path of ['apt/sources.list.d', 'apt/preferences.d', 'dnf/plugins', 'yum.repos.d', 'zypp']) {
      mkdirSync(join(etc, path), { recursive: true });
    }
    bindMount(etc, '/etc');
    writeFileSync(dnfConf, '[main]\ngpgcheck=1\nexclude=old\n');
    writeFileSync(versionLocks, '# locks\n');
    writeFileSync(join(repositories, 'u.repo'), '[u]\nbaseurl=https://rpm.example.org/u\n');
    key = makeKey(join(scratch, 'gpg'));
    for (const suite of ['stable', 'stable-security']) mkdirSync(join(scratch, suite));
    writeRepository(
      join(scratch, 'stable'),
      [deb('e2e-tool', '1'), deb('e2e-other', '1'), deb('e2e-current', '1')],
      key,
    );
    const updates = [deb('e2e-tool', '2'), deb('e2e-current', '2')];
    writeRepository(join(scratch, 'stable-security'), updates, key, 'stable-security');
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const lines = ['stable', 'stable-security'].map(
      (suite) => `deb [signed-by=${key.file}] ${site}/${suite} ${suite} main`,
    );
    writeFileSync(join(scratch, 'sources.list'), `${lines.join('\n')}\n`);
    writeFileSync(
      aptConf,
      `Dir::Etc::SourceList "${join(scratch, 'sources.list')}";\nDir::Etc::SourceParts "/none";\n` +
        'Acquire::Languages "none";\nAPT::Sandbox::User "root";\nAPT::Architectures "amd64";\n',
    );
    expect(await run('apt-get', ['update'], { env, cwd: scratch })).toMatchObject({ code: 0 });
    const installed = [deb('e2e-tool', '1'), deb('e2e-other', '1'), deb('e2e-current', '2')];
    expect(await run('dpkg', ['-i', ...installed])).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await agent.stop();
    key.close();
    server.close();
  });

  test('the real apt leaves out the updates that are found to be blocked, and no others', async () => {
    const installed = [{ name: 'e2e-tool', architecture: 'all', version: '1' }];
    const offered = await findOfferedVersions(installed, defaultAptDirectories.lists, {
      host: openHost(),
      unpack: unpackList,
    });
    expect(offered).toMatchObject({ packages: [{ name: 'e2e-tool' }], unobserved: undefined });
    for (const [text, isBlocked] of rows) {
      writeFileSync(preferences, text);
      const pins = parseBlocks(preferences, text).flatMap((block) => block.pin ?? []);
      const found = await findBlockedUpdates(pins, offered, async () => {});
      expect({
        text,
        apt: (await candidate('e2e-tool')) !== '2',
        found: found.some((one) => one.text === fix),
      }).toEqual({ text, apt: isBlocked, found: isBlocked });
    }
    rmSync(preferences);
  });

  test('pins that block no update, and what a package brings, raise no alert', async () => {
    await agent.start();
    await watchedFilesFound(agent);
    const everyday = {
      backports: pin('*', 'release a=stable-backports', 500),
      testing: pin('*', 'release a=testing', -1),
      vendor: pin('*', 'origin vendor.example.org', 1000),
      snapd: pin('snapd', 'release a=*', -10),
      current: pin('e2e-current', 'release a=stable-security', -1),
      commented: pin('e2e-tool', 'release a=stable-security', -1).replaceAll(/^/gm, '# '),
    };
    for (const [name, text] of Object.entries(everyday)) {
      writeFileSync(join(scratch, 'pin'), text);
      await sh(name, `cat ${scratch}/pin > ${parts}/${name}`);
    }
    const file = join(parts, 'packaged');
    const conffiles = { [file]: pin('e2e-tool', 'release a=stable-security', -1) };
    await sh('installer', `dpkg -i ${buildDeb(scratch, 'e2e-pins', { version: '1', conffiles })} >/dev/null`);
    expect(readFileSync(file, 'utf8')).toContain('e2e-tool');
    expect(await alerts()).toEqual([]);
    await sh('installer', 'dpkg -P e2e-pins >/dev/null 2>&1');
    expect(await alerts()).toEqual([]);
  });

  test('a pin of a package below its security update raises one alert with the writer, the update and the pin', async () => {
    writeFileSync(join(scratch, 'pin'), pin('e2e-tool', 'version 1', 1001));
    await sh('intruder', `cp ${scratch}/pin ${parts}/hidden`);
    await raised(fix);
    const [alert, ...others] = await alerts();
    expect(others).toEqual([]);
    expect(alert).toMatchObject({
      rule: { id: blocked },
      event: { severity: 47 },
      file: { path: join(parts, 'hidden') },
      process: { name: 'cp' },
      stepparent: {
        initiator: { name: 'intruder' },
        sources: { blocked: [fix], pins: ['e2e-tool version 1 1001'] },
      },
    });
    expect(alert?.message).toMatch(/intruder.* \/etc\/apt\/preferences\.d\/hidden with cp - a new pin blocks /);
    expect(alert?.message).toContain(`"${fix}"`);
  });

  test('one that moves to another file, or is removed, raises none', async () => {
    await sh('mover', `mv ${parts}/hidden ${parts}/moved`);
    expect(await alerts()).toEqual([]);
    await sh('remover', `rm ${parts}/moved`);
    expect(await alerts()).toEqual([]);
  });

  test('a pin of the whole suite raises one alert that names the suite', async () => {
    writeFileSync(join(scratch, 'pin'), pin('*', 'release a=*-security', -1));
    await sh('intruder', `cat ${scratch}/pin >> ${preferences}`);
    await raised(fix);
    const [alert, ...others] = await alerts();
    expect(others).toEqual([]);
    expect(alert?.stepparent.sources).toEqual({
      blocked: [expect.stringMatching(/^127\.0\.0\.1.* stable-security$/), fix],
      pins: ['* release a=*-security -1'],
    });
    await sh('remover', `rm ${preferences}`);
    expect(await alerts()).toEqual([]);
  });

  test('excludes and version locks of dnf are one alert each, and their removal raises no alert', async () => {
    for (const [name, script, text] of [
      ['excluding', `sed -i "s/^exclude=.*/exclude=old openssl*/" ${dnfConf}`, 'exclude openssl*'],
      ['locking', `echo "bash-0:5.1-2.*" | tee -a ${versionLocks} >/dev/null`, 'versionlock bash-0:5.1-2.*'],
      ['hiding', `echo "exclude=sudo" | tee -a ${repositories}/u.repo >/dev/null`, 'exclude sudo of u'],
    ] as const) {
      await sh(name, script);
      await raised(text);
      const [alert, ...others] = await alerts();
      expect(others).toEqual([]);
      expect(alert).toMatchObject({
        rule: { id: locked },
        event: { severity: 21 },
        stepparent: { initiator: { name }, sources: { locked: [text] } },
      });
    }
    await sh(
      'adding',
      `printf "[new]\\nbaseurl=http://k.example.org/\\nexclude=kubelet\\n" > ${repositories}/new.repo`,
    );
    expect(await alerts()).toEqual([]);
    await sh('releasing', `sed -i /^exclude=/d ${dnfConf}; sed -i /^bash/d ${versionLocks}`);
    expect(await alerts()).toEqual([]);
  });

  test.skipIf(noZypper)(titled('the real zypper adds and removes a lock', noZypper), async () => {
    await sh('suse', 'zypper --non-interactive addlock e2e-tool >/dev/null');
    await raised('zypper lock e2e-tool');
    const [alert, ...others] = await alerts();
    expect(others).toEqual([]);
    expect(alert).toMatchObject({
      rule: { id: locked },
      process: { name: 'zypper' },
      file: { path: '/etc/zypp/locks' },
      stepparent: { initiator: { name: 'suse' }, sources: { locked: ['zypper lock e2e-tool'] } },
    });
    await sh('suse', 'zypper --non-interactive removelock e2e-tool >/dev/null');
    expect(await alerts()).toEqual([]);
  });
});
