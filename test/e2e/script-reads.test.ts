// Interpreters that get the content of a maintainer script without its name among their arguments raise an alert. People and tools that
// read scripts as data raise none.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { copyOf, makeParent } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, collectEvents, run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('bash', 'python3', 'perl', 'awk', 'tar'));
/** Why a command that begins with one of these tools cannot run here. */
const lacks = (command: string): string | undefined => {
  const tool = /^(?:less|vim|debsums|rsync|aide)\b/.exec(command)?.[0];
  return tool === undefined ? undefined : unmet(missingTools(tool));
};
const rule = 'maintainer-script-read-by-interpreter';
const info = '/var/lib/dpkg/info';
const script = `${info}/e2e-read.postinst`;
const python = '/usr/bin/python3';
/** Each run appends a line. */
const text = (ran: string) => `#!/bin/sh\nset -e\necho ran here >>${ran}\n/bin/mkdir -p ${ran}.d\n`;

/** Commands that run the script, and how its content comes to the interpreter. */
const runs: Readonly<Record<string, [command: string, by: string, shell?: 'bash']>> = {
  sourced: [`sh -c '. ${script}; :'`, 'interpreter'],
  'sourced by the shell itself': [`. ${script}`, 'interpreter'],
  'sourced in a subshell': [`(. ${script}); :`, 'interpreter'],
  'as the input of a shell': [`sh <${script}`, 'interpreter'],
  'as the input of a shell with arguments': [`sh -s configure <${script}`, 'interpreter'],
  'piped into a shell': [`cat ${script} | sh`, 'pipe'],
  'changed and piped': [`sed s/x/x/ ${script} | sh`, 'pipe'],
  'piped through two programs': [`tail -n +2 ${script} | tee /dev/null | sh -e`, 'pipe'],
  'piped into a shell of another session': [`cat ${script} | setsid sh`, 'pipe'],
  'encoded, decoded and piped': [`base64 ${script} | base64 -d | sh`, 'pipe'],
  'from a command into a shell': [`cat <${script} | sh`, 'pipe'],
  'substituted into the code of a shell': [`sh -c "$(cat ${script})"`, 'substitution'],
  'evaluated by the shell itself': [`eval "$(cat ${script})"`, 'substitution'],
  'as a process substitution': [`bash <(cat ${script})`, 'pipe', 'bash'],
  'source in bash': [`source ${script}`, 'interpreter', 'bash'],
  'os.system of python': [`${python} -c 'import os; os.system(open("${script}").read())'`, 'interpreter'],
  'exec of python': [`${python} -c 'import os; exec("os.system(open(\\"${script}\\").read())")'`, 'interpreter'],
  'system of perl': [`perl -e 'open F, "${script}"; system join "", <F>'`, 'interpreter'],
  'by a hard link': [
    `ln ${script} /var/lib/dpkg/e2e-hard; sh -c '. /var/lib/dpkg/e2e-hard; :'; rm /var/lib/dpkg/e2e-hard`,
    'interpreter',
  ],
  'mapped by python': [
    `${python} -c 'import mmap, os; f = os.open("${script}", 0); os.system(mmap.mmap(f, 0, prot=1)[:])'`,
    'interpreter',
  ],
};

/** Commands that only read it. The script must not run. */
const reads: Readonly<Record<string, string>> = {
  cat: `cat ${script}`,
  'cat into a file': `cat ${script} >copy`,
  'cat into another program': `cat ${script} | wc -l`,
  less: `less -FX ${script} | head -n 1`,
  head: `head -n 2 ${script}`,
  'grep -r': `grep -r useradd ${info} || :`,
  'grep -r into a pipe': `grep -r echo ${info} | sort | uniq -c | head`,
  'grep -l into xargs': `grep -l echo ${info}/*.postinst | xargs ls -l`,
  vim: `vim -es -c 'g/echo/p' -c q ${script} || :`,
  tar: `tar -cf scripts.tar ${info}`,
  'tar into a pipe': `tar -c ${info} | gzip >scripts.tar.gz`,
  rsync: `rsync -a ${info}/ backup/`,
  cp: `cp ${script} copy2`,
  debsums: `debsums -a e2e-read || :`,
  aide: `aide --config=aide.conf --init`,
  'dpkg --verify': `dpkg --verify e2e-read`,
  'dpkg-query --control-show': `dpkg-query --control-show e2e-read postinst`,
  'a count that a shell takes': `n=$(grep -c echo ${script}); [ "$n" -gt 0 ] && echo "$n"`,
  'the whole text that a shell takes': `x=$(cat ${script}); [ -n "$x" ] && echo "$x" | wc -c`,
  'a redirected program': `wc -l <${script}; md5sum <${script} | cut -c1-8`,
  'a redirected program in the place of a shell': `sh -c 'wc -l <${script}'`,
  'checks like those of lintian': `for f in ${info}/*.postinst; do grep -q 'set -e' "$f" && head -n 1 "$f" | grep -q '^#!'; done`,
  'code that reads a pipe': `cat ${script} | ${python} -c 'import sys; print(len(sys.stdin.read()))'`,
  awk: `awk '/echo/ {print $1}' ${script}`,
  diff: `diff ${script} ${script}`,
};

