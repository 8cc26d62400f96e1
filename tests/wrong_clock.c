// A clock that is off by the seconds in the file $WRONG_CLOCK, for a process that preloads this.
// Only the time of day is wrong, as on a real machine. libfaketime 0.9.10 cannot do that: with
// its DONT_FAKE_MONOTONIC every sleep until a moment of the monotonic clock fails.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void) {
    const char *path = getenv("WRONG_CLOCK");
    char content[32] = {0};
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    ssize_t size = read(file, content, sizeof content - 1);
    close(file);
    return size > 0 ? atol(content) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *shown) {
    int failed = syscall(SYS_clock_gettime, clock, shown);
    if (!failed && clock == CLOCK_REALTIME) shown->tv_sec += offset();
    return failed;
}

time_t time(time_t *shown) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (shown) *shown = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict shown, void *restrict zone) {
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    shown->tv_sec = now.tv_sec;
    shown->tv_usec = now.tv_nsec / 1000;
    return failed;
}
