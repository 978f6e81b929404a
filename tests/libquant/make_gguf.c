/* Writes test files with the library's own writer; asserts instead of failing. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <libfmt/write.h>

#include "make_gguf.h"

int make_dir(void **state)
{
	char *dir = strdup("/tmp/assay-test-XXXXXX");

	*state = dir;
	return dir && mkdtemp(dir) ? 0 : -1;
}

int remove_dir(void **state)
{
	char path[512];
	DIR *d = opendir(*state);

	if (!d)
		return -1;
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", (char *)*state, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(*state);
	free(*state);
	return 0;
}

const char *in_dir(void **state, const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", (char *)*state, name);
	return path;
}

static struct fmt_str str(const char *s)
{
	return (struct fmt_str){ s, strlen(s) };
}

void make_gguf(const char *path, const struct make_key *keys, size_t n_keys, const struct make_tensor *tensors,
               size_t n_tensors)
{
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_GGUF, &err);
	struct fmt_sink *sink = fmt_sink_create(path, true, &err);
	uint64_t file_bytes;
	uint32_t index;

	assert_non_null(w);
	assert_non_null(sink);
	for (size_t i = 0; i < n_keys; i++) {
		struct fmt_kv kv = { .key = str(keys[i].name), .value = { .type = FMT_KV_U32, .as.u = keys[i].number } };

		if (keys[i].text)
			kv.value = (struct fmt_value){ .type = FMT_KV_STR, .as.s = str(keys[i].text) };
		assert_true(fmt_writer_kv(w, &kv, &err));
	}
	for (size_t i = 0; i < n_tensors; i++)
		assert_true(fmt_writer_tensor(w, str(tensors[i].name), tensors[i].type, tensors[i].n_dims, tensors[i].dims,
		                              &index, &err));
	assert_true(fmt_writer_layout(w, &file_bytes, &err));
	assert_true(fmt_writer_header(w, sink, &err));
	for (uint32_t i = 0; i < n_tensors; i++)
		if (tensors[i].data)
			assert_true(fmt_writer_data(w, sink, i, 0, tensors[i].data, (size_t)fmt_writer_bytes(w, i), &err));
	assert_true(fmt_sink_commit(sink, file_bytes, &err));
	fmt_writer_destroy(w);
}
