// Which processes count as package tools: this process stands for the tool in each case: genuine, copied, too late, and with another program.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Answer, ask, known } from '../../../collectors/answer.ts';
import { openHost } from '../../../collectors/host/host.ts';
import { openPackageTools } from '../../../collectors/packages/package-tools.ts';
import { inspectProcess, readHostNamespaces } from '../../../collectors/proc/inspect-process.ts';
import type {
  ExecSnapshot,
  Image,
  ProcessEntry,
  ProcessSnapshot,
  RecognizedProgram,
} from '../../../collectors/process/process.ts';
import { entryOf, imageOf } from '../../detectors/observed-exec.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';
import { inChroot, inContainer } from '../proc-double.ts';

/** The program of this process, which certainly runs. It stands for dpkg. */
const program = fs.readlinkSync('/proc/self/exe');
const name = path.basename(program);
const host = openHost();
const details = inspectProcess(host, readHostNamespaces(host.proc), process.pid);

function open(
  { owned, answer = known(owned) }: { owned?: boolean | undefined; answer?: Answer<boolean> } = { owned: true },
) {
  const asked: string[] = [];
  const tools = openPackageTools({
    host,
    programs: [],
    tools: [{ path: program, package: 'node' }],
    owns(file, packageNames) {
      asked.push(`${file} ${packageNames.join(' ')}`);
      return answer;
    },
    inspect: () => {},
  });
  return { tools, asked };
}

function runs(filename: string, image: Partial<Image> = {}, entry: Partial<ProcessEntry> = {}): ProcessSnapshot {
  const whole = imageOf(filename, image);
  const at = entryOf(process.pid, whole, { details, detailsImage: whole, inspectedImage: whole, ...entry });
  return { entry: at, image: whole };
}

const execOf = (process: ProcessSnapshot): ExecSnapshot =>
  ({ ...process, ancestors: [], timeNs: 1e9, lifecycle: undefined, transaction: undefined }) as unknown as ExecSnapshot;

const file = (text: string, base = name): string => {
  const made = path.join(fs.realpathSync(temporaryDirectory()), base);
  fs.writeFileSync(made, text, { mode: 0o755 });
  return made;
};

describe('a process is', () => {
  test('genuine if it runs the file and the package owns it', () => {
    const { tools, asked } = open();
    expect(tools.genuineProcess(runs(program))).toBe(true);
    expect(asked).toEqual([`${program} node`]);
  });

  test.each([false, undefined])('as the package database answers: %s', (owned) => {
    expect(open({ owned }).tools.genuineProcess(runs(program))).toBe(owned);
  });

  test('not checked if it has another name', () => {
    expect(open().tools.genuineProcess(runs(file('x', 'other')))).toBe(undefined);
  });

  test('not genuine if another file has the name', () => {
    const gone = runs(file('x'), {}, { pid: 4_194_304 });
    expect(open().tools.genuineProcess(gone)).toBe(false);
  });

  test('not known if it was executed by a link to the tool', () => {
    const link = path.join(temporaryDirectory(), name);
    fs.symlinkSync(program, link);
    // The process runs the tool, but not by its own name.
    expect(open().tools.genuineProcess(runs(link))).toBe(undefined);
  });

  test('not known if another path has the name but the tool is mapped', () => {
    expect(open().tools.genuineProcess(runs(file('x')))).toBe(undefined);
  });

  const copyOf = (file: string, change: Partial<RecognizedProgram> = {}): RecognizedProgram => ({
    path: file,
    paths: new Set([file]),
    basis: 'build_id',
    ...change,
  });

  test.each<[string, RecognizedProgram, genuine: boolean | undefined]>([
    ['a copy of the tool', copyOf(program), false],
    ['a script with the hash of the tool', copyOf(program, { basis: 'sha256' }), false],
    ['a file of another place that is the tool', copyOf(`/other/${name}`), false],
    ['the same file under another name', copyOf(program, { basis: 'same_file' }), undefined],
    ['a copy of a program that is not listed', copyOf('/usr/bin/dash'), undefined],
  ])('under another name, %s', (_, recognized, genuine) => {
    const elsewhere = file('x', 'updater');
    expect(open().tools.genuineProcess(runs(elsewhere, { program: recognized }))).toBe(genuine);
    // The process has ended: what it ran is known.
    expect(open().tools.genuineProcess(runs(elsewhere, { program: recognized }, { ended: true }))).toBe(genuine);
  });

  test('genuine at its own path, although its content was recognized', () => {
    expect(open().tools.genuineProcess(runs(program, { program: copyOf(program) }))).toBe(true);
  });

  test('not known as a copy in a container', () => {
    const inside = { details: details && { ...details, place: inContainer } };
    expect(open().tools.genuineProcess(runs('/opt/updater', { program: copyOf(program) }, inside))).toBe(undefined);
  });

  test('not genuine if it runs a copy of the tool, for its children either', () => {
    const { tools } = open();
    expect(tools.isGenuine(runs(file('x', 'updater'), { program: copyOf(program) }), program)).toBe(false);
  });

  test.each<[string, Partial<ProcessEntry>]>([
    ['process_exited', { ended: true }],
    ['it was not read', { details: undefined }],
    ['it is in a container', { details: details && { ...details, place: inContainer } }],
    ['it is in a chroot', { details: details && { ...details, place: inChroot } }],
  ])('not known: %s', (_, change) => {
    expect(open().tools.genuineProcess(runs(program, {}, change))).toBe(undefined);
    expect(open().tools.genuineProcess(runs(file('x'), {}, { ...change, pid: 4_194_304 }))).toBe(
      change.ended ? false : undefined,
    );
  });

  test('not known if the file was gone before the check', () => {
    expect(open().tools.genuineProcess(runs('/no/such/directory/'.concat(name)))).toBe(undefined);
  });
});

