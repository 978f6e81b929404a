/* A quantized checkpoint of one layer: config.json, a zero byte, then the file of weights. Every matrix that the view finds is
 * read, as its planes or as it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libfmt/view.h>

#include "fuzz.h"

static char dir[] = "/tmp/assay-fuzz-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void remove_dir(void)
{
	unlink(path_of("config.json"));
	unlink(path_of("model.safetensors"));
	rmdir(dir);
}

static void write_file(const char *name, const uint8_t *data, size_t n)
{
	FILE *f = fopen(path_of(name), "wb");

	if (!f || fwrite(data, 1, n, f) != n || fclose(f))
		abort();
}

/* Sides come from config.json, so what is read is bounded here. */
static void read_tensor(const struct fmt_view *v, const struct fmt_view_tensor *t)
{
	uint64_t cols = t->n_dims ? t->dims[t->n_dims - 1] : 1, rows = cols ? t->n_elems / cols : 0;
	struct fmt_err err = { 0 };
	uint8_t *dst;

	if (!t->n_elems || t->n_elems > 1 << 16)
		return;
	dst = malloc((size_t)(t->n_elems * 8));
	if (!dst)
		return;
	for (uint32_t i = 0; i < t->n_planes; i++)
		fmt_view_read_plane(v, t, i, 0, rows, dst, &err);
	if (!t->n_planes)
		fmt_view_read(v, t, 0, rows, dst, &err);
	free(dst);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct fmt_view_opts opts = { .no_tokenizer = true };
	static bool made;
	const uint8_t *end = n ? memchr(data, 0, n) : NULL;
	size_t config = end ? (size_t)(end - data) : n;
	struct fmt_view_quantized q;
	struct fmt_err err = { 0 };
	struct fmt_view *v;

	if (!made && (!mkdtemp(dir) || atexit(remove_dir)))
		abort();
	made = true;
	write_file("config.json", data, config);
	write_file("model.safetensors", end ? end + 1 : data, end ? n - config - 1 : 0);
	v = fmt_view_open(dir, &opts, &err);
	for (uint64_t i = 0; v && i < v->n_tensors; i++)
		read_tensor(v, &v->tensors[i]);
	if (v)
		fmt_view_quantized(v, &q);
	fmt_view_close(v);
	return 0;
}
