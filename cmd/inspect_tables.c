/* gguf-inspect, for people: every tensor, and the metadata. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

#define ELEMENTS_SHOWN 6 /* of an array */
#define TEXT_SHOWN 100   /* bytes of a string */

static bool plain(struct fmt_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return true;
}

/* Columns of what cli_print_str would print; a character is taken as one column wide. */
int inspect_width(struct fmt_str s)
{
	char *text = NULL;
	size_t n = 0;
	int columns = 0;
	FILE *f;

	if (plain(s))
		return s.n < 1000 ? (int)s.n : 1000;
	f = open_memstream(&text, &n);
	if (!f)
		return 0;
	cli_print_str(f, s);
	fclose(f);
	for (size_t i = 0; i < n && columns < 1000; i++)
		columns += ((unsigned char)text[i] & 0xc0) != 0x80;
	free(text);
	return columns;
}

void inspect_cell(struct fmt_str s, int width)
{
	int pad = width - inspect_width(s);

	cli_print_str(stdout, s);
	printf("%*s", pad > 0 ? pad : 0, "");
}

const char *inspect_shape(uint32_t n_dims, const uint64_t *dims, char *buf)
{
	int n = snprintf(buf, INSPECT_SHAPE_MAX, "[");

	for (uint32_t i = 0; i < n_dims; i++)
		n += snprintf(buf + n, INSPECT_SHAPE_MAX - (size_t)n, i ? ", %" PRIu64 : "%" PRIu64, dims[i]);
	snprintf(buf + n, INSPECT_SHAPE_MAX - (size_t)n, "]");
	return buf;
}

const char *inspect_shown(struct fmt_str name, char *buf)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	buf[0] = 0;
	if (!f)
		return buf;
	cli_print_str(f, (struct fmt_str){ name.p, name.n < 90 ? name.n : 90 });
	fclose(f);
	snprintf(buf, 100, n > 90 || name.n > 90 ? "'%.90s...'" : "'%s'", text);
	free(text);
	return buf;
}

/* Columns; name is 0 if there is nothing to show. */
struct widths {
	int name, type, shape, params, bytes, offset;
};

static int wider(int a, int b)
{
	return a > b ? a : b;
}

static struct widths measure(const struct inspect *in, const struct inspect_opts *o)
{
	struct widths w = { 0, 4, 5, 10, 5, 6 };
	char buf[INSPECT_SHAPE_MAX];

	for (uint64_t i = 0; i < in->n_tensors; i++) {
		const struct inspect_tensor *t = &in->tensors[i];

		if (!inspect_match(o->filter, t->name))
			continue;
		w.name = wider(wider(w.name, 6), inspect_width(t->name));
		w.type = wider(w.type, (int)strlen(fmt_type_info(t->type)->name));
		w.shape = wider(w.shape, (int)strlen(inspect_shape(t->n_dims, t->dims, buf)));
		w.params = wider(w.params, (int)strlen(cli_thousands(t->n_elems, buf)));
		w.bytes = wider(w.bytes, (int)strlen(cli_thousands(t->n_bytes, buf)));
		if (t->stored)
			w.offset = wider(w.offset, snprintf(buf, sizeof buf, "%" PRIu64, t->stored->off));
	}
	return w;
}

static void tensor_row(const struct inspect *in, const struct inspect_tensor *t, const struct widths *w)
{
	char shape[INSPECT_SHAPE_MAX], params[32], bytes[32];

	inspect_cell(t->name, w->name);
	printf("  %-*s  %-*s  %*s  %*s", w->type, fmt_type_info(t->type)->name, w->shape,
	       inspect_shape(t->n_dims, t->dims, shape), w->params, cli_thousands(t->n_elems, params), w->bytes,
	       cli_thousands(t->n_bytes, bytes));
	if (t->stored)
		printf("  %*" PRIu64, w->offset, t->stored->off);
	if (t->stored && in->model->n_files > 1)
		printf("  %4" PRIu32, t->stored->file);
	if (t->hash[0])
		printf("  %s", t->hash);
	putchar('\n');
}

