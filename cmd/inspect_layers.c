/* gguf-inspect, for people: tensors whose names differ only in numbers, and that have the same type and shape, in one
 * line, so that a model of eighty layers fits on a screen and a layer that is not like the others stands out. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

#define RANGES_SHOWN 12

/* A segment of a dotted name, taken off its front. */
struct segment {
	const char *p;
	size_t n;
	bool number;    /* all digits, and few enough for `value` */
	uint64_t value;
};

struct group {
	const struct inspect_tensor **items; /* in the order of the file */
	size_t n;
	const struct inspect_tensor *place; /* the first of all groups with this pattern: they are shown together */
};

static bool next_segment(struct fmt_str *rest, struct segment *s)
{
	size_t n = 0;

	if (!rest->p)
		return false;
	while (n < rest->n && rest->p[n] != '.')
		n++;
	*s = (struct segment){ .p = rest->p, .n = n, .number = n > 0 && n < 10 };
	for (size_t i = 0; i < n && s->number; i++) {
		s->number = s->p[i] >= '0' && s->p[i] <= '9';
		s->value = s->value * 10 + (uint64_t)(s->p[i] - '0');
	}
	if (n < rest->n)
		*rest = (struct fmt_str){ rest->p + n + 1, rest->n - n - 1 };
	else
		*rest = (struct fmt_str){ NULL, 0 };
	return true;
}

/* Orders names; those that differ in numbers only are equal. */
static int pattern_order(struct fmt_str a, struct fmt_str b)
{
	struct segment x, y;
	int c;

	for (;;) {
		bool more_x = next_segment(&a, &x), more_y = next_segment(&b, &y);

		if (!more_x || !more_y)
			return more_x - more_y;
		if (x.number && y.number)
			continue;
		if (x.number != y.number)
			return x.number - y.number;
		c = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
		if (c || x.n != y.n)
			return c ? c : x.n < y.n ? -1 : 1;
	}
}

static int alike(const struct inspect_tensor *x, const struct inspect_tensor *y)
{
	int c = pattern_order(x->name, y->name);

	if (c || x->type != y->type)
		return c ? c : x->type < y->type ? -1 : 1;
	if (x->n_dims != y->n_dims)
		return x->n_dims < y->n_dims ? -1 : 1;
	for (uint32_t i = 0; i < x->n_dims; i++)
		if (x->dims[i] != y->dims[i])
			return x->dims[i] < y->dims[i] ? -1 : 1;
	return 0;
}

static int by_group(const void *a, const void *b)
{
	const struct inspect_tensor *x = *(const struct inspect_tensor *const *)a;
	const struct inspect_tensor *y = *(const struct inspect_tensor *const *)b;
	int c = alike(x, y);

	return c ? c : (x > y) - (x < y); /* both in one array: the order of the file */
}

static int by_place(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return (x->items[0] > y->items[0]) - (x->items[0] < y->items[0]);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The numbers at place `slot` of the names (0: the first number), sorted; returns how many names have one there. */
static size_t slot_values(const struct group *g, unsigned slot, uint64_t *values)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		struct fmt_str rest = g->items[i]->name;
		struct segment s;
		unsigned seen = 0;

		while (next_segment(&rest, &s))
			if (s.number && seen++ == slot)
				values[n++] = s.value;
	}
	qsort(values, n, sizeof *values, by_value);
	return n;
}

/* "0-3,7,9-11" of sorted numbers that may repeat */
static void print_ranges(const uint64_t *v, size_t n)
{
	unsigned shown = 0;

	for (size_t i = 0; i < n;) {
		uint64_t first = v[i], last = first;

		while (i < n && v[i] - last <= 1)
			last = v[i++];
		if (shown++ == RANGES_SHOWN) {
			fputs(",...", stdout);
			return;
		}
		printf(shown > 1 ? ",%" PRIu64 : "%" PRIu64, first);
		if (last != first)
			printf("-%" PRIu64, last);
	}
}

/* Of each number in the names, the values it takes: "0-3", or "0-3 x 0-7" for experts in layers. */
static void print_slots(const struct group *g)
{
	uint64_t *values = calloc(g->n, sizeof *values);

	if (!values)
		return; /* the line is complete but for this */
	for (unsigned slot = 0;; slot++) {
		size_t n = slot_values(g, slot, values);

		if (!n)
			break;
		fputs(slot ? " x " : "  ", stdout);
		print_ranges(values, n);
	}
	free(values);
}

/* The name with * for each number; `out` holds as many bytes as the name has. */
static struct fmt_str pattern_of(struct fmt_str name, char *out)
{
	struct segment s;
	size_t n = 0;

