/* The bytes of an open file: exact reads at offsets from any thread, and a mapping made when first asked for. */
#ifndef LIBFMT_SOURCE_H
#define LIBFMT_SOURCE_H

#include <stdatomic.h>

#include <libfmt/err.h>
#include <stddef.h>

struct fmt_source {
	int fd;
	uint64_t n_bytes;         /* when it was opened */
	char *path;
	_Atomic(const void *) map; /* of the whole file, or NULL */
};

/* Opens a regular file for reading; a directory, FIFO, socket or device is refused without being read.
 * On failure *err is set, names the file, and there is nothing to close. */
bool fmt_source_open(struct fmt_source *s, const char *path, struct fmt_err *err);
void fmt_source_close(struct fmt_source *s); /* after fmt_source_open succeeded, or on a source of fd -1 */

/* Reads exactly n bytes at `off`; FMT_TRUNCATED if the file ends before, FMT_IO if the system fails. */
bool fmt_source_read(const struct fmt_source *s, uint64_t off, void *dst, size_t n, struct fmt_err *err);

/* The whole file, mapped read-only until fmt_source_close; NULL if it cannot be mapped (or is empty). Any thread. */
const void *fmt_source_map(struct fmt_source *s);

/* Fails if the file no longer has the size that it was opened with: somebody is still writing it. */
bool fmt_source_unchanged(const struct fmt_source *s, struct fmt_err *err);

#endif
