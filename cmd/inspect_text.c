/* gguf-inspect, for people: the summary and the shares of types and components. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

#define BAR_COLUMNS 24 /* of a share of 100 % */

void inspect_heading(const struct inspect_opts *o, const char *text)
{
	printf(o->colour ? "\033[1m%s\033[0m" : "%s", text);
}

static void label(const char *text)
{
	printf("  %-14s", text);
}

static void size_line(const struct inspect *in)
{
	char human[32], exact[32];

	label("size");
	fputs(cli_bytes(in->file_bytes, human), stdout);
	if (in->file_bytes >= 1024)
		printf(" (%s bytes)", cli_thousands(in->file_bytes, exact));
	if (in->model->n_files > 1)
		printf(" in %" PRIu32 " files", in->model->n_files);
	putchar('\n');
}

static void format_line(const struct inspect *in)
{
	label("format");
	fputs(inspect_container(in->model), stdout);
	if (in->model->version)
		printf(" version %" PRIu32, in->model->version);
	puts(in->model->big_endian ? ", big endian" : "");
}

static void text_line(const struct inspect *in, const char *name, const char *key)
{
	struct fmt_str s = inspect_text_of(inspect_get(in, key));

	if (!s.n)
		return;
	label(name);
	cli_print_str(stdout, s);
	putchar('\n');
}

static void parameters_line(const struct inspect *in)
{
	char buf[32];

	if (!in->total.n_tensors)
		return;
	label("parameters");
	fputs(cli_count(in->total.n_params, buf), stdout);
	if (in->total.n_params >= 1000)
		printf(" (%s)", cli_thousands(in->total.n_params, buf));
	printf(" in %s tensor%s\n", cli_thousands(in->total.n_tensors, buf), in->total.n_tensors == 1 ? "" : "s");
}

static double bits_per_weight(const struct inspect_sum *s)
{
	return s->n_params ? 8.0 * (double)s->n_bytes / (double)s->n_params : 0;
}

static void weights_line(const struct inspect *in)
{
	const char *quantization = inspect_file_type(in);
	char human[32];

	if (!in->total.n_tensors)
		return;
	label("weights");
	printf("%s, %.2f bits per weight", cli_bytes(in->total.n_bytes, human), bits_per_weight(&in->total));
	printf("%s%s\n", quantization ? ", " : "", quantization ? quantization : "");
}

/* "4" or "4 to 8". */
static void print_range(uint64_t low, uint64_t high)
{
	char buf[32];

	fputs(cli_thousands(low, buf), stdout);
	if (high != low)
		printf(" to %s", cli_thousands(high, buf));
}

/* What a quantized checkpoint's matrices are stored in, and what is left. Words packed into others were counted above. */
static void quantized_line(const struct inspect *in)
{
	struct fmt_view_quantized q;
	char buf[32];

	if (!in->view || !fmt_view_quantized(in->view, &q))
		return;
	label("quantized");
	cli_print_str(stdout, q.method);
	fputs(", ", stdout);
	print_range(q.least_bits, q.most_bits);
	fputs(" bits, ", stdout);
	if (q.most_group) {
		fputs("groups of ", stdout);
		print_range(q.least_group ? q.least_group : q.most_group, q.most_group);
	}
	printf("%s%s: %s weights", q.most_group ? "" : "rows or more to a scale", q.ordered ? " listed by column" : "",
	       cli_count(q.n_elems, buf));
	printf(" in %s, %.2f bits each", cli_bytes(q.n_bytes, buf), 8.0 * (double)q.n_bytes / (double)q.n_elems);
	printf("; %s are left in", cli_count(q.n_left, buf));
	printf(" %.0f bits\n", q.n_left ? 8.0 * (double)q.left_bytes / (double)q.n_left : 0.0);
}

