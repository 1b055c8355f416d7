// `npm run test:installations`: an agent with all rules on a Debian system in which real tools install, reinstall, upgrade and remove
// real packages of the archive. The system is a copy that is removed at the end: bench/debian-root.ts.
//
//   sudo npm run test:installations -- [--from N] [--minutes N] [--work] [--output DIRECTORY]
//
// --from N      begin with this entry of the list (default: 0)
// --minutes N   begin no entry after that time (default: 7)
// --work        instead of the list of packages, do the ordinary work of an administrator with package tools
// --output DIR  write what was run and found as DIR/N.json or DIR/work-N.json (default: a new directory)

import '../../agent/locked-node.ts';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { rootMissing, runInCopy } from '../../bench/debian-root.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '7' },
    work: { type: 'boolean', default: false },
    output: { type: 'string' },
  },
});

const progress = (text: string): void => void process.stderr.write(`${text}\n`);

/** The lines of sources.list for this machine's archive of Debian, with its security updates. */
function sources(): string[] {
  const format = ['indextargets', '--format', 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)'];
  const lines = execFileSync('apt-get', [...format, 'Origin: Debian', 'Created-By: Packages'], { encoding: 'utf8' });
  return [...new Set(lines.split('\n').filter(Boolean))];
}

const missing = rootMissing();
if (missing !== undefined) {
  progress(missing);
  process.exit(2);
}
const output =
  values.output === undefined ? mkdtempSync(path.join(tmpdir(), 'installations-')) : path.resolve(values.output);
mkdirSync(output, { recursive: true });
const inside = path.join(import.meta.dirname, 'install-in-copy.ts');
const system = {
  // The tools that install, and what the agent and scripts of packages call.
  packages: ['apt-utils', 'systemd', 'systemd-sysv', 'procps', 'aptitude', 'nala', 'unattended-upgrades'],
  downloaded: [],
  sources: sources(),
};
const settings = {
  from: Number(values.from),
  minutes: Number(values.minutes),
  work: values.work,
  output,
  sources: system.sources,
};
process.exitCode = await runInCopy(system, inside, [JSON.stringify(settings)], [output], progress);
progress(`results: ${output}`);
