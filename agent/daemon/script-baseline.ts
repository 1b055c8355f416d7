// The first pass over the maintainer scripts that are installed: each is stored as it is, slowly, and one of no package is reported.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../../collectors/host/host.ts';
import { Unhashed } from '../../collectors/host/opened-file.ts';
import { notSeen } from '../../collectors/packagedb/file-writer.ts';
import { maxScriptBytes, scriptOfFile } from '../../collectors/packages/script-file.ts';
import type { Timers } from '../../collectors/timers.ts';
import type { SeenScript } from '../../detectors/facts/script-state.ts';
import type { Store } from '../../storage/store.ts';
import type { Pipeline } from './pipeline.ts';

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

/** Begins the pass unless a pass was completed, and repeats it where it fails. `directory`: dpkg's; another one in tests. */
export function recordScriptBaseline(deps: ScriptBaselineDeps, directory = '/var/lib/dpkg'): Promise<void> {
  return storeScripts(deps, `${directory}/info`).catch((error: unknown) => {
    deps.onFault('scripts could not be taken down', error);
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

/** Undefined: it was stored already, could not be read, or is of no package and was reported. */
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
    // The event of its file was quicker.
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
    // A script whose version is not known has no state later either, but it is kept.
    const state = found === undefined ? '' : 'first';
    return { ...slot, path, sha256, sizeBytes, content: head, state, origin: 'baseline' };
  } catch (error) {
    if (!(error instanceof Unhashed)) onFault('a script could not be read', error);
    return undefined;
  } finally {
    if (!isHandedOver) opened.close();
  }
}
