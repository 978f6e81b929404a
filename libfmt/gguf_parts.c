/* Split GGUF files: PREFIX-00001-of-00003.gguf leads to the others. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gguf.h"
#include "model_impl.h"

#define SUFFIX_BYTES 20 /* of "-00001-of-00003.gguf" */

static void make_suffix(char suffix[64], uint64_t no, uint64_t count)
{
	snprintf(suffix, 64, "-%05" PRIu64 "-of-%05" PRIu64 ".gguf", no + 1, count);
}

/* The path of part `no`, made from the first one's; the prefix is copied, never interpreted. Freed by the caller. */
static char *part_path(const char *first, uint64_t no, uint64_t count, struct fmt_err *err)
{
	size_t n = strlen(first);
	char suffix[64], *path;

	make_suffix(suffix, 0, count);
	if (n < SUFFIX_BYTES || strcmp(first + n - SUFFIX_BYTES, suffix)) {
		fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "part 1 of %" PRIu64 ", but its name does not end in %s, so the others "
		         "cannot be found", count, suffix);
		return NULL;
	}
	path = malloc(n + 1);
	if (!path) {
		fmt_fail_nomem(err, n + 1);
		return NULL;
	}
	make_suffix(suffix, no, count);
	memcpy(path, first, n - SUFFIX_BYTES);
	memcpy(path + n - SUFFIX_BYTES, suffix, SUFFIX_BYTES + 1);
	return path;
}

static bool open_parts(struct fmt_model *m, uint64_t count, struct fmt_err *err)
{
	for (uint64_t no = 1; no < count; no++) {
		char *path = part_path(m->files[0], no, count, err);

		if (path)
			fmt_model_add_file(m, path, err);
		free(path);
		if (err->code)
			return false;
	}
	return true;
}

bool gguf_complete(struct fmt_model *m, struct fmt_err *err)
{
	const struct gguf_split *split = m->impl->state;

	if (split->count <= 1 && m->n_files > 1)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "not a part of a split model, and cannot be joined with others");
	if (split->count <= 1)
		return true;
	if (split->count > 99999)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "split into %" PRIu64 " parts, at most 99999 can be named", split->count);
	if (m->n_files == 1 && !open_parts(m, split->count, err))
		return false;
	if (m->n_files != split->count)
		return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "split into %" PRIu64 " parts, %" PRIu32 " were given", split->count,
		                m->n_files);
	if (split->tensors != UINT64_MAX && split->tensors != m->n_tensors)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "split.tensors.count is %" PRIu64 ", the parts have %" PRIu64
		                " tensors together", split->tensors, m->n_tensors);
	return true;
}
