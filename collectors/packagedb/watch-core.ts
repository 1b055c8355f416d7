// The collaborators that all change-finding parts of the watch share.

import type { ChangeReporter } from './change-reporter.ts';
import type { ChangeSources } from './change-sources.ts';
import type { ComparisonSchedule } from './comparison-schedule.ts';
import type { FileWriters } from './file-writer.ts';
import type { WatchTasks } from './watch-tasks.ts';

/** The objects that comparisons, fanotify events, inotify hints and the reports of waiting changes use together. */
export interface WatchCore {
  tasks: WatchTasks;
  writers: FileWriters;
  reporter: Pick<ChangeReporter, 'report' | 'available' | 'postpone'>;
  sources: Pick<ChangeSources, 'drain' | 'drainQueue'>;
  schedule: Pick<ComparisonSchedule, 'soon' | 'in'>;
}
