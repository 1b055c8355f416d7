// Watches the agent's tracing instance: sends what other processes do there into the pipeline, and reports it as a fault.

import type { HostContext } from '../../collectors/host/host-context.ts';
import { createFileWriters, notSeen, type WriterSeen } from '../../collectors/packagedb/file-writer.ts';
import type { ProcessTable } from '../../collectors/process/process-table.ts';
import type { TracefsSensor } from '../../collectors/tracefs/tracefs-sensor.ts';
import { type SettingsWatch, type Tampering, watchSettings } from '../../collectors/tracefs/watch-settings.ts';
import type { Faults } from './faults.ts';
import type { Pipeline } from './pipeline.ts';

/** The instance, the host, and the receivers of events and faults. */
export interface WatchTracingDeps {
  instance: TracefsSensor['instance'];
  host: { table: ProcessTable; context: HostContext };
  pipeline: Pick<Pipeline, 'handleFileAct'>;
  faults: Pick<Faults, 'note'>;
}

const changed = 'a control file of the tracing instance was changed';
const read = "another process reads the agent's records, which are lost to it";

/** Starts the watch. */
export function watchTracing({
  instance,
  host: { table, context },
  pipeline,
  faults,
}: WatchTracingDeps): SettingsWatch {
  const { clock } = context.host;
  const writers = createFileWriters(table, clock);

  const report = ({ action, path, seen, setting }: Tampering<WriterSeen>): void => {
    const undone = setting === undefined ? '' : setting.restored ? ' (set again)' : ' (not set again)';
    const by = seen === undefined ? '' : ` by process ${seen.pid}`;
    faults.note(action === 'tracing-read' ? read : changed, `${path}${by}${undone}`);
    const atNs = seen?.atNs ?? clock.bootNs();
    void pipeline.handleFileAct(atNs, () => ({
      action,
      type: action === 'tracing-read' ? 'access' : 'change',
      actionInferredFrom: undefined,
      path,
      atNs,
      opened: undefined,
      unseen: 'control_file',
      writer: seen === undefined ? notSeen() : writers.resolve(seen),
      found: seen === undefined ? 'comparison' : undefined,
      provider: seen === undefined ? 'stepparent' : 'fanotify',
      fields: setting === undefined ? {} : { tampering: fieldsOf(setting) },
    }));
  };

  return watchSettings(instance.directory, {
    settings: instance.settings,
    see: writers.see,
    onTampering: report,
    onDropped: (count) => faults.note(changed, `${count} more files`),
    onFault: faults.note,
  });
}

const fieldsOf = ({ before, after, restored }: NonNullable<Tampering<WriterSeen>['setting']>) => ({
  before,
  ...(after !== undefined && { after }),
  restored,
});
