/* A Hugging Face directory: the small files come from the input, one after the other, each ended by a zero byte, in the
 * order of `names`. The view is opened without weights and, for the plan, with a few that fit nothing in particular. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libfmt/view.h>
#include <libfmt/write.h>

#include "fuzz.h"

static const char *const names[] = {
	"config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "generation_config.json", "README.md",
	"added_tokens.json", "model.safetensors.index.json", "tekken.json",
};

#define N_NAMES (sizeof names / sizeof *names)

static char dir[] = "/tmp/assay-fuzz-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void remove_dir(void)
{
	for (size_t i = 0; i < N_NAMES; i++)
		unlink(path_of(names[i]));
	unlink(path_of("model.safetensors"));
	rmdir(dir);
}

static void write_weights(void)
{
	static const char *const tensors[] = { "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight" };
	static const uint64_t dims[] = { 2, 4 };
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_SAFETENSORS, &err);
	struct fmt_sink *s = fmt_sink_create(path_of("model.safetensors"), true, &err);
	uint64_t n_bytes;
	uint32_t index;

	for (size_t i = 0; i < 3; i++)
		fmt_writer_tensor(w, (struct fmt_str){ tensors[i], strlen(tensors[i]) }, FMT_F32, i == 1 ? 1 : 2, dims, &index, &err);
	if (!fmt_writer_layout(w, &n_bytes, &err) || !fmt_writer_header(w, s, &err) || !fmt_sink_commit(s, n_bytes, &err))
		abort();
	fmt_writer_destroy(w);
}

static void make_dir(void)
{
	if (!mkdtemp(dir) || atexit(remove_dir))
		abort();
	write_weights();
}

/* Writes each part to its file; a file without a part, or with an empty one, is not there. */
static void write_parts(const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < N_NAMES; i++) {
		const uint8_t *end = n ? memchr(data, 0, n) : NULL;
		size_t len = end ? (size_t)(end - data) : n;
		FILE *f;

		unlink(path_of(names[i]));
		if (len) {
			f = fopen(path_of(names[i]), "wb");
			if (!f || fwrite(data, 1, len, f) != len || fclose(f))
				abort();
		}
		data += len + (end != NULL);
		n -= len + (end != NULL);
	}
}

static void open_and_close(const struct fmt_view_opts *opts)
{
	struct fmt_err err = { 0 };
	struct fmt_view *v = fmt_view_open(dir, opts, &err);

	if (!v && (!err.code || !err.msg[0]))
		abort();
	for (uint64_t i = 0; v && i < v->n_kv; i++) {
		char key[256];

		snprintf(key, sizeof key, "%.*s", (int)v->kv[i].key.n, v->kv[i].key.p);
		if (fmt_view_get(v, key) != &v->kv[i].value)
			abort();
	}
	fmt_view_close(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (access(dir, W_OK)) /* the template itself is no directory */
		make_dir();
	write_parts(data, n);
	open_and_close(&(struct fmt_view_opts){ .vocab_only = true });
	open_and_close(NULL);
	return 0;
}