describe('a record of the entry probe', () => {
  test('is certain even if the process has ended', () => {
    expect(open().tools.genuineProcess(runs('/tmp/x', { probedImage: program }, { ended: true }))).toBe(true);
  });

  test('does not replace the question for the owner', () => {
    expect(open({ owned: false }).tools.genuineProcess(runs('/tmp/x', { probedImage: program }))).toBe(false);
  });

  test('corrects an earlier check without result', () => {
    const { tools } = open();
    const process = runs(program, {}, { ended: true });
    expect(tools.genuineProcess(process)).toBe(undefined);
    if (process.image) process.image.probedImage = program;
    expect(tools.genuineProcess(process)).toBe(true);
  });
});

test('a result remains after the process has ended', () => {
  const { tools, asked } = open();
  const process = runs(program);
  tools.notice(execOf(process));
  process.entry.ended = true;
  expect(tools.genuineProcess(process)).toBe(true);
  expect(asked).toHaveLength(1);
});

describe('an ancestor of the table of origins', () => {
  const verifiedOf = (parent: ProcessSnapshot, owned: boolean | undefined, atFork = parent.image) => {
    const tools = openPackageTools({
      host,
      programs: [],
      tools: [],
      origins: [{ path: program, package: 'node' }],
      owns: () => known(owned),
      inspect: () => {},
    });
    const child = imageOf('/usr/bin/env');
    const entry = entryOf(4_000_000, child, { parent: parent.entry, parentImageAtFork: atFork });
    const exec = { ...execOf({ entry, image: child }), ancestors: [parent] };
    const { fields, verified } = tools.genuine(exec, { session_leader: parent })();
    // The fields on package tools say nothing of it.
    expect(fields).toEqual({});
    return verified.get(0);
  };
  test.each<[string, boolean | undefined, ProcessSnapshot, owned: boolean | undefined]>([
    ['is verified', true, runs(program), true],
    ['that no package owns is neither', undefined, runs(program), false],
    ['whose owner is not known is neither', undefined, runs(program), undefined],
    ['that has ended is neither', undefined, runs(program, {}, { ended: true }), true],
    ['of another path is neither', undefined, runs('/usr/bin/other'), true],
    ['is neither in a container', undefined, inAContainer(), true],
  ])('%s: %s', (_, expected, parent, owned) => {
    expect(verifiedOf(parent, owned)).toBe(expected);
  });

  test('is neither if it has executed another program since it forked', () => {
    expect(verifiedOf(runs(program), true, imageOf('/tmp/x'))).toBe(undefined);
  });

  function inAContainer(): ProcessSnapshot {
    return runs(program, {}, details === undefined ? {} : { details: { ...details, place: inContainer } });
  }
});

