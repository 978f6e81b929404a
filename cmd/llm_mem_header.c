/* llm-mem of weights without a config.json: what their headers say. Layers and caches are not known. */
#include <inttypes.h>
#include <string.h>

#include <libfmt/component.h>

#include "llm_mem.h"

struct header {
	uint64_t total, bytes;
	uint64_t by_part[FMT_PART_COUNT];
	uint64_t of_type[FMT_TYPE_COUNT]; /* bytes */
};

/* A model's elements and bytes are bounded by its files, whose sizes the reader has checked. */
static void count(const struct fmt_model *m, struct header *h)
{
	for (uint64_t i = 0; i < m->n_tensors; i++) {
		const struct fmt_tensor *t = &m->tensors[i];

		h->total += t->n_elems;
		h->bytes += t->n_bytes;
		h->by_part[fmt_component_of(t->name)] += t->n_elems;
		h->of_type[t->type] += t->n_bytes;
	}
}

static void print_text(const char *path, const struct header *h)
{
	char n[32], short_n[32];

	cli_print_str(stdout, (struct fmt_str){ path, strlen(path) });
	printf("\n\nelements           %17s  %s\n", cli_thousands(h->total, n), cli_count(h->total, short_n));
	for (int p = 0; p < FMT_PART_COUNT; p++)
		if (h->by_part[p])
			printf("  %-16s %17s  %5.1f%%\n", fmt_component_name((enum fmt_component)p), cli_thousands(h->by_part[p], n),
			       100.0 * (double)h->by_part[p] / (double)h->total);
	printf("\nas stored          %17s bytes  %s\n", cli_thousands(h->bytes, n), cli_bytes(h->bytes, short_n));
	for (int t = 0; t < FMT_TYPE_COUNT; t++)
		if (h->of_type[t])
			printf("  %-16s %17s\n", fmt_type_info((enum fmt_type)t)->name, cli_thousands(h->of_type[t], n));
}

static void print_json(const char *path, const struct header *h)
{
	struct cli_json j;

	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "path", path);
	cli_json_object(&j, "stored");
	cli_json_u64(&j, "elements", h->total);
	cli_json_u64(&j, "bytes", h->bytes);
	cli_json_object(&j, "elements_by_component");
	for (int p = 0; p < FMT_PART_COUNT; p++)
		if (h->by_part[p])
			cli_json_u64(&j, fmt_component_name((enum fmt_component)p), h->by_part[p]);
	cli_json_close(&j, '}');
	cli_json_object(&j, "bytes_by_type");
	for (int t = 0; t < FMT_TYPE_COUNT; t++)
		if (h->of_type[t])
			cli_json_u64(&j, fmt_type_info((enum fmt_type)t)->name, h->of_type[t]);
	cli_json_close(&j, '}');
	cli_json_close(&j, '}');
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

bool mem_print_header(const struct mem_report *r, bool dir, struct fmt_err *err)
{
	struct fmt_model *m = dir ? fmt_model_open_dir(r->path, err) : fmt_model_open(r->path, err);
	struct header h = { .total = 0 };

	if (!m)
		return false;
	count(m, &h);
	fmt_model_close(m);
	if (r->view && r->view->is_adapter)
		cli_note(r->program, "note: an adapter: its model's memory comes on top");
	else
		cli_note(r->program, "note: no config.json: layers and cache are not known%s",
		         strstr(r->path, "-of-") ? ", and it may be a part of a model" : "");
	if (r->program->json)
		print_json(r->path, &h);
	else
		print_text(r->path, &h);
	return true;
}