describe.skipIf(missing)(titled('reads of maintainer scripts', missing), () => {
  const scratch = scratchDirectory();
  const work = join(scratch, 'work');
  const ran = join(scratch, 'ran');
  const agent = testAgent(
    scratch,
    `${withAllRules}directories.package_databases = ${JSON.stringify([info, '/var/lib/dpkg', '/var/lib/dpkg/triggers'])}\n`,
  );
  const collected = collectEvents(agent, info);
  const parents = new Map<string, string>();
  let alerts: AlertDocument[] = [];
  let events: StepparentEvent[] = [];

  /** Runs the command in a shell with a path of its own, whose parent has one, too: the rule reports once for each parent. */
  const enact = async (name: string, command: string, shell: 'dash' | 'bash' = 'dash'): Promise<void> => {
    const program = copyOf(scratch, `/bin/${shell}`, shell);
    const parent = makeParent(scratch, 'parent');
    parents.set(name, parent);
    const { code, stderr } = await run(parent, ['-c', '"$@"; exit $?', 'parent', program, '-c', `${command}\n:`], {
      cwd: work,
      detached: true,
      env: { ...process.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    });
    if (code !== 0) throw new Error(`${name}: ${stderr}`);
  };
  const runCount = (): number => (existsSync(ran) ? readFileSync(ran, 'utf8').split('\n').length - 1 : 0);
  /** The alerts of a command, by the parent of its shell. */
  const ofParent = (name: string): AlertDocument[] =>
    alerts.filter(
      ({ rule: { id }, stepparent: { lineage = [] } }) =>
        id === rule && lineage.some(({ executable }) => executable === parents.get(name)),
    );

  beforeAll(async () => {
    enterPrivateHost(scratch);
    mkdirSync(work);
    mkdirSync(join(work, 'backup'));
    writeFileSync(
      join(work, 'aide.conf'),
      `database_out=file:${join(work, 'aide.db')}\ngzip_dbout=no\n${info} p+i+n+u+g+s+sha256\n`,
    );
    await agent.start();
    const scripts = { preinst: '#!/bin/sh\n:\n', postinst: text(ran), prerm: '#!/bin/sh\n:\n' };
    const deb = buildDeb(scratch, 'e2e-read', { scripts });
    expect(await run('dpkg', ['-i', deb])).toMatchObject({ code: 0 });
    // A reinstallation replaces the watched files.
    expect(await run('dpkg', ['-i', deb])).toMatchObject({ code: 0 });
    await collected();
    const installed = runCount();
    for (const [name, command] of Object.entries(reads)) if (!lacks(command)) await enact(name, command);
    expect(runCount()).toBe(installed);
    for (const [name, [command, , shell]] of Object.entries(runs)) {
      const before = runCount();
      await enact(name, command, shell);
      expect([name, runCount()]).toEqual([name, before + 1]);
    }
    // The last command that is decided, and the events of all before it.
    await until('the last read', async () => {
      alerts = await agent.alerts();
      return ofParent(Object.keys(runs).at(-1) ?? '').length > 0;
    });
    events = await collected();
    alerts = await agent.alerts();
  });
  afterAll(() => agent.stop());

  test.each(Object.entries(runs))('raise an alert: %s', (name, [, by]) => {
    const [alert, ...more] = ofParent(name);
    expect(more).toEqual([]);
    expect(alert?.stepparent.read?.by).toBe(by);
    expect(alert).toMatchObject({
      event: { category: ['file'], type: ['access'], action: 'script-read' },
      file: { path: script },
      stepparent: { script: { package: 'e2e-read', phase: 'postinst', sha256: expect.any(String) } },
    });
  });

  describe.each(Object.entries(reads))('raise none', (name, command) => {
    test.skipIf(lacks(command))(titled(name, lacks(command)), () => {
      expect(ofParent(name)).toEqual([]);
    });
  });

  test('raise none by dpkg, the agent and its commands', async () => {
    await agent.cli('scripts', 'list', 'e2e-read');
    await agent.cli('query', `SELECT sha256 FROM hash WHERE path = '${script}'`);
    await collected();
    const enacted = new Set(parents.values());
    const others = (await agent.alerts()).filter(
      ({ rule: { id }, stepparent: { lineage = [] } }) =>
        id === rule && !lineage.some(({ executable }) => enacted.has(executable ?? '')),
    );
    expect(others).toEqual([]);
    expect(events.filter(({ event }) => event.action === 'script-read').length).toBe(Object.keys(runs).length);
  });

  test('are counted in the status', async () => {
    const { script_reads } = await agent.status();
    expect(script_reads).toMatchObject({ rejected: 0, lost: 0, dropped: 0 });
    expect(script_reads.files).toBeGreaterThanOrEqual(
      readdirSync(info).filter((name) => name.startsWith('e2e-read.p')).length,
    );
    expect(script_reads.accesses).toBeGreaterThan(Object.keys(reads).length);
    expect(script_reads.reads).toBeGreaterThanOrEqual(Object.keys(runs).length);
  });

  test('a line in the file triggers raises an alert', async () => {
    const triggers = '/var/lib/dpkg/triggers/File';
    const shell = makeParent(scratch, 'dash');
    await run(shell, ['-c', `echo "/opt e2e-read/noawait" >>${triggers}; :`]);
    const alert = await until('the alert', async () =>
      (await agent.alerts()).find(({ file }) => file?.path === triggers),
    );
    expect(alert).toMatchObject({
      rule: { id: 'dpkg-database-changed-by-other-program' },
      process: { executable: shell },
    });
  });
});
