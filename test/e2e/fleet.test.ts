// Alerts of a host arrive on another one with the unchanged files in packaging/examples: systemd's programs send the journal, rsyslog
// sends alerts.ndjson. Both use TLS on a loopback address that is logs.example.org here.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { dirname, join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { journalRemoteMissing } from '../agent/journal/journal-hosts.ts';
import { type Journald, startJournald } from '../journald.ts';
import { mountOverlay } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { documents, run, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing ?? journalRemoteMissing ?? unmet(missingTools('openssl'));
const rsyslogMissing = unmet(
  missingTools('rsyslogd'),
  globSync('/usr/lib{64,/*}/rsyslog/lmnsd_gtls.so').length > 0 ? undefined : 'rsyslog-gnutls is not installed',
);
const rule = 'dpkg-package-installed-by-unusual-parent';
const examples = join(import.meta.dirname, '../../packaging/examples');
const address = '127.77.0.1';
const keys = '/etc/ssl/stepparent';
const ndjson = '/var/log/stepparent/alerts.ndjson';

/** Copies an example to the path that its first lines name. */
function installExample(example: string): void {
  const text = readFileSync(join(examples, example), 'utf8');
  const to = /^# Install as (\S+?);/m.exec(text)?.[1];
  if (to === undefined) throw new Error(`${example} does not name its path`);
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(join(examples, example), to);
}

const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: keys, stdio: 'pipe' });

