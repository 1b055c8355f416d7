// The first pass over the installed maintainer scripts: stores each, slowly, and reports a script that belongs to no package.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../../collectors/host/host.ts';
import { Unhashed } from '../../collectors/host/opened-file.ts';
import { notSeen } from '../../collectors/packagedb/file-writer.ts';
import { maxScriptBytes, scriptOfFile } from '../../collectors/packages/script-file.ts';
import type { Timers } from '../../collectors/timers.ts';
import type { SeenScript } from '../../detectors/facts/script-state.ts';
import type { Store } from '../../storage/store.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * The host whose scripts are read, the store for them, and the pipeline, which reports a script that belongs to no
 * package.
 */
export interface ScriptBaselineDeps {
  host: Host;
  store: Pick<Store, 'scriptsComplete' | 'completeScripts' | 'scriptsOf' | 'saveScripts'>;
  pipeline: Pick<Pipeline, 'handleFileChange' | 'versionInPlace'>;
  timers: Pick<Timers, 'later' | 'closed'>;
  onFault(fault: string, error?: unknown): void;
}

const scriptsAtATime = 8;
const pauseMs = 50;
const retryAfterMs = 30_000;

/** Starts the pass unless one was completed before, and repeats it if it fails. `directory` is dpkg's; tests use another one. */
export function recordScriptBaseline(deps: ScriptBaselineDeps, directory = '/var/lib/dpkg'): Promise<void> {
  return storeScripts(deps, `${directory}/info`).catch((error: unknown) => {
    deps.onFault('the installed scripts could not be stored', error);
    deps.timers.later(retryAfterMs, () => void recordScriptBaseline(deps, directory));
  });
}

async function storeScripts(deps: ScriptBaselineDeps, info: string): Promise<void> {
  const { host, store, timers } = deps;
  if (store.scriptsComplete()) return;
  let names: string[];
  try {
    names = (await host.listDirectory(info)).filter((name) => scriptOfFile(`${info}/${name}`) !== undefined);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  for (let index = 0; index < names.length; index += scriptsAtATime) {
    const scripts: SeenScript[] = [];
    for (const name of names.slice(index, index + scriptsAtATime)) {
      if (timers.closed) return;
      const script = await readInstalled(deps, `${info}/${name}`);
      if (script !== undefined) scripts.push(script);
    }
    if (scripts.length > 0) store.saveScripts(scripts, host.clock.nowMs());
    await sleep(pauseMs);
  }
  if (!timers.closed) store.completeScripts(host.clock.nowMs());
}

/** The script to store. Undefined if it is stored already, cannot be read, or belongs to no package and was reported. */
async function readInstalled(deps: ScriptBaselineDeps, path: string): Promise<SeenScript | undefined> {
  const { host, store, pipeline, onFault } = deps;
  const opened = host.openFile(path);
  if (opened === undefined) return undefined;
  let isHandedOver = false;
  try {
    if (!opened.stat.isFile()) return undefined;
    const content = await opened.content(maxScriptBytes);
    const { package: name = '', phase = '' } = scriptOfFile(path) ?? {};
    const { ino, ctimeMs } = opened.stat;
    const found = await pipeline.versionInPlace({ path, inode: `${ino}`, ctimeMs: Number(ctimeMs) }, name);
    const slot = { package: name, version: found?.version ?? '', phase };
    // The event of the script's file has stored it already.
    if (store.scriptsOf(slot).length > 0) return undefined;
    if (found !== undefined && found.version === undefined) {
      isHandedOver = true;
      await pipeline.handleFileChange({
        action: 'creation',
        actionInferredFrom: 'initial_scan',
        path,
        atNs: host.clock.bootNs(),
        opened,
        unseen: undefined,
        writer: notSeen,
        details: {},
        found: 'initial_scan',
        provider: 'stepparent',
      });
      return undefined;
    }
    const { sha256, sizeBytes, head } = content;
    // A script of unknown version is stored without a state; it never gets one.
    const state = found === undefined ? '' : 'first';
    return { ...slot, path, sha256, sizeBytes, content: head, state, origin: 'baseline' };
  } catch (error) {
    if (!(error instanceof Unhashed)) onFault('a script could not be read', error);
    return undefined;
  } finally {
    if (!isHandedOver) opened.close();
  }
}