describe('an owner whose query is running', () => {
  const asking = () => {
    const { promise, resolve } = Promise.withResolvers<boolean | undefined>();
    return { ...open({ answer: ask(promise) }), resolve };
  };

  test.each([true, false, undefined])('is not known until the answer comes: %s', async (owned) => {
    const { tools, resolve } = asking();
    const exec = execOf(runs(program));
    const pending = tools.notice(exec);
    const round = tools.genuine(exec, {});
    expect(pending).toBeDefined();
    expect(tools.genuineProcess(exec)).toBe(undefined);
    expect(tools.isGenuine(exec, program)).toBe(false);
    expect(round()).toMatchObject({ fields: {}, inferred: {} });
    resolve(owned);
    await pending;
    expect(tools.notice(exec)).toBe(undefined);
    expect(tools.genuineProcess(exec)).toBe(owned);
    expect(tools.isGenuine(exec, program)).toBe(owned === true);
    expect(round().fields).toEqual(owned === undefined ? {} : { process: owned });
  });

  test('of an ancestor is waited for', async () => {
    const { tools, resolve } = asking();
    const parent = runs(program);
    const child = imageOf('/usr/bin/env');
    const exec: ExecSnapshot = {
      ...execOf({
        entry: entryOf(4_000_000, child, { parent: parent.entry, parentImageAtFork: parent.image }),
        image: child,
      }),
      ancestors: [parent],
    };
    const pending = tools.notice(exec);
    expect(pending).toBeDefined();
    resolve(true);
    await pending;
    expect(tools.genuine(exec, {})().fields).toEqual({ parent: true });
  });
});

test('the owners of all listed programs are queried at the start', () => {
  const { tools, asked } = open();
  tools.askOwners();
  expect(asked).toEqual([`${program} node`]);
});

test('isGenuine accepts only the program that it is asked for', () => {
  const { tools } = open();
  expect(tools.isGenuine(runs(program), program)).toBe(true);
  expect(tools.isGenuine(runs(program), '/usr/bin/other')).toBe(false);
});

describe('for an exec', () => {
  /** A script, forked by `parent` through `between`. */
  function below(parent: ProcessSnapshot, faceAtFork: Image | undefined = parent.image, between = 0) {
    let above = parent;
    for (let i = 0; i <= between; i++) {
      const image = imageOf(`/tmp/${i}`);
      const entry = entryOf(4_000_000 + i, image, {
        parent: above.entry,
        parentImageAtFork: i === 0 ? faceAtFork : above.image,
      });
      above = { entry, image };
    }
    const ancestors: ProcessSnapshot[] = [];
    for (let current = above.entry.parent; current; current = current.parent)
      ancestors.push({ entry: current, image: current.image });
    return { ...above, ancestors, timeNs: 1e9, lifecycle: undefined, transaction: undefined } as ExecSnapshot;
  }

  test('the parent is checked', () => {
    const { tools } = open();
    expect(tools.genuine(below(runs(program)), {})().fields).toEqual({ parent: true });
    expect(tools.genuine(below(runs(file('x'), {}, { pid: 4_194_304 })), {})().fields).toEqual({ parent: false });
  });

  test('a parent that executed the tool after the fork is not known', () => {
    expect(open().tools.genuine(below(runs(program), imageOf('/tmp/evil')), {})().fields).toEqual({});
  });

  test('leaders among the ancestors are checked', () => {
    const dpkg = runs(program);
    const { fields } = open().tools.genuine(below(dpkg, dpkg.image, 2), { session_leader: dpkg, group_leader: dpkg })();
    expect(fields).toEqual({ session_leader: true, group_leader: true });
  });

  test('a leader that is no ancestor, or executed the tool later, is not known', () => {
    const dpkg = runs(program);
    const { tools } = open();
    expect(tools.genuine(below(runs('/tmp/evil')), { session_leader: dpkg })().fields).toEqual({});
    expect(tools.genuine(below(dpkg, imageOf('/tmp/evil'), 2), { session_leader: dpkg })().fields).toEqual({});
  });

  test('the process itself is checked as its own leader', () => {
    const exec = execOf(runs(program));
    expect(open().tools.genuine(exec, { group_leader: exec })().fields).toEqual({ process: true, group_leader: true });
  });
});