	while (next_segment(&name, &s)) {
		if (s.number)
			out[n++] = '*';
		else
			memcpy(out + n, s.p, s.n);
		n += s.number ? 0 : s.n;
		if (name.p)
			out[n++] = '.';
	}
	return (struct fmt_str){ out, n };
}

struct widths {
	int name, type, shape, params, bytes;
};

static int wider(int width, int text)
{
	return text > width ? text : width;
}

static struct widths measure(const struct group *groups, size_t n, char *scratch)
{
	struct widths w = { 6, 4, 5, 10, 5 };
	char buf[INSPECT_SHAPE_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct group *g = &groups[i];
		const struct inspect_tensor *t = g->items[0];

		w.name = wider(w.name, inspect_width(g->n > 1 ? pattern_of(t->name, scratch) : t->name));
		w.type = wider(w.type, (int)strlen(fmt_type_info(t->type)->name));
		w.shape = wider(w.shape, (int)strlen(inspect_shape(t->n_dims, t->dims, buf)));
		w.params = wider(w.params, (int)strlen(cli_thousands(t->n_elems * g->n, buf)));
		w.bytes = wider(w.bytes, (int)strlen(cli_bytes(t->n_bytes * g->n, buf)));
	}
	return w;
}

static void print_group(const struct group *g, const struct widths *w, char *scratch)
{
	const struct inspect_tensor *t = g->items[0];
	char shape[INSPECT_SHAPE_MAX], params[32], bytes[32];

	fputs("  ", stdout);
	inspect_cell(g->n > 1 ? pattern_of(t->name, scratch) : t->name, w->name);
	printf("  %-*s  %-*s  %5zu  %*s  %*s", w->type, fmt_type_info(t->type)->name, w->shape,
	       inspect_shape(t->n_dims, t->dims, shape), g->n, w->params, cli_thousands(t->n_elems * g->n, params), w->bytes,
	       cli_bytes(t->n_bytes * g->n, bytes));
	if (g->n > 1)
		print_slots(g);
	putchar('\n');
}

static void print_groups(const struct inspect_opts *o, const struct group *groups, size_t n, char *scratch)
{
	struct widths w = measure(groups, n, scratch);
	char heading[300];

	fputs("\n  ", stdout);
	inspect_heading(o, "tensor");
	printf("%*s", w.name - 6, "");
	snprintf(heading, sizeof heading, "  %-*s  %-*s  %5s  %*s  %*s  %s", w.type, "type", w.shape, "shape", "count", w.params,
	         "parameters", w.bytes, "bytes", "layers");
	inspect_heading(o, heading);
	putchar('\n');
	for (size_t i = 0; i < n; i++)
		print_group(&groups[i], &w, scratch);
}

/* Sets `place` of groups that are sorted by pattern. */
static void find_places(struct group *groups, size_t n)
{
	for (size_t i = 0, end; i < n; i = end) {
		const struct inspect_tensor *first = groups[i].items[0];

		for (end = i; end < n && !pattern_order(groups[i].items[0]->name, groups[end].items[0]->name); end++)
			first = groups[end].items[0] < first ? groups[end].items[0] : first;
		for (size_t k = i; k < end; k++)
			groups[k].place = first;
	}
}

/* Sorts so that alike tensors are neighbours; `groups` holds in->n_tensors. Returns how many groups there are. */
static size_t make_groups(const struct inspect *in, const struct inspect_opts *o, const struct inspect_tensor **sorted,
                          struct group *groups)
{
	size_t n = 0, n_groups = 0;

	for (uint64_t i = 0; i < in->n_tensors; i++)
		if (inspect_match(o->filter, in->tensors[i].name))
			sorted[n++] = &in->tensors[i];
	qsort(sorted, n, sizeof *sorted, by_group);
	for (size_t i = 0; i < n; i++) {
		if (!i || alike(sorted[i - 1], sorted[i]))
			groups[n_groups++] = (struct group){ .items = sorted + i };
		groups[n_groups - 1].n++;
	}
	find_places(groups, n_groups);
	qsort(groups, n_groups, sizeof *groups, by_place);
	return n_groups;
}

void inspect_print_layers(const struct inspect *in, const struct inspect_opts *o)
{
	const struct inspect_tensor **sorted = calloc(in->n_tensors + 1, sizeof *sorted);
	struct group *groups = calloc(in->n_tensors + 1, sizeof *groups);
	size_t longest = 0, n;
	char *scratch;

	for (uint64_t i = 0; i < in->n_tensors; i++)
		longest = in->tensors[i].name.n > longest ? in->tensors[i].name.n : longest;
	scratch = malloc(longest + 1);
	if (sorted && groups && scratch) {
		n = make_groups(in, o, sorted, groups);
		if (n)
			print_groups(o, groups, n, scratch);
	} else {
		puts("  (no memory to list the tensors)");
	}
	free(scratch);
	free(groups);
	free(sorted);
}
