// Runs a program in one of the ways that C has: launch WAY PROGRAM [ARGUMENT...]

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  char **program = argv + 2;
  pid_t pid = -1;
  if (!strcmp(argv[1], "fork")) {
    pid = fork();
    if (pid == 0) {
      execvp(program[0], program);
      _exit(127);
    }
  } else if (!strcmp(argv[1], "vfork")) {
    pid = vfork();
    if (pid == 0) {
      execvp(program[0], program);
      _exit(127);
    }
  } else if (!strcmp(argv[1], "spawn")) {
    if (posix_spawnp(&pid, program[0], NULL, NULL, program, environ)) return 126;
  } else if (!strcmp(argv[1], "sibling")) {
    // With CLONE_PARENT the new process is a child of our parent, which waits for it.
    pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
      execvp(program[0], program);
      _exit(127);
    }
    return 0;
  } else if (!strcmp(argv[1], "become")) {
    // The first argument is the program that the parent becomes once the child runs its own.
    int ends[2];
    if (argc < 4 || pipe2(ends, O_CLOEXEC)) return 2;
    pid = fork();
    if (pid == 0) {
      execvp(program[1], program + 1);
      _exit(127);
    }
    close(ends[1]);
    char byte;
    if (read(ends[0], &byte, 1)) return 125;
    execl(program[0], program[0], "-c", "import os; os.wait()", NULL);
    return 125;
  } else return 2;
  int status;
  if (pid < 0 || waitpid(pid, &status, 0) < 0) return 125;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 124;
}