/* An integer, or the smallest and largest of an array of them (per layer); false if it is neither. */
static bool range_of(const struct fmt_value *v, uint64_t *low, uint64_t *high)
{
	if (inspect_number_of(v, low)) {
		*high = *low;
		return true;
	}
	if (!v || v->type != FMT_KV_ARR || !v->n || (v->elem != FMT_KV_U32 && v->elem != FMT_KV_I32))
		return false;
	*low = UINT64_MAX;
	*high = 0;
	for (uint64_t i = 0; i < v->n; i++) {
		uint32_t x = ((const uint32_t *)v->as.data)[i];

		*low = x < *low ? x : *low;
		*high = x > *high ? x : *high;
	}
	return true;
}

/* Prints BEFORE, the number or "1 to 8", AFTER, if the architecture has such a key. */
static bool number(const struct inspect *in, const char *before, const char *suffix, const char *after)
{
	uint64_t low, high;
	char buf[32];

	if (!range_of(inspect_arch_get(in, suffix), &low, &high))
		return false;
	printf("%s%s", before, cli_thousands(low, buf));
	if (high != low)
		printf(" to %s", cli_thousands(high, buf));
	fputs(after, stdout);
	return true;
}

static void shape_lines(const struct inspect *in)
{
	if (inspect_arch_get(in, "context_length")) {
		label("context");
		number(in, "", "context_length", " tokens");
		putchar('\n');
	}
	if (!inspect_arch_get(in, "block_count"))
		return;
	label("layers");
	number(in, "", "block_count", "");
	number(in, " (", "nextn_predict_layers", " for multi-token prediction)");
	number(in, ", width ", "embedding_length", "");
	number(in, ", feed-forward ", "feed_forward_length", "");
	putchar('\n');
	if (inspect_arch_get(in, "attention.head_count")) {
		label("attention");
		number(in, "", "attention.head_count", " heads");
		number(in, ", ", "attention.head_count_kv", " for keys and values");
		number(in, ", size ", "attention.key_length", "");
		number(in, ", window ", "attention.sliding_window", "");
		putchar('\n');
	}
	if (inspect_arch_get(in, "expert_count")) {
		label("experts");
		number(in, "", "expert_count", "");
		number(in, ", ", "expert_used_count", " used per token");
		putchar('\n');
	}
}

static void vocabulary_line(const struct inspect *in)
{
	const struct fmt_value *tokens = inspect_get(in, "tokenizer.ggml.tokens");
	struct fmt_str model = inspect_text_of(inspect_get(in, "tokenizer.ggml.model"));
	struct fmt_str pre = inspect_text_of(inspect_get(in, "tokenizer.ggml.pre"));
	char buf[32];

	if (!tokens || tokens->type != FMT_KV_ARR)
		return;
	label("vocabulary");
	printf("%s tokens", cli_thousands(tokens->n, buf));
	if (model.n) {
		fputs(", tokenizer ", stdout);
		cli_print_str(stdout, model);
	}
	if (pre.n) {
		fputs(" (", stdout);
		cli_print_str(stdout, pre);
		putchar(')');
	}
	putchar('\n');
}

static void template_line(const struct inspect *in)
{
	struct fmt_str s = inspect_text_of(inspect_get(in, "tokenizer.chat_template"));
	char buf[32];

	if (!s.n)
		return;
	label("chat template");
	printf("%s characters\n", cli_thousands(s.n, buf));
}

static void bar(const struct inspect_opts *o, double share)
{
	int n = (int)(share * BAR_COLUMNS + 0.5);

	if (!n)
		return;
	fputs(o->colour ? "  \033[36m" : "  ", stdout);
	for (int i = 0; i < n; i++)
		putchar('#');
	if (o->colour)
		fputs("\033[0m", stdout);
}

static void share_row(const struct inspect *in, const struct inspect_opts *o, const char *name, const struct inspect_sum *s)
{
	double share = in->total.n_bytes ? (double)s->n_bytes / (double)in->total.n_bytes : 0;
	char params[32], bytes[32];

	printf("  %-14s %7" PRIu64 " %15s %9s %6.2f %6.1f %%", name, s->n_tensors, cli_thousands(s->n_params, params),
	       cli_bytes(s->n_bytes, bytes), bits_per_weight(s), share * 100);
	bar(o, share);
	putchar('\n');
}

