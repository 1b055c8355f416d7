// Parses what fanotify(7) delivers with FAN_REPORT_DFID_NAME: what happened to which name in which folder, and who did it.

import { decodeName } from './file-name.ts';

/** Bits of fanotify_mark(2) that we ask for. */
export const fanotifyMask = {
  modify: 0x2,
  attribute: 0x4,
  closeWrite: 0x8,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  delete: 0x200,
  deleteSelf: 0x400,
  moveSelf: 0x800,
  overflow: 0x4000,
  onChild: 0x0800_0000,
  /** Both names in one event; Linux 5.17 and later. */
  rename: 0x1000_0000,
  onDirectory: 0x4000_0000,
} as const;

/** A name in a folder. */
export interface FolderEntry {
  /** File system and file handle of the folder, as one word: compare with `handleKey`. */
  folder: string;
  /** `.` is the folder itself. */
  name: string;
}

export interface FanotifyEvent {
  mask: number;
  /** Who did it; 0: unknown to our pid namespace. */
  pid: number;
  /** Of a rename the new name. Undefined: an overflow, or a rename out of what is watched. */
  at: FolderEntry | undefined;
  /** Of a rename the old name, when its folder is watched. */
  from: FolderEntry | undefined;
}

const metadataBytes = 24;
const infoType = { name: 2, oldName: 10, newName: 12 } as const;

/** One word for a folder's identity: its bytes, statfs(2)'s f_fsid and then struct file_handle (name_to_handle_at(2)). */
export const handleKey = (fsidAndHandle: Buffer): string => fsidAndHandle.toString('latin1');

/** Reads all events of one read(2). What cannot be read ends it: the kernel pads nothing and cuts nothing. */
export function parseFanotify(bytes: Buffer): FanotifyEvent[] {
  const events: FanotifyEvent[] = [];
  let at = 0;
  while (at + metadataBytes <= bytes.length) {
    const length = bytes.readUInt32LE(at);
    if (length < metadataBytes || at + length > bytes.length) break;
    const event: FanotifyEvent = {
      mask: Number(bytes.readBigUInt64LE(at + 8) & 0xffff_ffffn),
      pid: bytes.readInt32LE(at + 20),
      at: undefined,
      from: undefined,
    };
    let info = at + bytes.readUInt16LE(at + 6);
    while (info + 4 <= at + length) {
      const infoLength = bytes.readUInt16LE(info + 2);
      if (infoLength < 4 || info + infoLength > at + length) break;
      const entry = parseEntry(bytes.subarray(info, info + infoLength));
      if (bytes[info] === infoType.oldName) event.from = entry;
      else event.at ??= entry;
      info += infoLength;
    }
    events.push(event);
    at += length;
  }
  return events;
}

/** struct fanotify_event_info_fid: header, fsid, struct file_handle, name. */
function parseEntry(info: Buffer): FolderEntry | undefined {
  const [type] = info;
  if (type !== infoType.name && type !== infoType.oldName && type !== infoType.newName) return undefined;
  if (info.length < 20) return undefined;
  const nameAt = 20 + info.readUInt32LE(12);
  if (nameAt > info.length) return undefined;
  const nul = info.indexOf(0, nameAt);
  return {
    folder: handleKey(info.subarray(4, nameAt)),
    name: decodeName(info.subarray(nameAt, nul < 0 ? info.length : nul)),
  };
}
