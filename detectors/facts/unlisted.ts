// The packages of a transaction that apt's directories had, and no package list.

import type { StepparentEvent } from '../../collectors/event/event.ts';

/** Undefined: there are none. A file that was there before the agent first started may be of a former list. */
export function findUnlisted({ stepparent }: StepparentEvent): StepparentEvent['stepparent']['unlisted'] {
  const packages = (stepparent.transaction?.packages ?? []).filter(
    ({ source, cached_before: isOld, action }) => source === 'unlisted' && isOld !== true && action !== 'remove',
  );
  if (packages.length === 0) return undefined;
  return {
    packages: packages.map(({ name }) => name),
    archives: packages.map(({ archive = '', archive_target: target = archive }) => target),
    sha256: packages.map(({ sha256 = '' }) => sha256),
  };
}
