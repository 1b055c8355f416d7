// Which programs and directories a distribution brings: a setting that names one of these runs no code of its own.

import path from 'node:path';

const systemDirectories = /^\/(?:usr\/)?(?:s?bin|lib(?:32|64|x32|exec)?|share)\//;

/** Whether the path, without `..`, is below a directory in which only packages put programs: /usr/local is not. */
export const isSystemPath = (file: string): boolean => systemDirectories.test(`${path.posix.normalize(file)}/`);

/** Whether the text is the bare name of a program, which is searched in PATH, or the path of one of the system. */
export const isSystemProgram = (program: string): boolean => !program.includes('/') || isSystemPath(program);

/** Whether every directory of a search path is one of the system. An empty one is the working directory. */
export const isSystemSearchPath = (directories: string): boolean => directories.split(':').every(isSystemPath);

/** Whether a directory of the search path is relative, or one in which every user can write. */
export const hasOpenDirectory = (directories: string): boolean =>
  directories.split(':').some((directory) => {
    const normal = path.posix.normalize(directory);
    return directory !== '' && (!normal.startsWith('/') || /^\/(?:tmp|var\/tmp|dev\/shm)(?:\/|$)/.test(normal));
  });
