/* Delays writes to files below one folder, to see what a slow disk does. Loaded with LD_PRELOAD.

   SLOW_WRITE_BELOW   the folder; files elsewhere are never delayed
   SLOW_WRITE_MS      a file that holds the delay in milliseconds; while it is missing nothing is delayed

   fwrite() is delayed only when it empties its buffer: that is when the disk is asked. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void delay(int descriptor)
{
	const char *below = getenv("SLOW_WRITE_BELOW"), *setting = getenv("SLOW_WRITE_MS");
	char name[64], path[4096], digits[16] = "";
	if (!below || !setting || access(setting, R_OK))
		return;
	snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
	ssize_t length = readlink(name, path, sizeof path - 1);
	if (length < 0)
		return;
	path[length] = 0;
	size_t prefix = strlen(below);
	if (strncmp(path, below, prefix) || path[prefix] != '/')
		return;
	int file = open(setting, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return;
	if (read(file, digits, sizeof digits - 1) < 0)
		digits[0] = 0;
	close(file);
	long ms = atol(digits);
	struct timespec left = {ms / 1000, ms % 1000 * 1000000L};
	while (ms > 0 && nanosleep(&left, &left))
		;
}

ssize_t write(int descriptor, const void *data, size_t bytes)
{
	static ssize_t (*real)(int, const void *, size_t);
	if (!real)
		real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	delay(descriptor);
	return real(descriptor, data, bytes);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream)
{
	static size_t (*real)(const void *, size_t, size_t, FILE *);
	if (!real)
		real = (size_t (*)(const void *, size_t, size_t, FILE *))dlsym(RTLD_NEXT, "fwrite");
	size_t before = __fpending(stream), written = real(data, size, count, stream);
	if (__fpending(stream) < before + written * size)
		delay(fileno(stream));
	return written;
}
