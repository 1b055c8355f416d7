// Finds the user and group ids of a process: those that the kernel passed to its program, or those in /proc.

import type { Credentials, Image, ProcessEntry } from './process.ts';

/** Number of programs that a process executed one after the other and whose ids are not known, that are kept. */
const maxFormer = 8;

/** Notes the program that the process ran before it executed `image`, or the ids that it had. */
export function noteFormer(image: Image, entry: ProcessEntry, former: Image | undefined): void {
  const credentials = possibleCredentials(entry, former);
  if (credentials !== undefined) {
    image.before = credentialsIn(credentials);
    return;
  }
  image.former = former;
  let oldest = former;
  for (let n = 1; n < maxFormer && oldest !== undefined; n++) oldest = oldest.former;
  if (oldest !== undefined) oldest.former = undefined;
}

/** The same ids without the rest of an object that has them. */
const credentialsIn = (ids: Credentials): Credentials => ({
  userId: ids.userId,
  realUserId: ids.realUserId,
  savedUserId: ids.savedUserId,
  userGroupId: ids.userGroupId,
  realUserGroupId: ids.realUserGroupId,
  savedUserGroupId: ids.savedUserGroupId,
});

const userIds = ({ realUserId, userId, savedUserId }: Credentials): number[] => [realUserId, userId, savedUserId];
const groupIds = (ids: Credentials): number[] => [ids.realUserGroupId, ids.userGroupId, ids.savedUserGroupId];

/** Whether a process with these ids is root, or can become root without another exec. */
export const mayBeRoot = (ids: Credentials): boolean => userIds(ids).includes(0);

/**
 * The ids at the start of the program, as far as they are proven. The auxiliary vector does not prove them: it has the
 * ids of the process's user namespace, in which any user can be user 0, and a process that traces this one can write to
 * it before the program runs. They are proven if the process could have them without a set-user-ID program: it was root
 * before the exec, or had these ids. Undefined: not proven, no probe was hit, or the process has the program from its
 * parent.
 */
export function startCredentials(entry: ProcessEntry, image: Image): Credentials | undefined {
  if (image === entry.parentImageAtFork) return undefined;
  if (image.credentials !== undefined) return image.credentials;
  const start = image.start?.credentials;
  if (start === undefined) return undefined;
  // The process, or its parent, may have been read since the exec.
  const before = image.before ?? (image.former && possibleCredentials(entry, image.former));
  if (before === undefined) return undefined;
  const ids: Credentials = {
    userId: start.userId,
    realUserId: start.realUserId,
    savedUserId: start.userId,
    userGroupId: start.groupId,
    realUserGroupId: start.realGroupId,
    savedUserGroupId: start.groupId,
  };
  if (!mayBecome(before, ids)) return undefined;
  image.credentials = ids;
  image.former = undefined;
  return ids;
}

const mayBecome = (before: Credentials, ids: Credentials): boolean =>
  mayBeRoot(before) ||
  (userIds(ids).every((id) => userIds(before).includes(id)) &&
    groupIds(ids).every((id) => groupIds(before).includes(id)));

/**
 * The ids that bound those of a process while it runs `image`: a process that is not root keeps to its real, effective
 * and saved ids until an exec, and so do the processes that it forks. Undefined: not known.
 */
export function possibleCredentials(entry: ProcessEntry, image: Image | undefined): Credentials | undefined {
  for (let process: ProcessEntry | undefined = entry; process !== undefined; process = process.parent) {
    if (process.details !== undefined && process.detailsImage === image) return process.details;
    if (image !== process.parentImageAtFork) return image && startCredentials(process, image);
  }
  return undefined;
}
