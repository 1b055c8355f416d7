// An exec for the agent's tests: plain data, with cheap and described fields that the test chooses.

import type { FieldValue, StepparentEvent } from '../../collectors/event/event.ts';
import type { Scope } from '../../collectors/event/scope.ts';
import type { ObservedExec } from '../../collectors/process/observe-exec.ts';
import type { Image, ProcessEntry } from '../../collectors/process/process.ts';
import { exampleEvent, start } from '../storage/examples.ts';

export const imageOf = (filename: string, change: Partial<Image> = {}): Image => ({
  filename,
  execNs: undefined,
  ...change,
});

export function entryOf(pid: number, image: Image | undefined, change: Partial<ProcessEntry> = {}): ProcessEntry {
  return {
    pid,
    startNs: 1e9,
    parent: undefined,
    parentInferred: false,
    lineageCut: false,
    depth: 0,
    image,
    parentImageAtFork: undefined,
    ended: false,
    endNs: undefined,
    lifecycle: undefined,
    transaction: undefined,
    details: undefined,
    detailsImage: undefined,
    inspectedImage: null,
    ...change,
  };
}

type Fields = Readonly<Record<string, FieldValue>>;

interface Exec {
  cheapFields: Fields;
  /** What the fields turn out to be once the event is described; as at first where not given. */
  describedFields?: Fields;
  scope?: Scope;
  change?: Partial<StepparentEvent>;
  entry?: ProcessEntry;
  parent?: ProcessEntry;
}

/** `described` counts how often the full description was asked for. */
export function observedExec(
  id: string,
  { cheapFields, describedFields = cheapFields, scope = '', change = {}, ...snapshot }: Exec,
) {
  const { entry = entryOf(30, imageOf('/usr/bin/dpkg')), parent } = snapshot;
  const counts = { described: 0 };
  const exec: ObservedExec = {
    snapshot: {
      entry,
      image: entry.image ?? imageOf(''),
      timeNs: 1e9,
      lifecycle: undefined,
      transaction: undefined,
      ancestors: parent ? [{ entry: parent, image: parent.image }] : [],
    },
    key: (entry.image ?? imageOf('')).filename,
    pending: () => undefined,
    read: (field) => (counts.described > 0 ? describedFields : cheapFields)[field],
    document() {
      counts.described++;
      return { ...exampleEvent(id, start), ...change };
    },
    isDescribed: () => counts.described > 0,
    scope: () => scope,
    args: () => describedFields['process.args'],
  };
  return { exec, counts };
}