/** Makes a certificate authority and its certificates for the two hosts. */
function makeCertificates(): void {
  mkdirSync(keys, { recursive: true });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-batch'];
  openssl('req', '-x509', ...key, '-subj', '/CN=test authority', '-keyout', 'ca-key.pem', '-out', 'ca.pem');
  for (const [file, name] of [
    ['host', 'web1.example.org'],
    ['logs', 'logs.example.org'],
  ] as const) {
    writeFileSync(join(keys, 'names'), `subjectAltName=DNS:${name}\n`);
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${file}-key.pem`, '-out', 'request.pem');
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-extfile', 'names'];
    openssl('x509', '-req', '-in', 'request.pem', ...signed, '-out', `${file}.pem`);
  }
}

const children = new Set<ChildProcess>();
/** Starts a server; the end of this process ends it at the latest. */
function start(program: string, ...args: string[]): ChildProcess {
  const child = spawn(program, args, { stdio: 'ignore' });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}
function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

describe.skipIf(missing)(titled('a fleet', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, 'directories.logs = "/var/log/stepparent"\n[alerts]\njournald = true\n');
  let journald: Journald;
  let deb: string;
  let lines = 0;

  const written = (): StepparentEvent[] =>
    [`${ndjson}.2`, `${ndjson}.1`, ndjson].flatMap((file) =>
      existsSync(file) ? documents<StepparentEvent>(readFileSync(file, 'utf8')) : [],
    );
  const idOf = (alert: StepparentEvent): string => alert.stepparent.alert?.id ?? '';
  /** Raises an alert and returns it once it is in the file. */
  const raiseAlert = async (...args: string[]): Promise<StepparentEvent> => {
    const parent = makeParent(scratch, `installer-${lines}`);
    await runBy(parent, ['dpkg', '-i', deb, ...args]);
    lines++;
    const all = await until('the line in the file', () => written().length >= lines && written());
    return all.at(-1) as StepparentEvent;
  };

  beforeAll(async () => {
    enterPrivateHost(scratch);
    journald = await startJournald();
    for (const directory of ['upper', 'work']) mkdirSync(join(scratch, directory));
    mountOverlay('/etc', join(scratch, 'upper'), join(scratch, 'work'));
    appendFileSync('/etc/hosts', `\n${address} logs.example.org\n`);
    makeCertificates();
    for (const file of ['journal-upload.conf', 'journal-remote.conf']) installExample(`systemd-journal/${file}`);
    deb = buildDeb(scratch, 'e2e-fleet');
    await agent.start();
  });
  afterAll(async () => {
    await agent.stop();
    await journald?.stop();
  });

  test('systemd-journal-upload and systemd-journal-remote deliver an alert with its fields to the other host', async () => {
    const alert = await raiseAlert();
    await until('the entry in the journal', () => journald.read(`STEPPARENT_ALERT_ID=${idOf(alert)}`).length > 0);
    const gathered = '/var/log/journal/remote';
    mkdirSync(gathered, { recursive: true });
    const remote = start(
      '/lib/systemd/systemd-journal-remote',
      `--listen-https=${address}:19532`,
      `--output=${gathered}`,
    );
    const upload = () => run('/lib/systemd/systemd-journal-upload', ['--follow=no', `--save-state=${scratch}/upload`]);
    // The upload fails until the server listens.
    await until('the upload', async () => (await upload()).code === 0);
    // docs/fleet.md describes this: a build without GnuTLS, such as Debian's, asks for no certificate; others reject unknown clients.
    const { stdout: features } = await run('systemctl', ['--version']);
    expect(await acceptsUnknownClient()).toBe(!features.includes('+GNUTLS'));
    await end(remote);

    // The file is named after the client's address or its certificate.
    expect(readdirSync(gathered)).toEqual([
      expect.stringMatching(/^remote-(?:127\.0\.0\.1|CN=web1\.example\.org)\.journal$/),
    ]);
    const { stdout } = await run('journalctl', [
      `--directory=${gathered}`,
      '--output=json',
      '--all',
      `STEPPARENT_RULE=${rule}`,
    ]);
    expect(documents(stdout)).toMatchObject([
      {
        MESSAGE: alert.message,
        SYSLOG_IDENTIFIER: 'stepparent',
        STEPPARENT_ALERT_ID: idOf(alert),
        STEPPARENT_AGENT_ID: alert.agent.id,
        STEPPARENT_EXECUTABLE: '/usr/bin/dpkg',
        STEPPARENT_PARENT_EXECUTABLE: alert.process?.parent?.executable,
        STEPPARENT_TECHNIQUE: expect.arrayContaining(['T1546.016']),
        _UID: '0',
      },
    ]);
    const hunt = await agent.cli('hunt', '--journal', gathered, '--json', 'alerts-on-few-hosts');
    expect(hunt).toMatchObject({ code: 0, stderr: '' });
    expect(documents(hunt.stdout)).toMatchObject([
      { 'rule.id': rule, 'process.executable': '/usr/bin/dpkg', hosts: 1 },
    ]);
  });

  test.skipIf(rsyslogMissing)(
    titled('rsyslog delivers each line once, also long ones and over rotations by rename', rsyslogMissing),
    async () => {
      const received = await openReceiver();
      installExample('rsyslog/stepparent.conf');
      const main = join(scratch, 'rsyslog.conf');
      const spool = join(scratch, 'spool');
      mkdirSync(spool);
      writeFileSync(main, `global(workDirectory="${spool}")\ninclude(file="/etc/rsyslog.d/10-stepparent.conf")\n`);
      expect(await run('rsyslogd', ['-N1', '-f', main])).toMatchObject({ code: 0 });
      const startRsyslog = () => start('rsyslogd', '-n', '-f', main, '-i', join(scratch, 'rsyslog.pid'));
      const rotate = () => {
        if (existsSync(`${ndjson}.1`)) renameSync(`${ndjson}.1`, `${ndjson}.2`);
        renameSync(ndjson, `${ndjson}.1`);
      };
      const all = () => until('all lines', () => received.lines.length >= lines && received.lines);

      let rsyslog = startRsyslog();
      await raiseAlert();
      rotate();
      await raiseAlert();
      await raiseAlert(...Array.from({ length: 3 }, () => `${'y'.repeat(100_000)}.deb`));
      await all();
      await end(rsyslog);
      // A rotation while rsyslog does not run.
      await raiseAlert();
      rotate();
      await raiseAlert();
      rsyslog = startRsyslog();
      await raiseAlert();
      await all();
      await end(rsyslog);
      await received.close();

      const ids = received.lines.map((line) => idOf(JSON.parse(line)));
      expect(ids.toSorted()).toEqual(written().map(idOf).toSorted());
      expect(received.lines.map((line) => JSON.parse(line)).toSorted(byId)).toEqual(written().toSorted(byId));
      // Longer than rsyslog's default limit of 8 KiB.
      expect(Math.max(...received.lines.map((line) => line.length))).toBeGreaterThan(8192);
      expect(received.peers).toEqual(new Set(['web1.example.org']));
    },
  );

  test('the export unit writes the stored events into one complete file', async () => {
    const unit = readFileSync(join(examples, 'events/stepparent-export.service'), 'utf8');
    const [before, command, after] = ['ExecStartPre', 'ExecStart', 'ExecStartPost'].map(
      (name) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1],
    );
    const bin = join(scratch, 'bin');
    mkdirSync(bin);
    const main = join(import.meta.dirname, '../../agent/main.ts');
    const program = `#!/bin/sh\nexec ${process.execPath} ${main} "$@" --config ${agent.config}\n`;
    writeFileSync(join(bin, 'stepparent'), program, { mode: 0o755 });
    const stored = await agent.events();
    for (const line of [before, command, after]) {
      // In a unit a percent sign is doubled; quotes are as in a shell.
      const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
      expect(await run('sh', ['-c', String(line).replaceAll('%%', '%')], { env })).toMatchObject({
        code: 0,
        stderr: '',
      });
    }
    const directory = '/var/log/stepparent/export';
    const [file, ...more] = readdirSync(directory);
    expect([file, more]).toEqual([expect.stringMatching(/^\d+\.ndjson$/), []]);
    expect(documents(readFileSync(join(directory, file ?? ''), 'utf8')).slice(0, stored.length)).toEqual(stored);
    expect(stored.length).toBeGreaterThan(0);
  });

  const byId = (a: StepparentEvent, b: StepparentEvent): number => (idOf(a) < idOf(b) ? -1 : 1);
});

