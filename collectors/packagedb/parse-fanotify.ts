// Parses what fanotify(7) delivers with FAN_REPORT_DFID_NAME: what happened to which name in which folder, and who did it.

import { layout, linux } from '../linux/linux-abi.ts';
import { decodeName } from './file-name.ts';

/** Bits of fanotify_mark(2) that we ask for. */
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
  overflow: linux.FAN_Q_OVERFLOW,
  onChild: linux.FAN_EVENT_ON_CHILD,
  /** Both names in one event; Linux 5.17 and later. */
  rename: linux.FAN_RENAME,
  onDirectory: linux.FAN_ONDIR,
} as const;

/** A name in a folder. */
export interface DirectoryEntry {
  /** File system and file handle of the folder, as one word: compare with `handleKey`. */
  directory: string;
  /** `.` is the folder itself. */
  name: string;
}

export interface FanotifyEvent {
  mask: number;
  /** Who did it; 0: unknown to our pid namespace. */
  pid: number;
  /** Of a rename the new name. Undefined: an overflow, or a rename out of what is watched. */
  at: DirectoryEntry | undefined;
  /** Of a rename the old name, when its folder is watched. */
  from: DirectoryEntry | undefined;
}

const {
  bytes: metadataBytes,
  event_len: lengthAt,
  metadata_len: infoAt,
  mask: maskAt,
  pid: pidAt,
} = layout.fanotify_event_metadata;
const { bytes: infoHeaderBytes, info_type: infoTypeAt, len: infoLengthAt } = layout.fanotify_event_info_header;
const { bytes: handleAt, fsid: fsidAt } = layout.fanotify_event_info_fid;
const { bytes: handleHeaderBytes, handle_bytes: handleBytesAt } = layout.file_handle;
const {
  FAN_EVENT_INFO_TYPE_DFID_NAME: nameType,
  FAN_EVENT_INFO_TYPE_OLD_DFID_NAME: oldNameType,
  FAN_EVENT_INFO_TYPE_NEW_DFID_NAME: newNameType,
} = linux;

/** One word for a folder's identity: its bytes, statfs(2)'s f_fsid and then struct file_handle (name_to_handle_at(2)). */
export const handleKey = (fsidAndHandle: Buffer): string => fsidAndHandle.toString('latin1');

/** Reads all events of one read(2). What cannot be read ends it: the kernel pads nothing and cuts nothing. */
export function parseFanotify(bytes: Buffer): FanotifyEvent[] {
  const events: FanotifyEvent[] = [];
  let at = 0;
  while (at + metadataBytes <= bytes.length) {
    const length = bytes.readUInt32LE(at + lengthAt);
    if (length < metadataBytes || at + length > bytes.length) break;
    const event: FanotifyEvent = {
      mask: Number(bytes.readBigUInt64LE(at + maskAt) & 0xffff_ffffn),
      pid: bytes.readInt32LE(at + pidAt),
      at: undefined,
      from: undefined,
    };
    let info = at + bytes.readUInt16LE(at + infoAt);
    while (info + infoHeaderBytes <= at + length) {
      const infoLength = bytes.readUInt16LE(info + infoLengthAt);
      if (infoLength < infoHeaderBytes || info + infoLength > at + length) break;
      const entry = parseEntry(bytes.subarray(info, info + infoLength));
      if (bytes[info + infoTypeAt] === oldNameType) event.from = entry;
      else event.at ??= entry;
      info += infoLength;
    }
    events.push(event);
    at += length;
  }
  return events;
}

/** struct fanotify_event_info_fid: header, fsid, struct file_handle, name. */
function parseEntry(info: Buffer): DirectoryEntry | undefined {
  const type = info[infoTypeAt];
  if (type !== nameType && type !== oldNameType && type !== newNameType) return undefined;
  if (info.length < handleAt + handleHeaderBytes) return undefined;
  const nameAt = handleAt + handleHeaderBytes + info.readUInt32LE(handleAt + handleBytesAt);
  if (nameAt > info.length) return undefined;
  const nul = info.indexOf(0, nameAt);
  return {
    directory: handleKey(info.subarray(fsidAt, nameAt)),
    name: decodeName(info.subarray(nameAt, nul < 0 ? info.length : nul)),
  };
}
