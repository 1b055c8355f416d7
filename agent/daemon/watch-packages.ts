// Watches the package databases: sends changes into the pipeline, and reports missed changes.

import { healthEvent } from '../../collectors/event/health-event.ts';
import type { HostContext } from '../../collectors/host/host-context.ts';
import type { PackageDirectory } from '../../collectors/packagedb/package-directories.ts';
import { openPackageWatch, type PackageWatch } from '../../collectors/packagedb/package-watch.ts';
import type { ProcessTable } from '../../collectors/process/process-table.ts';
import type { Store } from '../../storage/store.ts';
import type { Faults } from './faults.ts';
import type { Log } from './log.ts';
import type { Pipeline } from './pipeline.ts';

/** The store of the known files, the host that the watch observes, and the receivers of changes and notices. */
export interface WatchPackagesDeps {
  store: Pick<Store, 'knownFiles' | 'saveKnownFiles'>;
  host: { table: ProcessTable; context: HostContext };
  pipeline: Pipeline;
  faults: Faults;
  log: Pick<Log, 'info' | 'warn'>;
}

/** Starts the watch of the directories. */
export function watchPackages(
  directories: readonly PackageDirectory[],
  { store, host, pipeline, faults, log }: WatchPackagesDeps,
): PackageWatch {
  return openPackageWatch(directories, {
    memory: store,
    ...host,
    receiver: {
      onOpened: pipeline.noteFile,
      onChange: pipeline.handleFileChange,
      onNotice(action, reason, count) {
        // A missing directory is not a fault: the health check `package_directories` reports it while it is missing.
        if (action === 'package-directory-missing') log.warn(reason);
        else if (action === 'package-directory-found') log.info(reason);
        else faults.note(reason);
        pipeline.recordHealth(healthEvent(host.context, action, reason, count));
      },
      onFault: faults.note,
      commit: pipeline.commit,
    },
  });
}