static void share_heading(const struct inspect_opts *o, const char *what)
{
	char line[100];

	snprintf(line, sizeof line, "  %-14s %7s %15s %9s %6s %8s", what, "tensors", "parameters", "bytes", "bits", "share");
	putchar('\n');
	inspect_heading(o, line);
	putchar('\n');
}

/* Indices of the types that occur, most bytes first. */
static int sorted_types(const struct inspect *in, int order[FMT_TYPE_COUNT])
{
	int n = 0;

	for (int t = 0; t < FMT_TYPE_COUNT; t++) {
		int at = n;

		if (!in->types[t].n_tensors)
			continue;
		for (; at && in->types[order[at - 1]].n_bytes < in->types[t].n_bytes; at--)
			order[at] = order[at - 1];
		order[at] = t;
		n++;
	}
	return n;
}

static void shares(const struct inspect *in, const struct inspect_opts *o)
{
	int order[FMT_TYPE_COUNT], n = sorted_types(in, order);

	if (!in->total.n_tensors)
		return;
	share_heading(o, "type");
	for (int i = 0; i < n; i++)
		share_row(in, o, fmt_type_info((enum fmt_type)order[i])->name, &in->types[order[i]]);
	share_heading(o, "component");
	for (int c = 0; c < FMT_PART_COUNT; c++)
		if (in->parts[c].n_tensors)
			share_row(in, o, fmt_component_name((enum fmt_component)c), &in->parts[c]);
}

static void notes(const struct inspect *in)
{
	char line[sizeof in->view_err.file + sizeof in->view_err.msg + 64];

	if (in->view_err.code) {
		label("notes");
		fmt_err_line(&in->view_err, line, sizeof line);
		puts(line);
	}
	for (uint32_t i = 0; in->view && i < in->view->n_notes; i++) {
		label(i ? "" : "notes");
		puts(in->view->notes[i]);
	}
}

static void summary(const struct inspect *in)
{
	format_line(in);
	size_line(in);
	if (!fmt_str_is(inspect_text_of(inspect_get(in, "general.type")), "model"))
		text_line(in, "kind", "general.type"); /* adapter, imatrix, mmproj */
	text_line(in, "architecture", "general.architecture");
	text_line(in, "name", "general.name");
	inspect_adapter_line(in);
	parameters_line(in);
	weights_line(in);
	quantized_line(in);
	shape_lines(in);
	vocabulary_line(in);
	template_line(in);
	notes(in);
}

static void findings(const struct inspect *in, const struct inspect_opts *o)
{
	char line[64];

	snprintf(line, sizeof line, in->findings.n == 1 ? "%zu finding" : "%zu findings", in->findings.n);
	if (o->summary || o->tensors || o->metadata)
		putchar('\n');
	inspect_heading(o, in->findings.n ? line : "no findings");
	putchar('\n');
	for (size_t i = 0; i < in->findings.n; i++)
		printf("  %-14s %s\n", in->findings.items[i].kind, in->findings.items[i].text);
}

void inspect_print(const struct inspect *in, const struct inspect_opts *o)
{
	if (o->colour)
		fputs("\033[1m", stdout);
	cli_print_str(stdout, (struct fmt_str){ in->path, strlen(in->path) });
	puts(o->colour ? "\033[0m" : "");
	if (o->summary) {
		summary(in);
		shares(in, o);
	}
	if (o->tensors)
		inspect_print_tensors(in, o);
	else if (o->summary)
		inspect_print_layers(in, o);
	if (o->metadata)
		inspect_print_metadata(in, o);
	if (in->hash[0])
		printf("\ncontents  xxh3-128 %s\n", in->hash);
	if (o->check)
		findings(in, o);
}
