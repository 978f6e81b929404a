/* Output that appears whole or not at all: a temporary file beside the final name, fsync, rename. */
#ifndef LIBFMT_SINK_H
#define LIBFMT_SINK_H

#include <libfmt/err.h>
#include <stddef.h>

struct fmt_sink;

/* Starts an output that will be called `path`. Nothing under that name is touched before fmt_sink_commit. What is not
 * written reads as zeros. Only a regular file can be replaced; a symbolic link to one is replaced, not followed.
 * overwrite   false: FMT_EXISTS if `path` is there, now or at commit
 * returns NULL with *err set; FMT_IO if the directory is not there or cannot be written to */
struct fmt_sink *fmt_sink_create(const char *path, bool overwrite, struct fmt_err *err);

/* The bytes that the file system of the output has free for this process. false: it does not say. What the output will
 * replace is not counted: it stays until the commit. */
bool fmt_sink_free_bytes(const struct fmt_sink *s, uint64_t *n_bytes);

/* Writes n bytes at an absolute offset. Any thread, any order. */
bool fmt_sink_write(struct fmt_sink *s, uint64_t off, const void *data, size_t n, struct fmt_err *err);

/* A path under which what has been written so far can be opened and read, as a file of n_bytes, until s is committed or
 * aborted. To be freed; NULL with *err set. */
char *fmt_sink_path(struct fmt_sink *s, uint64_t n_bytes, struct fmt_err *err);

/* Makes the file exactly n_bytes long, flushes it to the disk and gives it its name. Frees s in every case. */
bool fmt_sink_commit(struct fmt_sink *s, uint64_t n_bytes, struct fmt_err *err);

/* The same for n > 0 files of one directory that belong together, such as the parts of a model. All are on the disk before one has
 * its name, and the first gets it last: where it is, the others are. A first file from before goes away first; with
 * overwrite the others replace what is there one by one. On failure those that had their names and replaced nothing lose them
 * again. Frees all in every case. */
bool fmt_sink_commit_all(struct fmt_sink *const *sinks, const uint64_t *n_bytes, size_t n, struct fmt_err *err);

void fmt_sink_abort(struct fmt_sink *s); /* drops what was written, frees s; NULL is fine */

#endif
