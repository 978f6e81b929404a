/* What st2gguf prints: the plan and the result. */
#include <inttypes.h>
#include <string.h>

#include "st2gguf_verify.h"

struct totals {
	uint64_t params, tensor_bytes, source_bytes;
	double bits_per_weight;
};

/* The tensors as they come out; the files as they came in. */
static struct totals add_up(const struct conversion *c)
{
	struct totals t = { 0 };
	const struct fmt_model *w = c->view->weights;

	for (uint64_t i = 0; i < c->view->n_tensors; i++) {
		t.params += c->view->tensors[i].n_elems;
		t.tensor_bytes += fmt_writer_bytes(c->writer, (uint32_t)i);
	}
	for (uint32_t i = 0; w && i < w->n_files; i++)
		t.source_bytes += w->file_bytes[i];
	t.bits_per_weight = t.params ? 8.0 * (double)t.tensor_bytes / (double)t.params : 0.0;
	return t;
}

static const char *quant_name(const struct conversion *c)
{
	return c->recipe ? c->recipe->name : "types kept";
}

static uint64_t n_tensors_in(const struct conversion *c, size_t part)
{
	return (part + 1 < c->n_parts ? c->parts[part + 1].first : c->view->n_tensors) - c->parts[part].first;
}

/* Of an output in one file all that could be said here is said elsewhere. */
static void json_files(struct cli_json *j, const struct conversion *c)
{
	if (c->n_parts == 1)
		return;
	cli_json_array(j, "files");
	for (size_t i = 0; i < c->n_parts; i++) {
		cli_json_object(j, NULL);
		cli_json_cstr(j, "path", c->parts[i].path);
		cli_json_u64(j, "tensor_count", n_tensors_in(c, i));
		cli_json_u64(j, "bytes", c->parts[i].file_bytes);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static void json_summary(struct cli_json *j, const struct conversion *c)
{
	struct totals t = add_up(c);

	cli_json_cstr(j, "source", c->view->path);
	cli_json_cstr(j, "output", c->parts[0].path);
	cli_json_str(j, "architecture", c->view->arch_name);
	if (c->recipe)
		cli_json_cstr(j, "quant", c->recipe->name);
	cli_json_u64(j, "tensor_count", c->view->n_tensors);
	cli_json_u64(j, "parameters", t.params);
	cli_json_u64(j, "source_bytes", t.source_bytes);
	cli_json_u64(j, "tensor_bytes", t.tensor_bytes);
	cli_json_u64(j, "file_bytes", c->file_bytes);
	json_files(j, c);
	cli_json_f64(j, "bits_per_weight", t.bits_per_weight);
	cli_json_array(j, "notes");
	for (uint32_t i = 0; i < c->view->n_notes; i++)
		cli_json_cstr(j, NULL, c->view->notes[i]);
	cli_json_close(j, ']');
}

static double bits_per_weight(const struct fmt_view_tensor *vt, uint64_t bytes)
{
	return vt->n_elems ? 8.0 * (double)bytes / (double)vt->n_elems : 0;
}

static void json_tensor(struct cli_json *j, const struct conversion *c, uint32_t i)
{
	const struct fmt_view_tensor *vt = &c->view->tensors[i];
	const struct part *part = &c->parts[st2gguf_part_of(c, i)];

	cli_json_object(j, NULL);
	cli_json_str(j, "name", vt->name);
	cli_json_array(j, "shape");
	for (uint32_t d = 0; d < vt->n_dims; d++)
		cli_json_u64(j, NULL, vt->dims[d]);
	cli_json_close(j, ']');
	cli_json_cstr(j, "source_type", fmt_type_info(vt->type)->name);
	cli_json_cstr(j, "type", fmt_type_info(c->types[i])->name);
	cli_json_u64(j, "bytes", fmt_writer_bytes(c->writer, i));
	if (c->n_parts > 1)
		cli_json_u64(j, "file", (uint64_t)(part - c->parts));
	cli_json_u64(j, "offset", fmt_writer_offset(part->writer, i - (uint32_t)part->first));
	cli_json_f64(j, "bits_per_weight", bits_per_weight(vt, fmt_writer_bytes(c->writer, i)));
	cli_json_cstr(j, "rule", c->why[i]);
	cli_json_close(j, '}');
}

static void json_plan(const struct conversion *c)
{
	struct cli_json j;

	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	json_summary(&j, c);
	cli_json_array(&j, "tensors");
	for (uint64_t i = 0; i < c->view->n_tensors; i++)
		json_tensor(&j, c, (uint32_t)i);
	cli_json_close(&j, ']');
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

static int name_width(const struct fmt_view *v)
{
	size_t n = 0;

	for (uint64_t i = 0; i < v->n_tensors; i++)
		if (v->tensors[i].name.n > n)
			n = v->tensors[i].name.n;
	return n > 60 ? 60 : (int)n;
}

static void print_tensor(const struct conversion *c, uint32_t i, int width)
{
	const struct fmt_view_tensor *vt = &c->view->tensors[i];
	char shape[FMT_MAX_DIMS * 22 + 4] = "[", count[32];
	size_t n = 1;

	for (uint32_t d = 0; d < vt->n_dims; d++)
		n += (size_t)snprintf(shape + n, sizeof shape - n, "%s%" PRIu64, d ? ", " : "", vt->dims[d]);
	snprintf(shape + n, sizeof shape - n, "]");
	cli_print_str(stdout, vt->name);
	printf("%*s  %-16s %5s -> %-7s %5.2f %15s  %s\n", vt->name.n < (size_t)width ? width - (int)vt->name.n : 0, "", shape,
	       fmt_type_info(vt->type)->name, fmt_type_info(c->types[i])->name, bits_per_weight(vt, fmt_writer_bytes(c->writer, i)),
	       cli_thousands(fmt_writer_bytes(c->writer, i), count), c->why[i]);
}

void st2gguf_print_plan(const struct conversion *c)
{
	struct totals t = add_up(c);
	int width = name_width(c->view);
	char count[32], params[32];

	if (c->program->json) {
		json_plan(c);
		return;
	}
	for (uint64_t i = 0; i < c->view->n_tensors; i++)
		print_tensor(c, (uint32_t)i, width);
	printf("\n%" PRIu64 " tensors, %s parameters, %s, %.2f bits per weight\n", c->view->n_tensors,
	       cli_count(t.params, params), quant_name(c), t.bits_per_weight);
	for (size_t i = 0; i < c->n_parts; i++) {
		uint64_t n = n_tensors_in(c, i);

		printf("%s would have %s bytes", c->parts[i].path, cli_thousands(c->parts[i].file_bytes, count));
		if (c->n_parts > 1)
			printf(", %" PRIu64 " tensor%s", n, n == 1 ? "" : "s");
		putchar('\n');
	}
}

void st2gguf_print_result(const struct conversion *c, double seconds, struct verify *v)
{
	struct totals t = add_up(c);
	char before[32], after[32], params[32];
	struct cli_json j;

	if (c->program->json) {
		cli_json_start(&j, stdout);
		cli_json_object(&j, NULL);
		json_summary(&j, c);
		cli_json_u64(&j, "threads", quant_pool_threads(c->pool));
		cli_json_f64(&j, "seconds", seconds);
		if (v)
			verify_json(&j, v, c);
		cli_json_close(&j, '}');
		cli_json_end(&j);
		return;
	}
	if (c->program->quiet)
		return;
	printf("%s: ", c->parts[0].path);
	if (c->n_parts > 1)
		printf("%zu files, ", c->n_parts);
	printf("%" PRIu64 " tensors, %s parameters, %s, %.2f bits per weight, %s -> %s in %.1f s\n", c->view->n_tensors,
	       cli_count(t.params, params), quant_name(c), t.bits_per_weight,
	       cli_bytes(t.source_bytes, before), cli_bytes(c->file_bytes, after), seconds);
	if (v)
		verify_print(v, c);
}