/** Whether systemd-journal-remote accepts an entry from a client without a certificate. */
function acceptsUnknownClient(): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { 'Content-Type': 'application/vnd.fdo.journal', 'Transfer-Encoding': 'chunked' };
    const ca = readFileSync(join(keys, 'ca.pem'));
    const options = { method: 'POST', headers, ca, host: address, port: 19532, servername: 'logs.example.org' };
    const asked = request({ ...options, path: '/upload' }, (response) => {
      response.resume();
      resolve(response.statusCode === 202);
    });
    asked.once('error', () => resolve(false));
    const boot = '0'.repeat(31);
    asked.end(`__REALTIME_TIMESTAMP=1775822400000000\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID=${boot}1\nMESSAGE=forged\n\n`);
  });
}

/** A syslog server over TLS (RFC 5425). `lines` are the texts of the messages, `peers` the names in the clients' certificates. */
async function openReceiver(): Promise<{ lines: string[]; peers: Set<string>; close(): Promise<void> }> {
  const lines: string[] = [];
  const peers = new Set<string>();
  const pem = (file: string) => readFileSync(join(keys, file));
  const server: Server = createServer(
    { key: pem('logs-key.pem'), cert: pem('logs.pem'), ca: pem('ca.pem'), requestCert: true, rejectUnauthorized: true },
    (socket) => {
      peers.add(String(socket.getPeerCertificate().subject.CN));
      let rest = Buffer.alloc(0);
      socket.on('error', () => {});
      socket.on('data', (data) => {
        rest = Buffer.concat([rest, data]);
        for (;;) {
          const space = rest.indexOf(' ');
          const length = Number(rest.subarray(0, space).toString());
          if (space < 0 || rest.length < space + 1 + length) return;
          const message = rest.subarray(space + 1, space + 1 + length).toString();
          rest = rest.subarray(space + 1 + length);
          lines.push(message.slice(message.indexOf('{')));
        }
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(6514, address, resolve));
  return { lines, peers, close: () => new Promise((resolve) => server.close(() => resolve())) };
}
