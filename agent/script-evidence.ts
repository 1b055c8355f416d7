// Keeps every script of a package that comes, changes or runs, and says of each event whether its package had it before.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ScriptFields, StepparentEvent } from '../collectors/event.ts';
import { openInstalledVersions } from '../collectors/installed-versions.ts';
import { readBootNs } from '../collectors/libc.ts';
import { describeFileChange } from '../collectors/packagedb/file-event.ts';
import { type FileContent, maxHashedBytes, openWitness, Unhashed } from '../collectors/packagedb/file-witness.ts';
import {
  isControlFile,
  maxScriptBytes,
  packageName,
  parseControl,
  rpmPackage,
  scriptOfFile,
} from '../collectors/packagedb/script-file.ts';
import type { HostContext, ObservedExec } from '../collectors/process-event.ts';
import type { ProcessTable } from '../collectors/process-table.ts';
import { findingsOf } from '../detectors/facts/script-findings.ts';
import { unifiedDiff } from '../detectors/facts/unified-diff.ts';
import type { PastScript, ScriptOrigin, Scripts, SeenScript } from '../storage/scripts.ts';

interface ScriptEvidenceParts {
  /** The store in use: another one takes its place when it breaks. */
  store(): Scripts;
  table: ProcessTable;
  context: HostContext;
  takeFile(event: StepparentEvent): void;
  takeExec(exec: ObservedExec): void;
  onFault(what: string, error?: unknown): void;
  /** dpkg's administrative folder; another one in tests. */
  folder?: string;
}

export interface ScriptEvidence {
  /** Reads what is installed: to be awaited before the first event. */
  prepare(): Promise<void>;
  /** Every file event of a package database comes by here. */
  file(event: StepparentEvent, content: FileContent | undefined): void;
  /** And so does every exec. */
  exec(exec: ObservedExec): void;
  /** Takes down the scripts that are there, slowly, unless that was done. Resolves when it is done. */
  takeBaseline(): Promise<void>;
  stop(): void;
}

const dpkg = '/usr/bin/dpkg';
/** Actions after which a file has other content. */
const writes: ReadonlySet<string> = new Set(['creation', 'rename', 'modification']);
const maxDiffChars = 4096;
/** A script may run before the event of its file is told. */
const holdMs = 500;
const maxHeld = 256;
const baselineScripts = 8;
const baselinePauseMs = 50;
/** dpkg rewrites its status file now and then while it works, and at its end. */
const refreshAfterMs = 2000;
/** An unpacked package is in the status file after that. */
const unpackedMs = 10_000;
const maxUnpacked = 10_000;
const unsure = 'dpkg may be at work on the package, and which version it has by now was not seen';

/** What is being unpacked in tmp.ci. */
interface Unpacking {
  control: { package: string; version: string } | undefined;
  /** Scripts that came before their control file. */
  waiting: SeenScript[];
}

interface Circumstances {
  /** Of the package, where that was seen. */
  version?: string | undefined;
  origin: ScriptOrigin;
  /** It was not put there by dpkg's own installation; undefined: that is not known. */
  outside?: boolean | undefined;
  /** It is where dpkg keeps the scripts of what is installed: only there the content of a version can differ. */
  inPlace: boolean;
  /** The file's change time, in milliseconds since 1970. */
  ctimeMs: number;
}

/**
 * `seen`: what this version has had in this place. `outside`: it was not put there by dpkg's own installation. What was
 * once another one than its version's stays so.
 */
export function stateOfScript(
  sha256: string,
  seen: readonly Pick<PastScript, 'sha256' | 'state'>[],
  outside: boolean,
): 'known' | 'first' | 'changed' {
  const before = seen.find((one) => one.sha256 === sha256);
  if (before !== undefined) return before.state === 'changed' ? 'changed' : 'known';
  return seen.length > 0 || outside ? 'changed' : 'first';
}