void inspect_print_tensors(const struct inspect *in, const struct inspect_opts *o)
{
	struct widths w = measure(in, o);
	char line[320];
	int n;

	if (!w.name)
		return;

	n = snprintf(line, sizeof line, "%-*s  %-*s  %-*s  %*s  %*s", w.name < 100 ? w.name : 100, "tensor", w.type, "type",
	             w.shape < 100 ? w.shape : 100, "shape", w.params, "parameters", w.bytes, "bytes");
	if (!o->as_gguf)
		n += snprintf(line + n, sizeof line - (size_t)n, "  %*s", w.offset, "offset");
	if (!o->as_gguf && in->model->n_files > 1)
		n += snprintf(line + n, sizeof line - (size_t)n, "  %4s", "file");
	if (in->hash[0])
		snprintf(line + n, sizeof line - (size_t)n, "  xxh3-128");
	putchar('\n');
	inspect_heading(o, line);
	putchar('\n');
	for (uint64_t i = 0; i < in->n_tensors; i++)
		if (inspect_match(o->filter, in->tensors[i].name))
			tensor_row(in, &in->tensors[i], &w);
}

/* What stands for a byte between quotes that would be misread there; NULL for all others. */
static const char *escape_of(char c)
{
	return c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;
}

/* In quotes; what is not text becomes \xNN. */
static void print_quoted(struct fmt_str s, const struct inspect_opts *o)
{
	struct fmt_str part = { s.p, 0 };
	size_t n = o->full || s.n <= TEXT_SHOWN ? s.n : TEXT_SHOWN;

	/* not in the middle of a character */
	while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	putchar('"');
	for (size_t i = 0; i < n; i++) {
		if (!escape_of(s.p[i])) {
			part.n++;
			continue;
		}
		cli_print_str(stdout, part);
		fputs(escape_of(s.p[i]), stdout);
		part = (struct fmt_str){ s.p + i + 1, 0 };
	}
	cli_print_str(stdout, part);
	putchar('"');
	if (n < s.n)
		printf(" ... (%zu bytes)", s.n);
}

static void print_value(const struct fmt_value *v, const struct inspect_opts *o);

static void print_array(const struct fmt_value *v, const struct inspect_opts *o)
{
	uint64_t n = o->full || v->n <= ELEMENTS_SHOWN ? v->n : ELEMENTS_SHOWN;
	char buf[32];

	putchar('[');
	for (uint64_t i = 0; i < n; i++) {
		struct fmt_value e = inspect_value_at(v, i);

		if (i)
			fputs(", ", stdout);
		print_value(&e, o);
	}
	if (n < v->n)
		printf(", ... %s more", cli_thousands(v->n - n, buf));
	putchar(']');
}

static void print_real(double x)
{
	char text[40];

	if (fabs(x) < 1e15 && x == floor(x)) { /* 500000, not 5e+05 */
		printf("%.0f", x);
		return;
	}
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, x);
		if (strtod(text, NULL) == x)
			break;
	}
	fputs(text, stdout);
}

static void print_value(const struct fmt_value *v, const struct inspect_opts *o)
{
	switch (v->type) {
	case FMT_KV_U8:
	case FMT_KV_U16:
	case FMT_KV_U32:
	case FMT_KV_U64:
		printf("%" PRIu64, v->as.u);
		return;
	case FMT_KV_I8:
	case FMT_KV_I16:
	case FMT_KV_I32:
	case FMT_KV_I64:
		printf("%" PRId64, v->as.i);
		return;
	case FMT_KV_F32:
	case FMT_KV_F64:
		print_real(inspect_real_of(v));
		return;
	case FMT_KV_BOOL:
		fputs(v->as.b ? "true" : "false", stdout);
		return;
	case FMT_KV_STR:
		print_quoted(v->as.s, o);
		return;
	case FMT_KV_ARR:
		print_array(v, o);
		return;
	case FMT_KV_TYPE_COUNT:
		return;
	}
}

static void print_kvs(const struct fmt_kv *kv, uint64_t n, const struct inspect_opts *o, const char *what)
{
	int width = 8;
	uint64_t matching = 0;
	char type[16];

	for (uint64_t i = 0; i < n; i++) {
		if (!inspect_match(o->filter, kv[i].key))
			continue;
		width = wider(width, inspect_width(kv[i].key));
		matching++;
	}
	if (!matching)
		return;
	putchar('\n');
	inspect_heading(o, what);
	putchar('\n');
	for (uint64_t i = 0; i < n; i++) {
		if (!inspect_match(o->filter, kv[i].key))
			continue;
		inspect_cell(kv[i].key, width);
		printf("  %-10s ", inspect_type_of(&kv[i].value, type));
		print_value(&kv[i].value, o);
		putchar('\n');
	}
}

void inspect_print_metadata(const struct inspect *in, const struct inspect_opts *o)
{
	print_kvs(in->kv, in->n_kv, o, in->view && in->view->from_dir ? "metadata (as GGUF keys)" : "metadata");
	if (in->view && in->view->from_dir && in->model->n_kv)
		print_kvs(in->model->kv, in->model->n_kv, o, "metadata of the weights' files");
}
