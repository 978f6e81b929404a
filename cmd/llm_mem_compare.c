/* llm-mem beside weights: are they what config.json asks for? A repeated output matrix makes them more, a part of a model
 * less. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "llm_mem.h"

#define SHOWN 3 /* tensors of each kind of difference that are named */

struct differences {
	uint64_t n[FMT_DIFFERENCE_COUNT];
	char names[FMT_DIFFERENCE_COUNT][400];
};

static void add(void *ctx, enum fmt_difference kind, const char *name)
{
	struct differences *d = ctx;
	size_t at = strlen(d->names[kind]);

	if (d->n[kind]++ < SHOWN)
		snprintf(d->names[kind] + at, sizeof d->names[kind] - at, "%s%.120s", at ? ", " : "", name);
}

static bool has_suffix(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* Those of a directory, all shards, or of one file. NULL: there are none. */
static struct fmt_model *open_weights(const char *path)
{
	struct fmt_err none = { .code = FMT_OK };
	struct stat st;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return fmt_model_open_dir(path, &none);
	return has_suffix(path, ".safetensors") ? fmt_model_open(path, &none) : NULL;
}

/* "model-00002-of-00003.safetensors" */
static bool is_shard(const char *path)
{
	const char *of = strstr(path, "-of-");

	return of && has_suffix(path, ".safetensors") && strspn(of + 4, "0123456789") + 4 + strlen(".safetensors") == strlen(of);
}

/* Of a quantized checkpoint by their bytes alone. */
static void compare_bytes(const struct mem_report *r, const struct fmt_model *m)
{
	uint64_t n = 0;
	char there[32], asked[32];

	for (uint64_t i = 0; i < m->n_tensors; i++)
		n += m->tensors[i].n_bytes;
	if (r->stored.known && !r->stored.about && n != r->stored.bytes)
		cli_note(r->program, "note: the tensors that are there take %s bytes, config.json asks for %s", cli_thousands(n, there),
		         cli_thousands(r->stored.bytes, asked));
}

static void compare_elements(const struct mem_report *r, const struct fmt_model *m)
{
	uint64_t n = 0;
	char there[32], asked[32];

	for (uint64_t i = 0; i < m->n_tensors; i++)
		n += m->tensors[i].n_elems;
	if (n != r->e.total)
		cli_note(r->program, "note: the weights that are there have %s elements, config.json asks for %s",
		         cli_thousands(n, there), cli_thousands(r->e.total, asked));
}

static void compare_tensors(const struct mem_report *r, const struct fmt_model *m)
{
	static const char *const about[FMT_DIFFERENCE_COUNT] = {
		"missing", "more than config.json asks for", "of another shape than config.json asks for",
	};
	struct differences d = { .n = { 0 } };
	struct fmt_err ignored = { .code = FMT_OK };
	bool same = true;

	if (!fmt_view_compare(r->view, m, add, &d, &ignored))
		return;
	for (int i = 0; i < FMT_DIFFERENCE_COUNT; i++)
		same = same && !d.n[i];
	if (same)
		return;
	compare_elements(r, m);
	for (int i = 0; i < FMT_DIFFERENCE_COUNT; i++)
		if (d.n[i])
			cli_note(r->program, "note: %" PRIu64 " tensor%s %s: %s%s", d.n[i], d.n[i] == 1 ? "" : "s", about[i], d.names[i],
			         d.n[i] > SHOWN ? " ..." : "");
}

void mem_compare(const struct mem_report *r)
{
	struct fmt_model *m = NULL;

	if (is_shard(r->path)) {
		cli_note(r->program, "note: one shard of several; what is counted is the whole model, by config.json");
		return;
	}
	if (r->view->from_dir && !r->program->quiet)
		m = open_weights(r->path);
	if (!m)
		return;
	if (r->stored.quantized)
		compare_bytes(r, m);
	else if (r->view->counted_only)
		compare_elements(r, m);
	else
		compare_tensors(r, m);
	fmt_model_close(m);
}
