// Constants of Linux that only tests pass to libc, by their names in C; collectors/linux/linux-abi.ts has those of the agent.

export const linuxInTests = {
  CLONE_NEWNS: 0x2_0000,
  CLONE_NEWUTS: 0x400_0000,
  MNT_DETACH: 2,
  MS_BIND: 0x1000,
  MS_PRIVATE: 0x4_0000,
  MS_RDONLY: 1,
  MS_REC: 0x4000,
  MS_REMOUNT: 0x20,
} as const;
