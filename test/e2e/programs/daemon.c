// A daemon of PackageKit's shape: writes lines to the journal as syslog(3) does, and runs programs as its children, one after the other.
//
// usage: daemon [LINE]... -- PROGRAM [ARGUMENT...] [++ PROGRAM [ARGUMENT...]]...

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **args) {
  struct sockaddr_un address = {AF_UNIX, "/run/systemd/journal/dev-log"};
  int log = socket(AF_UNIX, SOCK_DGRAM, 0);
  int at = 1;
  for (; at < count && strcmp(args[at], "--"); at++) {
    char text[1024];
    int size = snprintf(text, sizeof text, "<15>PackageKit: %s", args[at]);
    if (sendto(log, text, size, 0, (struct sockaddr *)&address, sizeof address) != size) return 3;
  }
  // A real daemon runs longer, and is checked when it starts.
  struct timespec pause = {0, 200000000};
  nanosleep(&pause, 0);
  if (++at >= count) return 2;
  int status = 0;
  while (at < count) {
    char **program = args + at;
    while (at < count && strcmp(args[at], "++")) at++;
    args[at++] = 0;
    pid_t pid = fork();
    if (pid == 0) {
      execvp(program[0], program);
      _exit(127);
    }
    if (waitpid(pid, &status, 0) != pid) return 1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
