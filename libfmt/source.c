/* Regular files only: their size is known, reading them never blocks, and reading twice gives the same. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#define READ_MAX ((size_t)1 << 30) /* per pread: macOS refuses 2 GiB and more, Linux cuts short there */

/* What is wrong with something that is not a regular file. */
static const char *kind(mode_t mode)
{
	if (S_ISDIR(mode))
		return "is a directory, not a file";
	if (S_ISFIFO(mode))
		return "is a pipe; a file is needed, because reading jumps about";
	return "is not a regular file";
}

static bool check_kind(struct fmt_source *s, struct fmt_err *err)
{
	struct stat st;

	if (fstat(s->fd, &st))
		return fmt_fail_errno(err, errno, "cannot look at it");
	if (!S_ISREG(st.st_mode))
		return fmt_fail(err, FMT_IO, FMT_NO_OFFSET, "%s", kind(st.st_mode));
	s->n_bytes = (uint64_t)st.st_size;
	return true;
}

bool fmt_source_open(struct fmt_source *s, const char *path, struct fmt_err *err)
{
	*s = (struct fmt_source){ .fd = -1 };
	/* without O_NONBLOCK the opening of a FIFO would wait for a writer */
	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (s->fd < 0) {
		fmt_fail_errno(err, errno, "cannot open it");
		fmt_err_file(err, path);
		return false;
	}
	s->path = strdup(path);
	if (!s->path)
		fmt_fail_nomem(err, strlen(path) + 1);
	else if (check_kind(s, err))
		return true;
	fmt_err_file(err, path);
	fmt_source_close(s);
	return false;
}

void fmt_source_close(struct fmt_source *s)
{
	const void *map = atomic_load(&s->map);

	if (map)
		munmap((void *)(uintptr_t)map, (size_t)s->n_bytes);
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	*s = (struct fmt_source){ .fd = -1 };
}

/* `got` of the n bytes at `off` were there. */
static bool truncated(const struct fmt_source *s, uint64_t off, size_t n, size_t got, struct fmt_err *err)
{
	fmt_fail(err, FMT_TRUNCATED, off, off + n <= s->n_bytes ?
	         "need %zu bytes, %zu left: the file was cut while it was read" : "need %zu bytes, %zu left", n, got);
	fmt_err_file(err, s->path);
	return false;
}

bool fmt_source_read(const struct fmt_source *s, uint64_t off, void *dst, size_t n, struct fmt_err *err)
{
	size_t done = 0;

	if (off > s->n_bytes || n > s->n_bytes - off)
		return truncated(s, off, n, off > s->n_bytes ? 0 : (size_t)(s->n_bytes - off), err);
	while (done < n) {
		size_t want = n - done < READ_MAX ? n - done : READ_MAX;
		ssize_t got = pread(s->fd, (char *)dst + done, want, (off_t)(off + done));

		if (got == 0)
			return truncated(s, off, n, done, err);
		if (got < 0 && errno != EINTR) {
			fmt_fail_errno(err, errno, "cannot read");
			fmt_err_file(err, s->path);
			return false;
		}
		done += got > 0 ? (size_t)got : 0;
	}
	return true;
}

const void *fmt_source_map(struct fmt_source *s)
{
	const void *map = atomic_load(&s->map), *expected = NULL;

	if (map || !s->n_bytes || s->n_bytes > SIZE_MAX)
		return map;
	map = mmap(NULL, (size_t)s->n_bytes, PROT_READ, MAP_SHARED, s->fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong(&s->map, &expected, map))
		return map;
	/* another thread was faster */
	munmap((void *)(uintptr_t)map, (size_t)s->n_bytes);
	return expected;
}

bool fmt_source_unchanged(const struct fmt_source *s, struct fmt_err *err)
{
	struct stat st;

	if (fstat(s->fd, &st))
		fmt_fail_errno(err, errno, "cannot look at it");
	else if ((uint64_t)st.st_size == s->n_bytes)
		return true;
	else
		fmt_fail(err, FMT_IO, FMT_NO_OFFSET,
		         "changed its size from %" PRIu64 " to %" PRIu64 " bytes while it was read; try again when it is complete",
		         s->n_bytes, (uint64_t)st.st_size);
	fmt_err_file(err, s->path);
	return false;
}
