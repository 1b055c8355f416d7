// Constants of Linux and glibc that Node does not offer (fs.constants, os.constants), by their names in C. They are the
// same on x86-64 and arm64: test/collectors/linux/linux-abi.test.ts compares them with the headers of both.

/** Macros and enumerators. */
export const linux = {
  AF_UNIX: 1,
  AT_EMPTY_PATH: 0x1000,
  CLOCK_BOOTTIME: 7,
  CLOCK_REALTIME: 0,
  CLONE_PARENT: 0x8000,
  CLONE_THREAD: 0x1_0000,
  FAN_ATTRIB: 0x4,
  FAN_CLOEXEC: 0x1,
  FAN_CLOSE_WRITE: 0x8,
  FAN_CREATE: 0x100,
  FAN_DELETE: 0x200,
  FAN_DELETE_SELF: 0x400,
  FAN_EVENT_INFO_TYPE_DFID_NAME: 2,
  FAN_EVENT_INFO_TYPE_NEW_DFID_NAME: 12,
  FAN_EVENT_INFO_TYPE_OLD_DFID_NAME: 10,
  FAN_EVENT_ON_CHILD: 0x800_0000,
  FAN_MARK_ADD: 0x1,
  FAN_MARK_ONLYDIR: 0x8,
  FAN_MODIFY: 0x2,
  FAN_MOVED_FROM: 0x40,
  FAN_MOVED_TO: 0x80,
  FAN_MOVE_SELF: 0x800,
  FAN_NONBLOCK: 0x2,
  FAN_ONDIR: 0x4000_0000,
  FAN_Q_OVERFLOW: 0x4000,
  FAN_RENAME: 0x1000_0000,
  FAN_REPORT_DFID_NAME: 0xc00,
  FAN_UNLIMITED_MARKS: 0x20,
  MADV_DONTNEED: 4,
  MAX_HANDLE_SZ: 128,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  O_PATH: 0x20_0000,
  PR_SET_PDEATHSIG: 1,
  PT_LOAD: 1,
  RLIMIT_NOFILE: 7,
  SOCK_CLOEXEC: 0x8_0000,
  SOCK_DGRAM: 2,
  SOL_SOCKET: 1,
  SO_SNDBUF: 7,
} as const;

/** Structures: `bytes` is the size of the structure, the others are offsets of fields. */
export const layout = {
  rlimit: { bytes: 16, rlim_cur: 0, rlim_max: 8 },
  timespec: { bytes: 16, tv_sec: 0, tv_nsec: 8 },
  sockaddr_un: { bytes: 110, sun_family: 0, sun_path: 2 },
  statfs: { bytes: 120, f_fsid: 56 },
  file_handle: { bytes: 8, handle_bytes: 0, f_handle: 8 },
  fanotify_event_metadata: { bytes: 24, event_len: 0, metadata_len: 6, mask: 8, pid: 20 },
  fanotify_event_info_header: { bytes: 4, info_type: 0, len: 2 },
  /** A struct file_handle follows, then the name. */
  fanotify_event_info_fid: { bytes: 12, fsid: 4 },
} as const;
