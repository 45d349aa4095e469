/* Shows a process a wall clock that is wrong by as many seconds as the file in WRONG_CLOCK says, at any moment.
   Nothing else is touched: spans are measured, and slept, by the true clock. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *wrong_by;

__attribute__((constructor)) static void open_clock(void)
{
    const char *name = getenv("WRONG_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *found = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *wrong_by, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0)
        close(file);
    if (found != MAP_FAILED)
        wrong_by = found;
}

int clock_gettime(clockid_t which, struct timespec *moment)
{
    int failed = syscall(SYS_clock_gettime, which, moment);
    if (!failed && wrong_by && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        moment->tv_sec += *wrong_by;
    return failed;
}

int gettimeofday(struct timeval *restrict moment, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    moment->tv_sec = precise.tv_sec;
    moment->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *moment)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (moment)
        *moment = precise.tv_sec;
    return precise.tv_sec;
}
