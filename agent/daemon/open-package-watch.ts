// Wires the watch of package databases into the agent: configuration, store and pipeline.

import { healthEvent } from '../../collectors/event/health-event.ts';
import type { HostContext } from '../../collectors/host/host-context.ts';
import { describeFileChange, type FileChange } from '../../collectors/packagedb/file-event.ts';
import { packageDirectories, type RpmDirectories } from '../../collectors/packagedb/package-directories.ts';
import { openPackageWatch, type PackageWatch } from '../../collectors/packagedb/package-watch.ts';
import type { ProcessTable } from '../../collectors/process/process-table.ts';
import type { Store } from '../../storage/store.ts';
import type { Configuration } from '../configuration/configuration.ts';
import type { Faults } from './faults.ts';
import type { Log } from './log.ts';
import type { Pipeline } from './pipeline.ts';
import type { ScriptEvidence } from './script-evidence.ts';

interface PackageWatchDeps {
  configuration: Pick<Configuration, 'package_database_folders'>;
  rpm: RpmDirectories | undefined;
  store: Pick<Store, 'knownFiles' | 'saveKnownFiles'>;
  table: ProcessTable;
  context: HostContext;
  pipeline: Pipeline;
  scripts: ScriptEvidence;
  commit(): void;
  faults: Faults;
  log: Pick<Log, 'info' | 'warn'>;
}

const notDescribed = 'a file change could not be told';

export function watchPackages({
  configuration,
  rpm,
  store,
  table,
  context,
  pipeline,
  scripts,
  commit,
  faults,
  log,
}: PackageWatchDeps): PackageWatch {
  let committing = false;
  /** One after the other: events stay in the order of their changes. */
  let described: Promise<void> = Promise.resolve();
  const describe = async (change: FileChange): Promise<void> => {
    try {
      const { event, content } = await describeFileChange(change, { table, context });
      scripts.file(event, content);
    } finally {
      change.opened?.close();
    }
    if (committing) return;
    committing = true;
    // With what comes in the same turn.
    setImmediate(() => {
      committing = false;
      commit();
    });
  };
  return openPackageWatch(packageDirectories(configuration.package_database_folders, rpm, context.host.exists), {
    memory: store,
    table,
    context,
    receiver: {
      onOpened: scripts.heard,
      onChange(change) {
        described = described.then(() => describe(change)).catch((error) => faults.note(notDescribed, error));
        return described;
      },
      onNotice(action, reason, count) {
        // A directory that is missing is part of `degraded` for as long as it is, and no longer.
        if (action === 'package-folder-missing') log.warn(reason);
        else if (action === 'package-folder-found') log.info(reason);
        else faults.note(reason);
        pipeline.keep(healthEvent(context, action, reason, count));
      },
      onFault: faults.note,
      commit,
    },
  });
}
