/* Moves the wall clock of a running process, and only that: monotonic time, and so every pause, goes on. Loaded with
   LD_PRELOAD; STEPPED_CLOCK names a file of eight bytes, the offset in nanoseconds, mapped and so seen at once.

   libfaketime fakes more and does not fit: its sleep until a monotonic moment fails now and then with EINVAL. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static const volatile int64_t *offset;

__attribute__((constructor)) static void find_offset(void)
{
	const char *name = getenv("STEPPED_CLOCK");
	int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	if (file < 0)
		return;
	void *seen = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
	if (seen != MAP_FAILED)
		offset = seen;
	close(file);
}

static void move(struct timespec *at, int64_t by)
{
	int64_t ns = at->tv_sec * SECOND + at->tv_nsec + by;
	at->tv_sec = ns / SECOND;
	at->tv_nsec = ns % SECOND;
}

static void *real(const char *name)
{
	/* The plain look-up finds a condition variable's function of before 2003. */
	void *found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
	return found ? found : dlsym(RTLD_NEXT, name);
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
	static int (*next)(clockid_t, struct timespec *);
	if (!next)
		next = (int (*)(clockid_t, struct timespec *))real("clock_gettime");
	int failed = next(clock, at);
	if (!failed && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		move(at, *offset);
	return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	at->tv_sec = now.tv_sec;
	at->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *at)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (at)
		*at = now.tv_sec;
	return now.tv_sec;
}

/* A moment of the moved clock, as the kernel's clock has it. Small ones are of the monotonic clock. */
static struct timespec kernel_moment(const struct timespec *until)
{
	struct timespec moment = *until;
	if (offset && until->tv_sec > 1000000000)
		move(&moment, -*offset);
	return moment;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
	static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	if (!next)
		next = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))real("pthread_cond_timedwait");
	struct timespec moment = kernel_moment(until);
	return next(condition, mutex, &moment);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
	static int (*next)(sem_t *, const struct timespec *);
	if (!next)
		next = (int (*)(sem_t *, const struct timespec *))real("sem_timedwait");
	struct timespec moment = kernel_moment(until);
	return next(semaphore, &moment);
}
