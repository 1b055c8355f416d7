// Parses the events of fanotify(7) with FAN_REPORT_DFID_NAME: the action, the directory, the name and the process.

import { layout, linux } from '../linux/linux-abi.ts';
import { decodeName } from './file-name.ts';

/** The bits of fanotify_mark(2) that the watch uses. */
export const fanotifyMask = {
  modify: linux.FAN_MODIFY,
  attribute: linux.FAN_ATTRIB,
  closeWrite: linux.FAN_CLOSE_WRITE,
  movedFrom: linux.FAN_MOVED_FROM,
  movedTo: linux.FAN_MOVED_TO,
  create: linux.FAN_CREATE,
  delete: linux.FAN_DELETE,
  deleteSelf: linux.FAN_DELETE_SELF,
  moveSelf: linux.FAN_MOVE_SELF,
  access: linux.FAN_ACCESS,
  open: linux.FAN_OPEN,
  /** Together with `open`: the file was opened to be executed. */
  openExec: linux.FAN_OPEN_EXEC,
  overflow: linux.FAN_Q_OVERFLOW,
  onChild: linux.FAN_EVENT_ON_CHILD,
  /** Both names in one event; Linux 5.17 and later. */
  rename: linux.FAN_RENAME,
  onDirectory: linux.FAN_ONDIR,
} as const;

/** A name in a directory. */
export interface DirectoryEntry {
  /** File system and file handle of the directory, as `handleKey` gives them. */
  directory: string;
  /** `.` is the directory itself. */
  name: string;
}

/** One event of a watched directory. The kernel merges events, so that `mask` may have the bits of several actions. */
export interface FanotifyEvent {
  mask: number;
  /** Pid of the process that caused the event; 0: a process of another pid namespace. */
  pid: number;
  /** The name; for a rename, the new one. Undefined: an overflow, or a rename to a directory that is not watched. */
  entry: DirectoryEntry | undefined;
  /** The old name, for a rename from a watched directory. */
  oldEntry: DirectoryEntry | undefined;
  /** File system and file handle of the file itself, as `handleKey` gives them, in groups whose events have no names. */
  file?: string;
}

const {
  bytes: metadataBytes,
  event_len: lengthOffset,
  metadata_len: infoOffset,
  mask: maskOffset,
  pid: pidOffset,
} = layout.fanotify_event_metadata;
const { bytes: infoHeaderBytes, info_type: infoTypeOffset, len: infoLengthOffset } = layout.fanotify_event_info_header;
const { bytes: handleOffset, fsid: fsidOffset } = layout.fanotify_event_info_fid;
const { bytes: handleHeaderBytes, handle_bytes: handleBytesOffset } = layout.file_handle;
const {
  FAN_EVENT_INFO_TYPE_DFID_NAME: nameType,
  FAN_EVENT_INFO_TYPE_FID: fileType,
  FAN_EVENT_INFO_TYPE_OLD_DFID_NAME: oldNameType,
  FAN_EVENT_INFO_TYPE_NEW_DFID_NAME: newNameType,
} = linux;

/**
 * Turns the identity of a directory into one word. The bytes are f_fsid of statfs(2), then struct file_handle
 * (name_to_handle_at(2)).
 */
export const handleKey = (fsidAndHandle: Buffer): string => fsidAndHandle.toString('latin1');

/** Parses the events of one read(2), up to the first malformed one. The kernel neither pads nor cuts events. */
export function parseFanotify(bytes: Buffer): FanotifyEvent[] {
  const events: FanotifyEvent[] = [];
  let start = 0;
  while (start + metadataBytes <= bytes.length) {
    const length = bytes.readUInt32LE(start + lengthOffset);
    if (length < metadataBytes || start + length > bytes.length) break;
    const event: FanotifyEvent = {
      mask: Number(bytes.readBigUInt64LE(start + maskOffset) & 0xffff_ffffn),
      pid: bytes.readInt32LE(start + pidOffset),
      entry: undefined,
      oldEntry: undefined,
    };
    let info = start + bytes.readUInt16LE(start + infoOffset);
    while (info + infoHeaderBytes <= start + length) {
      const infoLength = bytes.readUInt16LE(info + infoLengthOffset);
      if (infoLength < infoHeaderBytes || info + infoLength > start + length) break;
      const record = bytes.subarray(info, info + infoLength);
      const type = bytes[info + infoTypeOffset];
      if (type === fileType) setFile(event, record);
      else if (type === oldNameType) event.oldEntry = parseEntry(record);
      else event.entry ??= parseEntry(record);
      info += infoLength;
    }
    events.push(event);
    start += length;
  }
  return events;
}

/** The end of the file handle in struct fanotify_event_info_fid: header, fsid, struct file_handle, name. */
function handleEndOf(info: Buffer): number | undefined {
  if (info.length < handleOffset + handleHeaderBytes) return undefined;
  const end = handleOffset + handleHeaderBytes + info.readUInt32LE(handleOffset + handleBytesOffset);
  return end > info.length ? undefined : end;
}

function setFile(event: FanotifyEvent, info: Buffer): void {
  const handleEnd = handleEndOf(info);
  if (handleEnd !== undefined) event.file ??= handleKey(info.subarray(fsidOffset, handleEnd));
}

function parseEntry(info: Buffer): DirectoryEntry | undefined {
  const type = info[infoTypeOffset];
  if (type !== nameType && type !== oldNameType && type !== newNameType) return undefined;
  const nameOffset = handleEndOf(info);
  if (nameOffset === undefined) return undefined;
  const nul = info.indexOf(0, nameOffset);
  return {
    directory: handleKey(info.subarray(fsidOffset, nameOffset)),
    name: decodeName(info.subarray(nameOffset, nul < 0 ? info.length : nul)),
  };
}