export function openScriptEvidence(parts: ScriptEvidenceParts): ScriptEvidence {
  const { store, context, table, folder = '/var/lib/dpkg' } = parts;
  const installed = openInstalledVersions(folder);
  const startedMs = Date.now();
  let stopped = false;

  // -- What dpkg unpacks, before its status file has it.
  let unpacking: Unpacking = { control: undefined, waiting: [] };
  /** By package: the latest that was unpacked; `untilMs`: the latest change time of the scripts that were seen to come of it. */
  const unpacked = new Map<string, { version: string; atMs: number; untilMs: number }>();
  const versionOf = (name: string): string | undefined =>
    unpacked.get(packageName(name))?.version ?? installed.versionOf(name);
  const noteUnpacked = (control: { package: string; version: string }): void => {
    unpacking.control = control;
    if (unpacked.size >= maxUnpacked) unpacked.clear();
    unpacked.set(control.package, { version: control.version, atMs: Date.now(), untilMs: 0 });
    save(unpacking.waiting.splice(0).map((script) => ({ ...script, ...control })));
  };
  const newUnpacking = (): void => {
    save(unpacking.waiting);
    unpacking = { control: undefined, waiting: [] };
  };
  let refreshing: NodeJS.Timeout | undefined;
  const refresh = async (): Promise<void> => {
    try {
      await installed.refresh();
      const writtenMs = installed.writtenMs ?? 0;
      for (const [name, { atMs }] of unpacked) if (atMs < writtenMs - unpackedMs) unpacked.delete(name);
    } catch (error) {
      // A host without dpkg.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        parts.onFault('the installed packages could not be read', error);
    }
  };
  const refreshSoon = (): void => {
    refreshing ??= setTimeout(() => {
      refreshing = undefined;
      void refresh();
    }, refreshAfterMs);
  };

  const save = (scripts: readonly SeenScript[]): void => {
    if (scripts.length === 0) return;
    try {
      store().saveScripts(scripts, Date.now());
    } catch (error) {
      parts.onFault('scripts could not be kept', error);
    }
  };

  // -- Judging one script.
  interface Judged {
    fields: ScriptFields;
    unobserved: string | undefined;
    cut: boolean;
    seen: SeenScript;
  }
  const judge = (
    own: { path: string; package?: string; phase?: string },
    content: FileContent,
    how: Circumstances,
  ): Judged => {
    const { path, package: name = '', phase = '' } = own;
    const { sha256, sizeBytes, head } = content;
    const findings = findingsOf(head.toString('utf8'));
    const fields: ScriptFields = {
      path,
      sha256,
      ...(name === '' ? {} : { package: name }),
      ...(phase === '' ? {} : { phase }),
      ...(findings.length > 0 ? { findings } : {}),
    };
    const seen: SeenScript = {
      package: name,
      version: how.version ?? '',
      phase,
      path,
      sha256,
      sizeBytes,
      content: head,
      state: '',
      origin: how.origin,
    };
    const judged: Judged = { fields, unobserved: undefined, cut: false, seen };
    if (how.version !== undefined) fields.version = how.version;
    if (!how.inPlace) return judged;
    const version = how.version ?? versionOf(name);
    // Of a file that is younger than what dpkg says of versions it cannot be told which it is of, unless that was seen.
    const sure =
      how.version !== undefined ||
      how.outside === true ||
      Math.floor(how.ctimeMs) <= (unpacked.get(packageName(name))?.untilMs ?? 0) ||
      how.ctimeMs <= (installed.asOfMs ?? 0);
    if (version === undefined) {
      if (installed.writtenMs === undefined) judged.unobserved = "dpkg's status file says of no package";
      else if (!sure) judged.unobserved = unsure;
      else seen.state = fields.state = 'unowned';
      return judged;
    }
    fields.version = seen.version = version;
    const past = store().scriptsOf(seen);
    const outside = how.outside ?? store().versionKnown(name, version, startedMs);
    const state = stateOfScript(sha256, past, outside);
    if (state !== 'known' && !sure) {
      judged.unobserved = unsure;
      seen.version = '';
      delete fields.version;
      return judged;
    }
    fields.state = state;
    seen.state = state === 'changed' ? 'changed' : 'first';
    const before =
      state === 'changed' ? past.find((one) => one.sha256 !== sha256 && one.state !== 'changed') : undefined;
    if (before !== undefined) {
      const diff = unifiedDiff(before.content.toString('utf8'), head.toString('utf8'), maxDiffChars);
      fields.diff = diff.text;
      judged.cut = diff.cut;
    }
    return judged;
  };

  const merge = (event: StepparentEvent, { fields, unobserved, cut }: Judged): void => {
    const { stepparent } = event;
    stepparent.script = { ...stepparent.script, ...fields };
    if (unobserved !== undefined) {
      stepparent.unobserved = { ...stepparent.unobserved, 'stepparent.script.state': unobserved };
    }
    if (cut) stepparent.truncated = { ...stepparent.truncated, 'stepparent.script.diff': maxDiffChars };
    if (fields.path?.includes('/rpm-tmp.') && fields.package !== undefined) {
      stepparent.inferred = {
        ...stepparent.inferred,
        'stepparent.script.package': 'the name of the one package file that rpm was given',
      };
    }
  };

  const withScript = (event: StepparentEvent, content: FileContent): void => {
    const path = event.file?.path ?? '';
    const own = scriptOfFile(path);
    if (own === undefined) return;
    const writer = event.process?.executable;
    const args = [event.process?.args ?? []].flat().map(String);
    const ctimeMs = Date.parse(event.file?.ctime ?? '');
    const inUnpackFolder = /\/tmp\.ci\/[^/]+$/.test(path);
    if (own.package === undefined) {
      const found = inUnpackFolder ? unpacking.control : rpmPackage(args);
      const how = {
        version: found?.version,
        origin: inUnpackFolder ? 'dpkg' : 'rpm',
        inPlace: false,
        ctimeMs,
      } as const;
      const judged = judge({ path, ...own, ...(found && { package: found.package }) }, content, how);
      merge(event, judged);
      if (inUnpackFolder && found === undefined) unpacking.waiting.push(judged.seen);
      else save([judged.seen]);
      return;
    }
    const byDpkg = writer === dpkg;
    const { control } = unpacking;
    const fromUnpacked = byDpkg && event.stepparent.file?.original_path?.includes('/tmp.ci/') === true;
    const version = fromUnpacked && control?.package === packageName(own.package) ? control.version : undefined;
    const latest = unpacked.get(packageName(own.package));
    if (latest !== undefined && version !== undefined) latest.untilMs = Math.max(latest.untilMs, ctimeMs);
    const judged = judge({ path, ...own }, content, {
      version,
      origin: byDpkg ? 'dpkg' : 'change',
      outside: byDpkg ? false : event.process === undefined ? undefined : true,
      inPlace: true,
      ctimeMs,
    });
    merge(event, judged);
    save([judged.seen]);
  };

  /** Gone too soon, or too large to be read: who wrote it, and its name, are enough for a word. */
  const withoutContent = (event: StepparentEvent): void => {
    const { stepparent } = event;
    const name = stepparent.script?.package;
    const { action = '' } = event.event;
    if (name === undefined || !writes.has(action) || event.process?.executable === dpkg) return;
    const version = versionOf(name);
    const seenWriter = event.process !== undefined;
    const ctimeMs = Date.parse(event.file?.ctime ?? '');
    const sure = seenWriter || ctimeMs <= (installed.asOfMs ?? 0);
    if (version === undefined) {
      if (installed.writtenMs === undefined || !sure) return;
      stepparent.script = { ...stepparent.script, state: 'unowned' };
      return;
    }
    if (!seenWriter && !store().versionKnown(name, version, startedMs)) return;
    stepparent.script = { ...stepparent.script, version, state: 'changed' };
    const field = 'stepparent.script.state';
    stepparent.inferred = {
      ...stepparent.inferred,
      [field]: 'dpkg was not seen to write it, and it could not be read',
    };
  };

  // -- Scripts that run.
  const held = new Map<ObservedExec, { timer: NodeJS.Timeout; judge(): Judged }>();
  const judgeRun = (path: string, { content, ctimeMs }: ReadNow): Judged => {
    const own = { path, ...scriptOfFile(path) };
    return judge(own, content, { origin: 'exec', outside: false, inPlace: own.package !== undefined, ctimeMs });
  };
  const release = (exec: ObservedExec): void => {
    const again = held.get(exec);
    if (again === undefined) return;
    held.delete(exec);
    clearTimeout(again.timer);
    try {
      takeExec(exec, again.judge());
    } catch (error) {
      parts.onFault('a script that runs could not be judged', error);
      parts.takeExec(exec);
    }
  };
  const takeExec = (exec: ObservedExec, judged: Judged): void => {
    merge(exec.document(), judged);
    // Of an unpacked one the event of its file knows more.
    if (judged.seen.package !== '') save([judged.seen]);
    parts.takeExec(exec);
  };

  // -- What is there already.
  const baselineOf = async (path: string): Promise<SeenScript | undefined> => {
    const witness = openWitness(path);
    if (witness === undefined) return undefined;
    try {
      if (!witness.stat.isFile()) return undefined;
      const content = await witness.content(maxScriptBytes);
      const named = scriptOfFile(path) ?? {};
      const { package: name = '', phase = '' } = named;
      const version = versionOf(name);
      const slot = { package: name, version: version ?? '', phase };
      // An event was quicker.
      if (store().scriptsOf(slot).length > 0) return undefined;
      const { sha256, sizeBytes, head } = content;
      const seen: SeenScript = { ...slot, path, sha256, sizeBytes, content: head, state: 'first', origin: 'baseline' };
      if (version !== undefined || installed.writtenMs === undefined) return seen;
      const { event } = await describeFileChange(
        {
          action: 'creation',
          actionInferredFrom: 'it was there at the first look, and no installed package has it',
          path,
          atNs: readBootNs(),
          witness,
          unseen: undefined,
          writer: { unobserved: 'it was not seen happening', pid: undefined },
          details: {},
          found: 'at the first look',
        },
        { table, context, provider: 'stepparent' },
      );
      withScript(event, content);
      parts.takeFile(event);
      return undefined;
    } catch (error) {
      if (!(error instanceof Unhashed)) parts.onFault('a script could not be read', error);
      return undefined;
    } finally {
      witness.close();
    }
  };

  return {
    prepare: refresh,

    file(event, content) {
      try {
        const path = event.file?.path ?? '';
        if (path === `${folder}/tmp.ci`) newUnpacking();
        else if (path === `${folder}/status`) refreshSoon();
        if (content !== undefined && isControlFile(path)) {
          const control = parseControl(content.head.toString('utf8'));
          if (control !== undefined) noteUnpacked(control);
        } else if (content !== undefined) withScript(event, content);
        else withoutContent(event);
      } catch (error) {
        parts.onFault('a script could not be judged', error);
      }
      parts.takeFile(event);
    },

    exec(exec) {
      const { lifecycle, entry } = exec.moment;
      const path = lifecycle?.depth === 0 && lifecycle.script.manager === 'dpkg' ? lifecycle.script.path : undefined;
      if (path === undefined) {
        parts.takeExec(exec);
        return;
      }
      try {
        // First of all: it may be gone in a moment.
        const ran = readNow(path);
        const event = exec.document();
        // In a container, or below another root, the name means another file.
        if (event.container?.id !== undefined || entry.details?.hostRoot === false) {
          parts.takeExec(exec);
          return;
        }
        if (ran === undefined || entry.details === undefined) {
          const why = ran === undefined ? 'it could not be read' : 'the process had ended before it could be read';
          event.stepparent.unobserved = { ...event.stepparent.unobserved, 'stepparent.script.sha256': why };
          parts.takeExec(exec);
          return;
        }
        const judged = judgeRun(path, ran);
        if (judged.fields.state === 'known' || judged.fields.package === undefined || held.size >= maxHeld) {
          takeExec(exec, judged);
          return;
        }
        void refresh();
        held.set(exec, { timer: setTimeout(() => release(exec), holdMs), judge: () => judgeRun(path, ran) });
      } catch (error) {
        parts.onFault('a script that runs could not be judged', error);
        parts.takeExec(exec);
      }
    },

    async takeBaseline() {
      if (store().scriptsComplete()) return;
      const info = `${folder}/info`;
      let names: string[];
      try {
        names = (await fs.promises.readdir(info)).filter((name) => scriptOfFile(`${info}/${name}`) !== undefined);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') parts.onFault('scripts could not be listed', error);
        return;
      }
      for (let at = 0; at < names.length; at += baselineScripts) {
        if (stopped) return;
        const some: SeenScript[] = [];
        for (const name of names.slice(at, at + baselineScripts)) {
          const script = await baselineOf(`${info}/${name}`);
          if (script !== undefined) some.push(script);
        }
        save(some);
        await sleep(baselinePauseMs);
      }
      if (!stopped) store().completeScripts(Date.now());
    },

    stop() {
      stopped = true;
      for (const exec of [...held.keys()]) release(exec);
      clearTimeout(refreshing);
      newUnpacking();
    },
  };
}

interface ReadNow {
  content: FileContent;
  ctimeMs: number;
}

/** Reads a script at once, and not more than is kept of one; undefined: it is gone, or no regular file, or too large. */
function readNow(path: string): ReadNow | undefined {
  let fd: number;
  try {
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY);
  } catch {
    return undefined;
  }
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile() || stat.size > maxHashedBytes) return undefined;
    const whole = fs.readFileSync(fd);
    const sha256 = createHash('sha256').update(whole).digest('hex');
    const content = { sha256, sizeBytes: whole.length, head: whole.subarray(0, maxScriptBytes) };
    return { content, ctimeMs: stat.ctimeMs };
  } catch {
    return undefined;
  } finally {
    fs.closeSync(fd);
  }
}
