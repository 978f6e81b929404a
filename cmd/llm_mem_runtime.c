/* llm-mem --runtime: cache, state and buffers that a runtime takes at each context, beside the weights. */
#include <inttypes.h>
#include <string.h>

#include "llm_mem.h"

/* One figure per row, and whether it is worth one. */
struct row {
	const char *name, *json;
	size_t offset; /* in struct fmt_runtime_bytes */
	const char *of_assay; /* what it is there; NULL: the same */
};

static const struct row rows[] = {
	{ "cache", "kv_bytes", offsetof(struct fmt_runtime_bytes, kv), NULL },
	{ "state", "state_bytes", offsetof(struct fmt_runtime_bytes, state), NULL },
	{ "compute buffer", "compute_bytes", offsetof(struct fmt_runtime_bytes, compute), NULL },
	{ "output buffer", "output_bytes", offsetof(struct fmt_runtime_bytes, output), NULL },
	{ "runtime itself", "other_bytes", offsetof(struct fmt_runtime_bytes, other), "tokenizer" },
	{ NULL, "total_bytes", offsetof(struct fmt_runtime_bytes, total), NULL },
};

static uint64_t get(const struct fmt_runtime_bytes *b, const struct row *row)
{
	uint64_t n;

	memcpy(&n, (const char *)b + row->offset, sizeof n);
	return n;
}

bool mem_runtime(struct mem_report *r, struct fmt_err *err)
{
	struct fmt_runtime_opts *o = &r->runtime;

	o->k_type = o->v_type = r->cache.type;
	o->sequences = r->cache.sequences;
	for (size_t i = 0; i < r->n_contexts && r->e.layers_known; i++) {
		o->context = r->contexts[i];
		if (!fmt_runtime_bytes(&r->e, o, &r->buffers[i], err))
			return false;
	}
	return true;
}

static const char *row_name(const struct mem_report *r, const struct row *row)
{
	if (!row->name)
		return "total";
	return row->of_assay && r->own.model ? row->of_assay : row->name;
}

static void line(const struct mem_report *r, const char *name, const struct row *row, uint64_t more)
{
	char text[32];

	printf("  %-24s", name);
	for (size_t i = 0; i < r->n_contexts; i++) {
		uint64_t n = row ? get(&r->buffers[i], row) : 0;

		printf(" %11s", n <= UINT64_MAX - more ? cli_bytes(n + more, text) : "too large");
	}
	putchar('\n');
}

void mem_runtime_text(const struct mem_report *r)
{
	const struct mem_weights *w = &r->weights[0];
	char text[32], name[48];

	if (!r->e.layers_known)
		return;
	printf("\nwith the buffers of %s\n  %-24s", fmt_runtime_name(r->runtime.runtime), "tokens");
	for (size_t i = 0; i < r->n_contexts; i++)
		printf(" %11s", cli_thousands(r->contexts[i], text));
	putchar('\n');
	snprintf(name, sizeof name, "weights, %s", w->name);
	line(r, name, NULL, w->tensor_bytes);
	for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows; row++) {
		bool shown = !row->name;

		for (size_t i = 0; i < r->n_contexts; i++)
			shown = shown || get(&r->buffers[i], row);
		if (shown)
			line(r, row_name(r, row), row, row->name ? 0 : w->tensor_bytes);
	}
	mem_own_text(r);
}

void mem_runtime_json(const struct mem_report *r, struct cli_json *j)
{
	static const char *const flash[FMT_FLASH_COUNT] = { "auto", "on", "off" };

	if (!r->e.layers_known)
		return;
	cli_json_object(j, "runtime");
	cli_json_cstr(j, "name", fmt_runtime_name(r->runtime.runtime));
	cli_json_cstr(j, "flash_attention", flash[r->runtime.flash]);
	cli_json_bool(j, "swa_full", r->runtime.swa_full);
	mem_own_json(r, j);
	cli_json_close(j, '}');
	cli_json_object(j, "buffers");
	for (size_t i = 0; i < r->n_contexts; i++) {
		char context[24];

		snprintf(context, sizeof context, "%" PRIu64, r->contexts[i]);
		cli_json_object(j, context);
		for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows; row++)
			cli_json_u64(j, row->json, get(&r->buffers[i], row));
		cli_json_close(j, '}');
	}
	cli_json_close(j, '}');
}
