// A program that runs for the given number of microseconds: busily if it is less than a millisecond, else asleep.
// Without an argument it ends at once.

#include <stdlib.h>
#include <time.h>

static long microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

int main(int count, char **args) {
  long duration = count > 1 ? atol(args[1]) : 0;
  long begin = microseconds();
  if (duration < 1000) {
    while (microseconds() - begin < duration) {
    }
    return 0;
  }
  struct timespec pause = {duration / 1000000, duration % 1000000 * 1000};
  return nanosleep(&pause, 0) != 0;
}
